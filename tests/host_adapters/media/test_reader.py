"""Reading: every frame by number, exactly, from every kind of file."""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from numpy.typing import NDArray

from host_adapters.media import read_clip
from host_adapters.media.colour import FULL
from host_adapters.media.decode import decode_from
from tests.host_adapters.media.clips import damage, make, paint
from vdiff_plugin.errors import FrameError, MediaError, UnsupportedMediaError
from vdiff_plugin.frame import PixelFormat

OPEN_GOP = {"x264-params": "open-gop=1:keyint=8:bframes=3:b-pyramid=normal"}
DEEP = "bframes=7:b-adapt=0:b-pyramid=normal:direct=temporal"
KINDS: dict[str, dict[str, Any]] = {
    "h264.mp4": {"codec": "libx264", "options": {"g": "8"}},
    "open-gop.mp4": {"codec": "libx264", "options": OPEN_GOP},
    "open-gop.mkv": {"codec": "libx264", "options": OPEN_GOP},
    "open-gop.ts": {"codec": "libx264", "options": OPEN_GOP},
    "one-group.mkv": {"codec": "libx264", "options": {"x264-params": DEEP}},
    "one-group.mp4": {"codec": "libx264", "options": {"x264-params": f"{DEEP}:weightp=2:ref=4"}},
    "intra-refresh.mkv": {
        "codec": "libx264",
        "options": {"x264-params": "intra-refresh=1:keyint=8"},
    },
    "hevc.mkv": {
        "codec": "libx265",
        "pix_fmt": "yuv420p10le",
        "options": {"x265-params": "log-level=none:keyint=8:open-gop=1:bframes=3"},
    },
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "8", "deadline": "realtime"}},
    "vp8.webm": {"codec": "libvpx", "options": {"g": "8"}},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"g": "8", "bf": "2"}},
    "h264.avi": {"codec": "libx264", "options": {"g": "8", "bf": "2"}},
    "mpeg2.ts": {"codec": "mpeg2video", "options": {"g": "8", "bf": "2"}},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"g": "8", "bf": "2"}},
    "raw.h264": {"codec": "libx264", "options": {"g": "8"}},
    "prores.mov": {"codec": "prores_ks", "pix_fmt": "yuv422p10le"},
    "ffv1.mkv": {"codec": "ffv1", "pix_fmt": "gray16le"},
    "anim.gif": {"codec": "gif", "pix_fmt": "rgb8"},
}


@pytest.mark.parametrize("name", KINDS)
def test_a_frame_is_the_same_wherever_reading_begins(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name, size=(96, 64), frames=26, **KINDS[name])
    clip = read_clip(path)
    whole = list(clip.pictures())
    assert [picture.n for picture in whole] == list(range(26))
    keys = [picture.frame.key for picture in whole]
    assert len(set(keys)) == 26
    for start, end in ((25, 25), (17, 20), (8, 9), (7, 12), (0, 0), (23, 25)):
        part = list(read_clip(path).pictures(start, end))
        assert [picture.frame.key for picture in part] == keys[start : end + 1]
        assert [picture.pts for picture in part] == [each.pts for each in whole[start : end + 1]]
    assert not clip.damage


@pytest.mark.parametrize("name", ["one-group.mkv", "open-gop.ts", "mpeg2.ts", "hevc.mkv"])
def test_every_frame_is_the_same_read_alone(tmp_path: Path, name: str) -> None:
    clip = read_clip(make(tmp_path / name, size=(96, 64), frames=26, **KINDS[name]))
    keys = [picture.frame.key for picture in clip.pictures()]
    assert [next(clip.pictures(n, n)).frame.key for n in range(26)] == keys
    assert not clip.damage


@pytest.mark.parametrize(("name", "most"), [("one-group.mkv", 9), ("vp9.webm", 26)])
def test_on_the_way_to_a_frame_what_nothing_refers_to_is_left_out(
    tmp_path: Path, name: str, most: int
) -> None:
    source = read_clip(make(tmp_path / name, size=(96, 64), frames=26, **KINDS[name])).source
    pictures = decode_from(source.path, source.stream, source.index, 25, "AUTO")
    shown = [picture.pts for picture in pictures]
    assert shown == sorted(shown)
    assert shown[-1] == source.index.pts[25]
    assert len(shown) <= most
    careful = decode_from(source.path, source.stream, source.index, 25, "SLICE")
    assert len(list(careful)) >= len(shown)


