"""Properties: nothing dropped, colours read by them, and what we add."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

vs = pytest.importorskip("vapoursynth")

from host_adapters.vapoursynth import vdiff
from tests.host_adapters.vapoursynth.clips import (
    clip_of,
    core,
    hashes,
    hashes_of,
    info_of,
    noisy,
    restored,
)

pytestmark = pytest.mark.vapoursynth

FULL, LIMITED = 1, 0


def test_every_property_of_the_source_frame_comes_out(weights: Path) -> None:
    info = info_of()
    source = clip_of(
        noisy(info),
        _Matrix=9,
        _Transfer=16,
        _Primaries=9,
        _ChromaLocation=2,
        _SARNum=4,
        _SARDen=3,
        _Range=LIMITED,
        _PictType="P",
        words=["a", "b"],
        numbers=[1.5, 2.5],
    )
    alpha = core.std.BlankClip(source, format=vs.GRAY8)
    source = source.std.ClipToProp(alpha, prop="_Alpha")
    out = vdiff(source, weights=weights)
    for was, now in zip(source.frames(), out.frames(), strict=True):
        before, after = dict(was.props), dict(now.props)
        assert isinstance(after.pop("_Alpha"), vs.VideoFrame)
        assert before.pop("_Alpha").format.id == vs.GRAY8
        assert after == before


@pytest.mark.parametrize("strength", [0, 1])
def test_guesses_are_stated(strength: float, weights: Path) -> None:
    out = vdiff(clip_of(noisy(info_of())), weights=weights, strength=strength)
    props = out.get_frame(0).props
    assert props["vdiff_assumed"] == "matrix bt601, range limited, chroma left"
    assert props["_Range"] == LIMITED
    assert "_Matrix" not in props


def test_a_large_picture_is_taken_for_bt709() -> None:
    large = core.std.BlankClip(width=1280, height=720, format=vs.YUV444P8, length=1)
    props = vdiff(large, strength=0).get_frame(0).props
    assert props["vdiff_assumed"] == "matrix bt709, range limited"


def test_what_is_said_is_not_guessed(weights: Path) -> None:
    said = {"_Matrix": 5, "_Range": FULL, "_ChromaLocation": 1}
    out = vdiff(clip_of(noisy(info_of()), **said), weights=weights)
    assert "vdiff_assumed" not in out.get_frame(0).props


@pytest.mark.parametrize(
    ("form", "props", "told"),
    [
        (vs.RGB24, {"_Matrix": 0, "_Primaries": 9}, {"matrix": "bt2020"}),
        (vs.RGB24, {"_Range": LIMITED}, {"full_range": False}),
        (vs.YUV420P10, {"_Range": FULL}, {"full_range": True}),
        (vs.GRAY16, {"_Range": LIMITED}, {"full_range": False}),
    ],
)
def test_colours_are_read_by_properties(
    form: int, props: dict[str, int], told: dict[str, object], weights: Path
) -> None:
    info = info_of(form, length=4)
    frames = noisy(info)
    got = hashes(vdiff(clip_of(frames, form, **props), weights=weights).frames())
    assert got == hashes_of(restored(info_of(form, length=4, **told), frames, weights=weights))
    assert got != hashes_of(restored(info, frames, weights=weights))


def test_the_range_of_what_comes_out_is_written(weights: Path) -> None:
    """A stage may change it: a change map is full range whatever the clip is."""
    source = clip_of(noisy(info_of()), _Range=LIMITED)
    changes = vdiff(source, stages="changes")
    assert changes.format.id == vs.GRAY8
    assert changes.get_frame(2).props["_Range"] == FULL
    assert vdiff(source, weights=weights).get_frame(2).props["_Range"] == LIMITED


def test_a_clip_of_parts_is_read_part_by_part(weights: Path) -> None:
    """The windows at the seam are read as their own frame says."""
    frames = noisy(info_of(vs.RGB24, length=8))
    parts = [
        clip_of(frames, vs.RGB24, _Range=FULL)[:4],
        clip_of(frames, vs.RGB24, _Range=LIMITED)[4:],
    ]
    got = hashes(vdiff(core.std.Splice(parts), weights=weights).frames())
    for numbers, full_range in ((range(4), True), (range(4, 8), False)):
        info = info_of(vs.RGB24, length=8, full_range=full_range)
        expected = hashes_of(restored(info, frames, weights=weights))
        assert [got[n] for n in numbers] == [expected[n] for n in numbers]


def test_durations_of_a_variable_frame_rate_stay(weights: Path) -> None:
    source = clip_of(noisy(info_of(length=6)))
    source = core.std.Splice([source[:3], source[3:].std.AssumeFPS(fpsnum=10, fpsden=1)])
    out = vdiff(source, weights=weights)
    assert source.fps_num == 0
    assert (out.fps_num, out.num_frames) == (0, 6)
    rates = [f.props["_DurationDen"] for f in out.frames()]
    assert rates == [25, 25, 25, 10, 10, 10]


def test_a_constant_frame_rate_stays(weights: Path) -> None:
    source = clip_of(noisy(info_of(length=7))).std.AssumeFPS(fpsnum=30000, fpsden=1001)
    out = vdiff(source, weights=weights)
    assert out.fps == source.fps
    assert {f.props["_DurationDen"] for f in out.frames()} == {30000}


def test_the_source_itself_is_not_written_to(weights: Path) -> None:
    source = clip_of(noisy(info_of()))
    before = hashes(source.frames())
    frame = source.get_frame(2)
    copy = np.array(frame[0])
    vdiff(source, weights=weights).get_frame(2)
    assert hashes(source.frames()) == before
    assert (np.asarray(frame[0]) == copy).all()
    assert "vdiff_key" not in source.get_frame(2).props


def test_frames_on_a_gpu_are_fetched(weights: Path) -> None:
    source = clip_of(noisy(info_of()))
    try:
        resident = core.std.GPUUpload(source)
    except vs.Error as error:
        pytest.skip(f"no GPU for VapourSynth: {error}")
    assert resident.gpu_resident
    out = vdiff(resident, weights=weights)
    assert not out.gpu_resident
    assert hashes(out.frames()) == hashes(vdiff(source, weights=weights).frames())
