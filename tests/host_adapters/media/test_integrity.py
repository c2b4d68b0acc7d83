"""Damage that decoders hide is found, named with its pts, and costs nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from host_adapters.media import enhance, read_clip
from host_adapters.media.integrity import check_for
from host_adapters.media.matroska import broken_spans, missing_bytes
from tests.host_adapters.media.clips import QUIET, make
from vdiff_plugin.settings import Settings

Hurt = Callable[[bytes], bytes]
KINDS: dict[str, dict[str, Any]] = {
    "ffv1": {"codec": "ffv1", "options": {"g": "1", "slicecrc": "1", "level": "3"}},
    "h264": {"codec": "libx264", "options": {"g": "8", "bf": "0"}},
    "hevc": {"codec": "libx265", "options": {"x265-params": "log-level=none:keyint=8:bframes=0"}},
    "vp9": {"codec": "libvpx-vp9", "options": {"g": "8", "deadline": "realtime"}},
    "vp8": {"codec": "libvpx", "options": {"g": "8"}},
    "mpeg4": {"codec": "mpeg4", "options": {"g": "8"}},
    "mjpeg": {"codec": "mjpeg", "pix_fmt": "yuvj420p"},
}


def zeros(data: bytes) -> bytes:
    """As a lost sector of a disk leaves it."""
    first, last = len(data) * 2 // 5, len(data) * 3 // 5
    return data[:first] + bytes(last - first) + data[last:]


def flip(data: bytes) -> bytes:
    """One bit."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :]


def rubbish(data: bytes) -> bytes:
    first, last = len(data) * 2 // 5, len(data) * 3 // 5
    return data[:first] + np.random.default_rng(1).bytes(last - first) + data[last:]


def hurt(path: Path, number: int, how: Hurt) -> int:
    """Damage one packet of a file, in place; gives its pts."""
    with av.open(str(path)) as container:
        packets = [each for each in container.demux(video=0) if each.size]
        packet, pts = bytes(packets[number]), packets[number].pts
    data = path.read_bytes()
    assert data.count(packet) == 1
    path.write_bytes(data.replace(packet, how(packet)))
    assert pts is not None
    return pts


def clip(path: Path, kind: str) -> Path:
    return make(path, frames=26, size=(96, 64), **KINDS[kind])


@pytest.mark.parametrize("how", [zeros, flip, rubbish])
@pytest.mark.parametrize("kind", KINDS)
def test_no_damage_in_a_matroska_file_is_silent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, how: Hurt
) -> None:
    path = clip(tmp_path / "in.mkv", kind)
    times = [picture.pts for picture in read_clip(path).pictures()]
    at = times.index(hurt(path, 9, how))
    reader = read_clip(path)
    assert [picture.pts for picture in reader.pictures()] == times
    named = set(reader.damage.repeated + reader.damage.concealed)
    spans = reader.damage.doubtful
    assert at in named or any(first <= at <= last for first, last in spans)
    for n in [*named, *spans[0]]:
        assert f"frame {n} (pts {times[n]}, {times[n] / 1000:.3f} s)" in caplog.text


@pytest.mark.parametrize("kind", KINDS)
def test_whole_files_raise_no_suspicion(tmp_path: Path, kind: str) -> None:
    for ending in ("mkv", "avi" if kind == "ffv1" else "mp4"):
        if (kind, ending) == ("vp8", "mp4"):
            continue  # not to be had in mp4
        reader = read_clip(clip(tmp_path / f"in.{ending}", kind))
        assert not reader.source.index.damaged
        assert not reader.source.index.doubtful
        assert sum(1 for _ in reader.frames()) == 26
        assert not reader.damage


@pytest.mark.parametrize(
    ("kind", "ending", "how"),
    [
        ("ffv1", "avi", flip),  # its own checksum
        ("ffv1", "avi", rubbish),
        ("ffv1", "mkv", flip),
        ("hevc", "mp4", zeros),  # bytes that it never writes
        ("h264", "mp4", zeros),
        ("mpeg4", "mp4", rubbish),  # the decoder says so
    ],
)
def test_a_damaged_packet_is_named_whatever_the_container(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, ending: str, how: Hurt
) -> None:
    path = clip(tmp_path / f"in.{ending}", kind)
    good = list(read_clip(path).pictures())
    pts = hurt(path, 9, how)
    reader = read_clip(path)
    pictures = list(reader.pictures())
    assert reader.damage.concealed == [9]
    assert not reader.damage.repeated
    assert f"frame 9 (pts {pts}," in caplog.text
    assert [picture.pts for picture in pictures] == [picture.pts for picture in good]
    keys = [picture.frame.key for picture in pictures]
    untouched = [n for n in range(26) if n < 9 or n >= 16 or (kind == "ffv1" and n != 9)]
    assert [keys[n] for n in untouched] == [good[n].frame.key for n in untouched]
    for start, end in ((9, 9), (10, 12), (20, 25)):
        part = [frame.key for frame in read_clip(path).frames(start, end)]
        assert part == keys[start : end + 1]