def test_on_the_way_through_damage_every_picture_is_decoded(tmp_path: Path) -> None:
    path = make(tmp_path / "h.mkv", size=(96, 64), frames=26, **KINDS["one-group.mkv"])
    source = read_clip(path).source
    damaged = replace(source.index, damaged=frozenset({int(source.index.pts[3])}))
    assert len(list(decode_from(path, source.stream, damaged, 25, "AUTO"))) == 26


@pytest.mark.parametrize("name", ["h264.mp4", "prores.mov", "vp9.webm", "mpeg2.ts"])
def test_frames_are_what_libav_decodes(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name, frames=12, **KINDS[name])
    with av.open(str(path)) as container:
        pictures = list(container.decode(video=0))
    clip = read_clip(path)
    for ours, theirs in zip(clip.pictures(), pictures, strict=True):
        assert ours.pts == theirs.pts
        kind = theirs.format.name
        assert bytes(ours.frame.planes[0].tobytes()) == luma(theirs, kind).tobytes()


def luma(picture: av.VideoFrame, kind: str) -> NDArray[Any]:
    """The first plane, by PyAV's own conversion."""
    array = picture.to_ndarray()
    return array[0] if kind.startswith("yuv422") else array[: picture.height]


def test_packed_colours_are_taken_apart_exactly(tmp_path: Path) -> None:
    path = make(tmp_path / "rgb.mkv", codec="ffv1", pix_fmt="bgra", frames=2)
    with av.open(str(path)) as container:
        expected = next(container.decode(video=0)).to_ndarray()
    frame = next(read_clip(path).frames())
    for plane, channel in zip(frame.planes, (2, 1, 0, 3), strict=True):
        assert (plane == expected[:, :, channel]).all()


def test_what_the_core_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tags = {"colorspace": 9, "color_range": 2, "color_primaries": 9, "color_trc": 16}
    path = make(
        tmp_path / "hdr.mp4",
        tags=tags,
        codec="libx265",
        pix_fmt="yuv420p10le",
        options={"x265-params": "log-level=none:chromaloc=2"},
    )
    info = read_clip(path).info
    assert info.format == PixelFormat(family="yuv", bits=10, log2_w=1, log2_h=1)
    assert (info.matrix, info.full_range, info.chroma_location) == ("bt2020", True, "topleft")
    assert info.length == 10
    assert not caplog.records


@pytest.mark.parametrize(("size", "matrix"), [((64, 48), "bt601"), ((1280, 16), "bt709")])
def test_an_unknown_matrix_is_guessed_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, size: tuple[int, int], matrix: str
) -> None:
    clip = read_clip(make(tmp_path / "in.mkv", codec="ffv1", size=size, frames=1))
    assert clip.info.matrix == matrix
    assert not caplog.records  # a request may yet be refused, and then that alone is said
    list(clip.frames())
    list(clip.frames())
    assert len(caplog.records) == 1
    assert f"{matrix} is taken by its size" in caplog.text


def test_full_range_by_tag_and_by_format(tmp_path: Path) -> None:
    jpeg = make(tmp_path / "in.avi", codec="mjpeg", pix_fmt="yuvj420p")
    tagged = make(tmp_path / "in.mp4", tags={"color_range": FULL})
    assert read_clip(jpeg).info.full_range
    assert read_clip(tagged).info.full_range
    assert not read_clip(make(tmp_path / "limited.mp4")).info.full_range


def test_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [0, 40, 50, 200, 203, 900, 1000]
    path = make(tmp_path / "in.mkv", pts=times, time_base=Fraction(1, 1000))
    pictures = list(read_clip(path).pictures())
    assert [picture.pts for picture in pictures] == times
    assert [picture.duration for picture in pictures[:-1]] == [40, 10, 150, 3, 697, 100]


