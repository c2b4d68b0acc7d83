"""The whole job: pictures, times and ranges come out right, whatever goes in."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from host_adapters.media import EncodeOptions, Source, enhance, probe, read_clip
from host_adapters.media.job import deepened
from tests.host_adapters.media.clips import damage, make
from tests.vdiff_plugin.chain import engine_with, plugin
from tests.vdiff_plugin.networks import random_weights_file
from vdiff_plugin.contracts import Services, Stage
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import MediaError, SettingsError
from vdiff_plugin.frame import ClipInfo, Frame, Window
from vdiff_plugin.settings import Settings

OPAQUE_REFERENCES = {"auto-alt-ref": "0"}  # libvpx's alpha wants it
UNTOUCHED = Settings.of(strength=0)
NO_NETWORK = Settings.of(stages=("colour",))
LOSSLESS = EncodeOptions(codec="ffv1")

FORMATS = (
    *("yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p"),
    *("yuv420p9le", "yuv420p10le", "yuv422p12le", "yuv444p14le", "yuv420p16le", "yuv440p10le"),
    *("yuva420p", "yuva444p10le", "yuva422p16le"),
    *("gray", "gray10le", "gray12le", "gray16le", "ya8"),
    *("bgr0", "bgra", "gbrp10le", "gbrp12le", "gbrap12le", "rgb48le", "gbrp16le", "rgba64le"),
)


def keys(path: Path) -> list[bytes]:
    return [frame.key for frame in read_clip(path).frames()]


def seconds(path: Path) -> list[Fraction]:
    clip = read_clip(path)
    return [picture.pts * clip.source.time_base for picture in clip.pictures()]


@pytest.mark.parametrize("pix_fmt", FORMATS)
@pytest.mark.parametrize("size", [(64, 48), (45, 35)])
def test_strength_0_returns_every_format_bit_for_bit(
    tmp_path: Path, pix_fmt: str, size: tuple[int, int]
) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, size=size, frames=3)
    out = tmp_path / "out.mkv"
    done = enhance(path, out, settings=UNTOUCHED, encode=LOSSLESS)
    assert (done.frames, done.pix_fmt) == (3, probe(path).layout.name)
    assert keys(out) == keys(path)
    assert read_clip(out).info == read_clip(path).info


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("in.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
        ("in.mov", {"codec": "prores_ks", "pix_fmt": "yuva444p10le"}),
        ("in.mov", {"codec": "png", "pix_fmt": "rgb48be"}),
        ("in.mov", {"codec": "qtrle", "pix_fmt": "argb"}),
        ("in.avi", {"codec": "rawvideo", "pix_fmt": "bgr24", "size": (63, 47)}),
        ("in.nut", {"codec": "rawvideo", "pix_fmt": "nv12"}),
        ("in.mkv", {"codec": "rawvideo", "pix_fmt": "y210le"}),
        ("in.nut", {"codec": "rawvideo", "pix_fmt": "yuyv422"}),
        ("in.mkv", {"codec": "libx264", "pix_fmt": "yuv444p"}),
        ("in.avi", {"codec": "mjpeg", "pix_fmt": "yuvj422p"}),
        ("in.webm", {"codec": "libvpx-vp9", "pix_fmt": "yuva420p", "options": OPAQUE_REFERENCES}),
    ],
)
def test_other_codecs_in_lossless_out(tmp_path: Path, name: str, recipe: Mapping[str, Any]) -> None:
    path = make(tmp_path / name, frames=4, **recipe)
    enhance(path, tmp_path / "out.mkv", settings=NO_NETWORK, encode=LOSSLESS)
    assert keys(tmp_path / "out.mkv") == keys(path)


@pytest.mark.parametrize(
    ("pix_fmt", "size", "out", "codec"),
    [
        ("yuv420p", (64, 48), "o.mkv", "libx264"),
        ("yuv444p", (64, 48), "o.mp4", "libx264"),
        ("gray", (64, 48), "o.mkv", "libx265"),
        ("yuv420p10le", (64, 48), "o.mp4", "libx265"),
        ("yuv422p12le", (64, 48), "o.mkv", "libx265"),
        ("yuv420p9le", (64, 48), "o.mkv", "libx265"),
        ("yuv444p14le", (64, 48), "o.mkv", "ffv1"),
        ("gray16le", (64, 48), "o.mkv", "ffv1"),
        ("bgr0", (64, 48), "o.mkv", "ffv1"),
        ("yuva420p", (64, 48), "o.mkv", "ffv1"),
        ("yuv411p", (64, 48), "o.mkv", "ffv1"),
        ("yuv420p", (63, 47), "o.mkv", "ffv1"),
        ("yuv420p", (63, 47), "o.mp4", "libvpx-vp9"),
        ("yuv420p", (64, 48), "o.webm", "libvpx-vp9"),
        ("yuv420p10le", (64, 48), "o.webm", "libsvtav1"),
        ("yuv420p", (64, 48), "o.avi", "ffv1"),
        ("yuv420p", (64, 48), "o.ts", "libx264"),
        ("yuva444p10le", (64, 48), "o.mov", "prores_ks"),
        ("yuva420p", (64, 48), "o.webm", "libvpx-vp9"),
        ("rgb48le", (64, 48), "o.mov", "png"),
        ("yuv420p10le", (2, 2), "o.mkv", "ffv1"),
    ],
)
def test_the_default_codec_holds_what_comes(
    tmp_path: Path, pix_fmt: str, size: tuple[int, int], out: str, codec: str
) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, size=size, frames=3)
    assert enhance(path, tmp_path / out, settings=NO_NETWORK).codec == codec
    before, after = read_clip(path).info, read_clip(tmp_path / out).info
    assert (before.width, before.height, before.length) == (after.width, after.height, after.length)
    assert after.format.bits >= before.format.bits
    assert after.format.family == before.format.family
    assert after.format.alpha == before.format.alpha


@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov", "webm"])
def test_variable_frame_rate_and_a_late_start_are_kept(tmp_path: Path, ending: str) -> None:
    times = [120, 160, 170, 320, 323, 1000, 1080]
    path = make(tmp_path / "in.mkv", pts=times, time_base=Fraction(1, 1000), options={"bf": "2"})
    out = tmp_path / f"out.{ending}"
    enhance(path, out, settings=NO_NETWORK)
    assert seconds(out) == [Fraction(pts, 1000) for pts in times]
    last = list(read_clip(out).pictures())[-1]
    assert last.duration == list(read_clip(path).pictures())[-1].duration


def test_mp4_times_are_exact_to_the_tick(tmp_path: Path) -> None:
    base = Fraction(1, 90000)
    times = [7, 3010, 6013, 6020, 100001]
    path = make(
        tmp_path / "in.mp4", pts=times, time_base=base, muxing={"video_track_timescale": "90000"}
    )
    enhance(path, tmp_path / "out.mp4", settings=NO_NETWORK)
    assert probe(tmp_path / "out.mp4").time_base == base
    assert probe(tmp_path / "out.mp4").index.pts.tolist() == times


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
def test_times_below_zero_begin_at_zero(tmp_path: Path, ending: str) -> None:
    path = make(
        tmp_path / "in.ts",
        pts=range(-7200, 28800, 3600),
        time_base=Fraction(1, 90000),
        muxing={"avoid_negative_ts": "disabled"},
        options={"bf": "0"},
    )
    assert probe(path).index.pts[0] == -7200
    enhance(path, tmp_path / f"out.{ending}", settings=NO_NETWORK)
    assert seconds(tmp_path / f"out.{ending}") == [Fraction(n, 25) for n in range(10)]


def test_ts_keeps_the_times_of_ts(tmp_path: Path) -> None:
    path = make(tmp_path / "in.ts", pts=range(126000, 162000, 3600), time_base=Fraction(1, 90000))
    enhance(path, tmp_path / "out.ts", settings=NO_NETWORK)
    assert probe(tmp_path / "out.ts").index.pts.tolist() == probe(path).index.pts.tolist()


def test_a_container_without_times_wants_a_constant_rate(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mkv", pts=[0, 40, 200], time_base=Fraction(1, 1000))
    with pytest.raises(SettingsError, match=r"one frame rate, but .* varies; write to \.mkv"):
        enhance(path, tmp_path / "out.avi", settings=NO_NETWORK)
    with pytest.raises(SettingsError, match="one frame rate"):
        enhance(path, tmp_path / "o.mkv", settings=NO_NETWORK, encode=EncodeOptions(codec="mpeg4"))


def test_two_stretches_are_the_whole(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mp4", frames=12, size=(96, 64), options={"g": "5", "bf": "2"})
    settings = Settings.of(backend="numpy", noise=10, weights=random_weights_file(tmp_path))
    with Engine() as engine:
        for name, start, end in (("w", 0, None), ("a", 0, 6), ("b", 7, 11), ("one", 5, 5)):
            enhance(
                path,
                tmp_path / f"{name}.mkv",
                settings=settings,
                encode=LOSSLESS,
                start=start,
                end=end,
                engine=engine,
            )
    whole = keys(tmp_path / "w.mkv")
    assert keys(tmp_path / "a.mkv") + keys(tmp_path / "b.mkv") == whole
    assert keys(tmp_path / "one.mkv") == whole[5:6]
    assert whole != keys(path)
    assert seconds(tmp_path / "b.mkv")[0] == 0


def test_a_deeper_output_keeps_what_was_gained(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", size=(96, 64), frames=3)
    settings = Settings.of(backend="numpy", noise=10, weights=random_weights_file(tmp_path))
    out = tmp_path / "out.mkv"
    done = enhance(
        path, out, settings=settings, encode=EncodeOptions(codec="ffv1", pix_fmt="yuv420p10le")
    )
    assert done.pix_fmt == "yuv420p10le"
    luma = next(read_clip(out).frames()).planes[0]
    assert luma.dtype == np.uint16
    assert len(np.unique(luma % 4)) == 4  # the two new bits are used


def test_only_the_first_vdiff_stage_is_deepened(tmp_path: Path) -> None:
    clip = probe(make(tmp_path / "in.mkv", codec="ffv1", frames=1)).info
    ten = EncodeOptions(pix_fmt="yuv420p10le")
    settings = Settings.of(stages="colour,vdiff,vdiff")
    assert deepened(settings, clip, ten).stages == ("colour", "vdiff:depth=10", "vdiff")
    assert deepened(settings, clip, EncodeOptions(pix_fmt="yuv420p")) is settings
    assert deepened(settings, clip, EncodeOptions()) is settings
    chosen = Settings.of(stages="vdiff:depth=12")
    assert deepened(chosen, clip, ten).stages == ("vdiff:depth=12",)


@pytest.mark.parametrize(
    ("pix_fmt", "asked", "shift"), [("yuv420p10le", "yuv420p", -2), ("yuv420p", "yuv420p12le", 4)]
)
def test_another_depth_is_shifted_or_rounded(
    tmp_path: Path, pix_fmt: str, asked: str, shift: int
) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, frames=1)
    out = tmp_path / "out.mkv"
    enhance(path, out, settings=NO_NETWORK, encode=EncodeOptions(codec="ffv1", pix_fmt=asked))
    before, after = (next(read_clip(each).frames()).planes for each in (path, out))
    for was, now in zip(before, after, strict=True):
        expected = np.floor(was * 2.0**shift + 0.5)
        assert (now == expected).all()


def test_grey_gets_neutral_chroma_where_a_codec_wants_some(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", pix_fmt="gray", frames=1)
    out = tmp_path / "out.mkv"
    asked = EncodeOptions(codec="ffvhuff", pix_fmt="yuv420p")
    enhance(path, out.with_suffix(".avi"), settings=NO_NETWORK, encode=asked)
    luma, u, v = next(read_clip(out.with_suffix(".avi")).frames()).planes
    assert (luma == next(read_clip(path).frames()).planes[0]).all()
    assert (u == 128).all()
    assert (v == 128).all()


def test_rgb_can_be_had_as_yuv_by_asking(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", pix_fmt="bgr0", frames=1)
    out = tmp_path / "out.mkv"
    enhance(path, out, settings=NO_NETWORK, encode=EncodeOptions(codec="ffv1", pix_fmt="yuv444p"))
    info = read_clip(out).info
    assert (info.format.family, info.full_range, info.matrix) == ("yuv", False, "bt601")
    red, green, blue = (each.astype(float) for each in next(read_clip(path).frames()).planes)
    expected = 16 + 219 / 255 * (0.299 * red + 0.587 * green + 0.114 * blue)
    luma = next(read_clip(out).frames()).planes[0]
    assert np.abs(luma - expected).max() < 1.5


def test_a_damaged_frame_keeps_the_count(tmp_path: Path) -> None:
    path = damage(make(tmp_path / "in.mkv", codec="ffv1", options={"g": "1"}, frames=12), [5])
    done = enhance(path, tmp_path / "out.mkv", settings=NO_NETWORK, encode=LOSSLESS)
    assert done.frames == 12
    assert done.damage.repeated == [5]
    written = keys(tmp_path / "out.mkv")
    assert written[5] == written[4]
    assert seconds(tmp_path / "out.mkv") == [Fraction(n, 25) for n in range(12)]


@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_clips(tmp_path: Path, frames: int) -> None:
    path = make(tmp_path / "in.mp4", frames=frames)
    assert enhance(path, tmp_path / "out.mp4", settings=UNTOUCHED).frames == frames
    assert len(keys(tmp_path / "out.mp4")) == frames


def progress_of(path: Path, **options: Any) -> list[tuple[int, int]]:
    """What `enhance` tells of its progress, from the caller's thread."""
    told: list[tuple[int, int]] = []
    main = threading.current_thread()

    def progress(done: int, total: int) -> None:
        assert threading.current_thread() is main
        told.append((done, total))

    enhance(path, path.with_name("out.mkv"), settings=NO_NETWORK, progress=progress, **options)
    return told


