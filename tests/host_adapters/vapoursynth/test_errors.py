"""What cannot be done is said in one line, when the script runs wherever that is possible."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

vs = pytest.importorskip("vapoursynth")

from host_adapters.vapoursynth import vdiff, vdiff_changes
from tests.host_adapters.vapoursynth.clips import clip_of, core, info_of, noisy
from vdiff_plugin.frame import Frame

pytestmark = [pytest.mark.vapoursynth, pytest.mark.timeout(60)]

FRAMES = noisy(info_of())
FILTERS = pytest.mark.parametrize("function", [vdiff, vdiff_changes])


def _like(**values: object) -> vs.VideoNode:
    """A GRAY8 clip as a map has to be, but for `values`."""
    usual = {"width": 44, "height": 36, "length": 7, "format": vs.GRAY8}
    return core.std.BlankClip(**(usual | values))


def _broken(clip: vs.VideoNode) -> vs.VideoNode:
    def fail(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        raise ValueError("the disk is on fire")

    return clip.std.ModifyFrame(clip, fail)


def _says(error: pytest.ExceptionInfo[Exception], *parts: str) -> None:
    """One line `vdiff: what; what to do` that holds these parts."""
    text = str(error.value)
    assert re.fullmatch(r"vdiff: [^\n]+", text), text
    for part in parts:
        assert part in text
    assert error.value.__cause__ is None or error.value.__suppress_context__


@FILTERS
@pytest.mark.parametrize(
    ("source", "parts"),
    [
        (
            lambda: core.std.Splice([clip_of(FRAMES), _like()], mismatch=True),
            ["changes its format; convert it"],
        ),
        (
            lambda: core.std.Splice([_like(width=8), _like()], mismatch=True),
            ["changes its size; resize or split it"],
        ),
        (
            lambda: clip_of(FRAMES).std.SetFieldBased(2),
            ["frame 0 is interlaced; deinterlace", "std.SetFieldBased(0)"],
        ),
        (lambda: _like(format=vs.GRAY32), ["Gray32", "32 bits; convert it to 16 bits"]),
        (
            lambda: _broken(clip_of(FRAMES)),
            ["gives no frames (ValueError: the disk is on fire); mend its source"],
        ),
        (lambda: core.std.BlankAudio(), ["clip is AudioNode; give a clip of pictures"]),
        (lambda: None, ["clip is NoneType; give a clip"]),
    ],
)
def test_clips_that_cannot_be_processed(function: object, source: object, parts: list) -> None:
    assert callable(function)
    assert callable(source)
    with pytest.raises(vs.Error) as error:
        function(source())
    _says(error, *parts)


@pytest.mark.parametrize("name", ["mask", "strength"])
@pytest.mark.parametrize(
    ("wrong", "parts"),
    [
        (lambda: clip_of(FRAMES), ["is a clip of YUV420P8"]),
        (lambda: _like(width=46), ["is 46x36"]),
        (lambda: _like(length=6), ["has 6 frames"]),
        (lambda: _like(format=vs.RGBS), ["is a clip of RGBS"]),
        (
            lambda: core.std.Splice([_like(width=8, length=3), _like(length=4)], mismatch=True),
            ["is of variable size"],
        ),
        (
            lambda: core.std.Splice(
                [_like(format=vs.GRAY16, length=3), _like(length=4)], mismatch=True
            ),
            ["is a clip of variable format"],
        ),
        (lambda: core.std.BlankAudio(), []),
    ],
)
def test_maps_that_do_not_fit(name: str, wrong: object, parts: list) -> None:
    assert callable(wrong)
    with pytest.raises(vs.Error) as error:
        vdiff(clip_of(FRAMES), **{name: wrong()})
    _says(error, name, *parts)
    if parts:
        _says(error, "give a GRAY clip of 44x36 and 7 frames")


def test_a_map_of_too_many_bits() -> None:
    with pytest.raises(vs.Error) as error:
        vdiff(clip_of(FRAMES), mask=_like(format=vs.GRAY32))
    _says(error, "mask: Gray32 has integers of 32 bits")


@pytest.mark.parametrize(
    ("keywords", "parts"),
    [
        ({"task": "sharpen"}, ["no task 'sharpen'; have", "restore"]),
        ({"preset": "huge"}, ["no preset 'huge' for task restore; have best, fast, quality"]),
        ({"backend": "abacus"}, ["no backend 'abacus'; have keras"]),
        ({"stages": "blur"}, ["no stage 'blur'; have ", "colour", "vdiff"]),
        ({"stages": ""}, ["stages: "]),
        ({"stages": "colour:hue=x"}, ["hue=x is no good"]),
        ({"weights": "missing.safetensors"}, ["missing.safetensors: No such file"]),
        ({"strength": 1.5}, ["strength: 1.5 is no good; "]),
        ({"strength": "much"}, ["strength: 'much'"]),
        ({"noise": -1}, ["noise: -1"]),
        ({"tile": 20}, ["tile: 20", "multiple of 16"]),
        ({"cache": "much"}, ["cache: 'much'"]),
        ({"device": "abacus"}, ["device: 'abacus'"]),
        ({"precision": "int3"}, ["precision: 'int3'"]),
        ({"lookahead": -1}, ["lookahead: -1"]),
        ({"radius": 3}, ["radius: 3 cannot be; with these weights and stages it is 0 to 2"]),
        ({"radius": -1}, ["radius: -1 cannot be"]),
        ({"radius": 1.5}, ["radius: 1.5 cannot be"]),
        ({"planes": 3}, ["planes: [3] cannot be; name some of [0, 1, 2]"]),
        ({"planes": [0, 7]}, ["planes: [0, 7] cannot be"]),
        ({"planes": []}, ["planes: [] cannot be"]),
        ({"sc": "yes"}, ["sc: 'yes' cannot be; it is True, False or None"]),
        (
            {"stages": "vdiff:depth=16", "planes": 0},
            ["changes size or format; leave out planes, mask and strength clips"],
        ),
    ],
)
def test_values_that_cannot_be(keywords: dict, parts: list) -> None:
    with pytest.raises(vs.Error) as error:
        vdiff(clip_of(FRAMES), **keywords)
    _says(error, *parts)
    assert "--" not in str(error.value)


def test_weights_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "photo.safetensors"
    path.write_bytes(b"no weights")
    with pytest.raises(vs.Error) as error:
        vdiff(clip_of(FRAMES), weights=path)
    _says(error, "photo.safetensors")


@FILTERS
def test_a_frame_that_turns_out_interlaced(function: object) -> None:
    assert callable(function)
    source = clip_of(FRAMES)
    late = core.std.Splice([source[:5], source[5:].std.SetFieldBased(1)])
    out = function(late)
    out.get_frame(1)
    with pytest.raises(vs.Error, match="frame 5 is interlaced; deinterlace the clip") as error:
        out.get_frame(5)
    assert "Traceback" not in str(error.value)


def test_a_frame_that_holds_no_numbers() -> None:
    info = info_of(vs.GRAYS)
    frames = noisy(info)
    plane = frames[6].planes[0].copy()
    plane[3, 3] = np.nan
    out = vdiff(clip_of([*frames[:6], Frame((plane,))], vs.GRAYS))
    out.get_frame(0)
    with pytest.raises(vs.Error, match="vdiff: a frame holds NaN or infinity; clean it") as error:
        out.get_frame(6)
    assert "Traceback" not in str(error.value)


def test_a_source_that_fails_later_says_so_itself() -> None:
    source = clip_of(FRAMES)

    def fail(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        if n == 4:
            raise ValueError("bad sector")
        return f

    out = vdiff(source.std.ModifyFrame(source, fail))
    out.get_frame(1)
    with pytest.raises(vs.Error, match="bad sector"):
        out.get_frame(3)


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from vdiff_plugin.session import Session

    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ours")

    out = vdiff(clip_of(FRAMES))
    monkeypatch.setattr(Session, "render", bug)
    with pytest.raises(vs.Error, match=r"Traceback(.|\n)*restoration\.py(.|\n)*ours"):
        out.get_frame(0)