def test_edit_lists_hide_the_frames_before_them(tmp_path: Path) -> None:
    path = make(tmp_path / "whole.mp4", frames=20, options={"g": "20", "bf": "2"})
    cut = tmp_path / "cut.mp4"
    with av.open(str(path)) as container, av.open(str(cut), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.size:
                assert packet.pts is not None
                assert packet.dts is not None
                packet.pts -= 4 * 512
                packet.dts -= 4 * 512
                packet.stream = stream
                out.mux(packet)
    keys = [frame.key for frame in read_clip(path).frames()]
    trimmed = list(read_clip(cut).pictures())
    assert [picture.frame.key for picture in trimmed] == keys[4:]
    assert trimmed[0].pts == 0
    assert [frame.key for frame in read_clip(cut).frames(5, 6)] == keys[9:11]


@pytest.mark.parametrize(
    ("name", "repeated"),
    [("h264.mp4", [9]), ("ffv1.mkv", [9]), ("hevc.mkv", None), ("vp9.webm", [9])],
)
def test_a_damaged_packet_costs_its_frame_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, repeated: list[int] | None
) -> None:
    recipe = dict(KINDS[name])
    if name == "h264.mp4":
        recipe["options"] = {"g": "8", "bf": "0"}
    if name == "ffv1.mkv":
        recipe["options"] = {"g": "1"}
    path = make(tmp_path / name, frames=26, size=(96, 64), **recipe)
    good = [picture.pts for picture in read_clip(path).pictures()]
    clip = read_clip(damage(path, [9]))
    pictures = list(clip.pictures())
    assert [picture.pts for picture in pictures] == good
    assert len(clip.damage) >= 1
    if repeated:
        assert clip.damage.repeated == repeated
        assert pictures[9].frame.key == pictures[8].frame.key
    hurt = (clip.damage.repeated + clip.damage.concealed)[0]
    assert f"frame {hurt} (pts {good[hurt]}," in caplog.text
    keys = [picture.frame.key for picture in pictures]
    for start, end in ((9, 9), (10, 12), (20, 25)):
        part = [frame.key for frame in read_clip(clip.source.path).frames(start, end)]
        assert part == keys[start : end + 1]