def test_progress_counts_frames_that_are_written(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mp4", frames=6)
    # libx264 looks ahead over the whole clip, and gives back nothing before its end.
    assert progress_of(path, end=4) == [(0, 5)] * 5 + [(5, 5)]


def test_progress_goes_forward_to_the_last_frame(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mp4", frames=40)
    told = progress_of(path, encode=EncodeOptions(codec="ffv1"))
    assert told == sorted(told)
    assert 0 < told[-2][0] < 40
    assert told[-1] == (40, 40)


class Failing:
    """A stage that fails at frame 4."""

    radius = 1
    fingerprint = b"failing"

    def __init__(self, clip: ClipInfo, error: BaseException) -> None:
        self.clip = clip
        self._error = error

    def render(self, window: Window) -> Frame:
        if window.n == 4:
            raise self._error
        return window.centre

    def close(self) -> None:
        pass


def failing(error: BaseException) -> object:
    def build(
        clip: ClipInfo, settings: Settings, options: Mapping[str, str], services: Services
    ) -> Stage:
        return Failing(clip, error)

    return plugin(vdiff_stages=lambda: {"fail": build})


@pytest.mark.parametrize("error", [MediaError("the stage broke"), KeyboardInterrupt()])
def test_a_failure_while_rendering_ends_the_job_and_leaves_nothing(
    tmp_path: Path, error: BaseException
) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", frames=60)
    before = threading.active_count()
    with engine_with(failing(error)) as engine, pytest.raises(type(error)):
        enhance(path, tmp_path / "out.mkv", settings=Settings.of(stages="fail"), engine=engine)
    assert [each.name for each in tmp_path.iterdir()] == ["in.mkv"]
    assert threading.active_count() == before


def test_a_failure_in_the_decoding_thread_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", frames=60)

    def changes(source: Source, picture: object, n: int) -> None:
        if n == 30:
            raise MediaError("it changed")

    monkeypatch.setattr("host_adapters.media.reader.require_same", changes)
    with pytest.raises(MediaError, match="it changed"):
        enhance(path, tmp_path / "out.mkv", settings=NO_NETWORK)
    assert [each.name for each in tmp_path.iterdir()] == ["in.mkv"]


def test_a_failure_in_the_encoding_thread_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", frames=60)
    monkeypatch.setattr(
        "host_adapters.media.writer.VideoWriter._mux",
        lambda *_: (_ for _ in ()).throw(MediaError("the encoder broke")),
    )
    with pytest.raises(MediaError, match="the encoder broke"):
        enhance(path, tmp_path / "out.mkv", settings=NO_NETWORK)
    assert [each.name for each in tmp_path.iterdir()] == ["in.mkv"]