@pytest.mark.parametrize("part", ["block", "cluster"])
def test_frames_that_are_lost_with_their_headers_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    path = clip(tmp_path / "in.mkv", "ffv1")
    data = path.read_bytes()
    with av.open(str(path)) as container:
        place = [each.pos for each in container.demux(video=0) if each.size][9]
    assert place is not None
    begin = data.rindex(b"\x1f\x43\xb6\x75", 0, place) if part == "cluster" else place
    path.write_bytes(data[:begin] + bytes(12) + data[begin + 12 :])
    reader = read_clip(path)
    pictures = list(reader.pictures())
    lost = 26 - len(pictures)
    assert 0 < lost <= 3
    assert f"the file is damaged, frames lost: {lost}; look at" in caplog.text
    assert len({picture.frame.key for picture in pictures}) == len(pictures)


def test_a_pass_beside_the_damage_does_not_mention_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = clip(tmp_path / "in.mkv", "ffv1")
    hurt(path, 9, flip)
    reader = read_clip(path)
    caplog.clear()
    list(reader.frames(14, 25))
    assert "damaged" not in caplog.text
    list(reader.frames(9, 9))
    list(reader.frames())
    assert caplog.text.count("the file is damaged") == 1
    assert caplog.text.count("frame 9 (pts 360, 0.360 s) is damaged") == 1


def test_the_rest_comes_out(tmp_path: Path) -> None:
    path = clip(tmp_path / "in.mkv", "ffv1")
    hurt(path, 9, flip)
    done = enhance(path, tmp_path / "out.mkv", settings=Settings.of(stages="colour:gamma=1.1"))
    assert done.frames == 26
    assert done.damage.concealed == [9]


def test_an_encoders_habits_are_no_damage() -> None:
    """Where most packets look wrong the check is, and it is not believed."""
    check = check_for("h264", bytes([1, 0, 0, 0, 3]))
    unit = b"\x65ab\0\0\x03\0cd"
    assert check
    assert check(len(unit).to_bytes(4) + unit)
    assert check((len(unit) + 2).to_bytes(4) + unit + b"\0\0")  # left behind a unit
    assert not check((len(unit) + 20).to_bytes(4) + unit + bytes(20))
    assert not check(len(unit).to_bytes(4) + unit + b"\0")
    assert not check(bytes(12))
    assert check_for("h264", b"\0\0\0\1") is None  # start codes: nothing is known
    assert check_for("vp9", b"\1") is None


def test_checksums_of_clusters(tmp_path: Path) -> None:
    path = clip(tmp_path / "in.mkv", "ffv1")
    assert broken_spans(path) == []
    assert missing_bytes(path) == 0
    hurt(path, 9, flip)
    (span,) = broken_spans(path)
    assert 0 < span.start < span.stop < path.stat().st_size
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1000])
    assert missing_bytes(path) == 1000
    assert broken_spans(path) == [span]
    for data in (b"", b"\x1a", bytes(size), np.random.default_rng(0).bytes(4000)):
        path.write_bytes(data)
        assert broken_spans(path) == []


def test_files_written_without_checksums_are_believed(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", muxing={"write_crc32": "0"}, frames=12)
    assert broken_spans(path) == []
    assert not read_clip(path).source.index.doubtful


def test_pictures_that_ask_for_all_memory_are_damage(tmp_path: Path) -> None:
    """A damaged AV1 packet makes its decoder ask for more than there is."""
    options = {"preset": "12", "svtav1-params": "log-level=0"} | QUIET
    del options["x265-params"]
    path = make(tmp_path / "in.mkv", codec="libsvtav1", frames=26, size=(96, 64), options=options)
    hurt(path, 9, rubbish)
    reader = read_clip(path)
    assert sum(1 for _ in reader.frames()) == 26
    assert reader.damage.repeated