def test_damage_at_both_ends_keeps_the_count(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", options={"g": "1"}, frames=12)
    clip = read_clip(damage(path, [0, 1, 10, 11]))
    keys = [frame.key for frame in clip.frames()]
    assert len(keys) == 12
    assert clip.damage.repeated == [0, 1, 10, 11]
    assert keys[0] == keys[1] == keys[2]
    assert keys[9] == keys[10] == keys[11]


def test_leading_frames_that_refer_to_what_was_cut_off(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = make(tmp_path / "whole.mkv", frames=26, options=OPEN_GOP)
    with av.open(str(path)) as container, av.open(str(tmp_path / "cut.mkv"), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        keys_seen = 0
        for packet in container.demux(video=0):
            keys_seen += packet.is_keyframe
            if packet.size and keys_seen >= 2:
                packet.stream = stream
                out.mux(packet)
    whole = {picture.pts: picture.frame.key for picture in read_clip(path).pictures()}
    clip = read_clip(tmp_path / "cut.mkv")
    pictures = list(clip.pictures())
    assert "leading frames refer to what was cut off" in caplog.text
    assert not clip.damage
    shift = max(whole) - pictures[-1].pts
    assert [picture.frame.key for picture in pictures] == [
        whole[picture.pts + shift] for picture in pictures
    ]


def test_vp8_packets_that_are_never_shown_are_no_frames(tmp_path: Path) -> None:
    path = make(tmp_path / "in.webm", frames=12, **KINDS["vp8.webm"])
    with av.open(str(path)) as container:
        packets = [bytes(each) for each in container.demux(video=0) if each.size]
    hidden = bytes([packets[5][0] & ~0x10]) + packets[5][1:]  # the bit that says: show it
    path.write_bytes(path.read_bytes().replace(packets[5], hidden))
    clip = read_clip(path)
    assert [picture.pts for picture in clip.pictures()] == [40 * n for n in range(12) if n != 5]
    assert not clip.damage


def test_interlaced_video_is_refused_with_advice(tmp_path: Path) -> None:
    path = make(
        tmp_path / "in.ts",
        codec="mpeg2video",
        options={"flags": "+ildct+ilme"},
        tags={"field_order": 2},
    )
    with pytest.raises(UnsupportedMediaError, match=r"interlaced; deinterlace first .*bwdif"):
        read_clip(path)


def test_a_header_that_says_interlaced_is_believed(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", tags={"field_order": 2})
    with pytest.raises(UnsupportedMediaError, match="frame 0 .* is interlaced"):
        read_clip(path)


def test_times_that_start_over_are_made_to_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    part = make(tmp_path / "part.ts", frames=8, options={"bf": "0"})
    later = make(tmp_path / "later.ts", pts=range(100, 108), options={"bf": "0"})
    path = tmp_path / "in.ts"
    path.write_bytes(later.read_bytes() + part.read_bytes())
    clip = read_clip(path)
    assert "times of its frames are unsure" in caplog.text
    pictures = list(clip.pictures())
    keys = [frame.key for name in (later, part) for frame in read_clip(name).frames()]
    assert [picture.frame.key for picture in pictures] == keys
    steps = {b.pts - a.pts for a, b in pairwise(pictures)}
    assert steps == {3600}
    assert [each.key for each in clip.frames(7, 9)] == keys[7:10]


def test_frames_left_out_of_an_avi_do_not_make_it_truncated(tmp_path: Path) -> None:
    clip = read_clip(make(tmp_path / "in.avi", codec="ffv1", pts=[0, 1, 5, 6]))
    assert clip.source.index.declared == 7
    assert not clip.source.truncated
    assert [picture.pts for picture in clip.pictures()] == [0, 1, 5, 6]


@pytest.mark.parametrize("begins", [40, 8])  # at 8 the times of both parts overlap
def test_a_change_of_size_is_refused_early(tmp_path: Path, begins: int) -> None:
    first = make(tmp_path / "first.ts", frames=8)
    times = range(begins, begins + 8)
    second = make(tmp_path / "second.ts", size=(96, 48), pts=times)
    path = tmp_path / "in.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    with pytest.raises(UnsupportedMediaError, match=r"changes at frame 8 \(pts .*64x48.* to 96x48"):
        read_clip(path)


@pytest.mark.parametrize("pix_fmt", ["rgb565le", "monob", "bayer_rggb16le"])
def test_formats_that_are_not_processed(tmp_path: Path, pix_fmt: str) -> None:
    path = tmp_path / "in.nut"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        picture = av.VideoFrame(64, 48, pix_fmt)
        picture.pts = 0
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    with pytest.raises(UnsupportedMediaError, match="is not processed"):
        read_clip(path)


def test_a_palette_is_expanded_aloud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "in.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "pal8"
        picture = paint(0, (64, 48), "rgb8")
        indexed = av.VideoFrame(64, 48, "pal8")
        indexed.planes[0].update(bytes(picture.planes[0]))
        indexed.planes[1].update(b"".join(bytes((n, 255 - n, n // 2, 255)) for n in range(256)))
        indexed.pts = 0
        container.mux(stream.encode(indexed))
        container.mux(stream.encode(None))
    clip = read_clip(path)
    assert clip.info.format == PixelFormat(family="rgb", alpha=True)
    red, green, blue, alpha = next(clip.frames()).planes
    assert "palette is expanded" in caplog.text
    with av.open(str(path)) as container:
        image, palette = next(container.decode(video=0)).to_ndarray()
    expected = palette[image]  # alpha, red, green, blue
    assert (expected[:, :, 0] == alpha).all()
    assert (expected[:, :, 1] == red).all()
    assert (expected[:, :, 2] == green).all()
    assert (expected[:, :, 3] == blue).all()


def test_ranges_outside_the_clip(tmp_path: Path) -> None:
    clip = read_clip(make(tmp_path / "in.mp4"))
    for start, end in ((0, 10), (-1, 3), (5, 4), (10, None)):
        with pytest.raises(FrameError, match="the clip has 10"):
            clip.pictures(start, end)


def test_reading_starts_no_warning_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = make(tmp_path / "in.mp4", tags={"colorspace": 1})
    with caplog.at_level(logging.INFO):
        assert len(list(read_clip(path).frames())) == 10
    assert not caplog.records


def test_a_truncated_file_says_what_it_lacks(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mkv", frames=40, codec="ffv1")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "of 1.60 seconds" in read_clip(path).source.truncated
    whole = make(tmp_path / "whole.mp4", muxing={"movflags": "faststart"}, frames=40)
    assert not read_clip(whole).source.truncated
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    assert "of 40 frames" in read_clip(whole).source.truncated


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", options={"g": "1"}, frames=12)
    clip = read_clip(path)
    damage(path, range(12)).replace(path)
    with pytest.raises(MediaError, match=r"frame 0 \(.* cannot be read any more"):
        list(clip.frames())


def test_every_frame_damaged(tmp_path: Path) -> None:
    path = damage(make(tmp_path / "in.mkv", codec="ffv1", frames=3, options={"g": "1"}), range(3))
    with pytest.raises(MediaError, match="no frame can be decoded"):
        read_clip(path)
