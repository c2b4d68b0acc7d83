"""The keywords: each does what its setting does, or what only a frame server can."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

vs = pytest.importorskip("vapoursynth")

from host_adapters.vapoursynth import vdiff, vdiff_changes
from tests.host_adapters.vapoursynth.clips import (
    HEIGHT,
    WIDTH,
    clip_of,
    core,
    hashes,
    hashes_of,
    info_of,
    noisy,
    restored,
)
from vdiff_plugin.frame import Frame
from vdiff_plugin.settings import Settings

pytestmark = pytest.mark.vapoursynth

LENGTH = 8
FRAMES = noisy(info_of(length=LENGTH))
KEYWORDS = inspect.signature(vdiff).parameters
OURS = {"clip", "radius", "planes", "sc", "mask"}  # beside the settings


def _grey(plane: np.ndarray, form: int = vs.GRAY8, length: int = LENGTH) -> vs.VideoNode:
    return clip_of([Frame((plane,))] * length, form)


def test_every_setting_is_a_keyword_with_its_default() -> None:
    settings = {"sc" if name == "scene_cuts" else name for name in Settings.model_fields}
    assert set(KEYWORDS) == settings | OURS
    for name, field in Settings.model_fields.items():
        assert KEYWORDS["sc" if name == "scene_cuts" else name].default == field.default


@pytest.mark.parametrize("function", [vdiff, vdiff_changes])
def test_everything_but_the_clip_is_named(function: object) -> None:
    assert callable(function)
    first, *others = inspect.signature(function).parameters.values()
    assert first.name == "clip"
    assert {one.kind for one in others} == {inspect.Parameter.KEYWORD_ONLY}
    assert all(one.annotation is not inspect.Parameter.empty for one in others)


@pytest.mark.parametrize(
    "settings",
    [
        {"strength": 0.4},
        {"noise": 12.5},
        {"tile": 32},
        {"dither": True},
        {"lookahead": 0},
        {"stages": "vdiff,colour:saturation=1.5"},
        {"backend": "numpy", "cache": "1M"},
    ],
)
def test_a_setting_means_what_it_means_elsewhere(settings: dict, weights: Path) -> None:
    expected = restored(info_of(length=LENGTH), FRAMES, weights=weights, **settings)
    out = vdiff(clip_of(FRAMES), weights=weights, **settings)
    assert hashes(out.frames()) == hashes_of(expected)


def test_without_keywords_it_is_the_command_line_without_options() -> None:
    assert hashes(vdiff(clip_of(FRAMES)).frames()) == hashes_of(
        restored(info_of(length=LENGTH), FRAMES)
    )


@pytest.mark.parametrize("radius", [0, 1, 2])
def test_a_smaller_radius_sees_a_smaller_window(radius: int, weights: Path) -> None:
    out = vdiff(clip_of(FRAMES), weights=weights, radius=radius)
    for n, got in enumerate(hashes(out.frames())):
        window = FRAMES[max(0, n - radius) : n + radius + 1]
        at = min(n, radius)
        alone = restored(info_of(length=len(window)), window, weights=weights)
        assert got == hashes_of([alone[at]])[0]


@pytest.mark.parametrize(
    ("planes", "changed"), [(0, [0]), ([1, 2], [1, 2]), ((0, 1, 2), [0, 1, 2])]
)
def test_planes_that_are_not_named_stay(planes: object, changed: list, weights: Path) -> None:
    full = restored(info_of(length=LENGTH), FRAMES, weights=weights)
    out = vdiff(clip_of(FRAMES), weights=weights, planes=planes)
    for n, frame in enumerate(out.frames()):
        for p in range(3):
            expected = (full if p in changed else FRAMES)[n].planes[p]
            assert (np.asarray(frame[p]) == expected).all()


def test_scene_changes_marked_in_the_frames_are_trusted(weights: Path) -> None:
    """Marked on either side, and in the middle of one drifting shot: only marks can cut it."""
    first = [{"_SceneChangeNext": int(n == 3)} for n in range(LENGTH)]
    other = [{"_SceneChangePrev": int(n == 4)} for n in range(LENGTH)]
    parts = [
        restored(info_of(length=4), part, weights=weights, scene_cuts=False)
        for part in (FRAMES[:4], FRAMES[4:])
    ]
    expected = hashes_of([*parts[0], *parts[1]])
    for marks in (first, other):
        marked = core.std.Splice(
            [clip_of(FRAMES)[n].std.SetFrameProps(**marks[n]) for n in range(LENGTH)]
        )
        assert hashes(vdiff(marked, weights=weights, sc=None).frames()) == expected
        uncut = restored(info_of(length=LENGTH), FRAMES, weights=weights, scene_cuts=False)
        assert hashes(vdiff(marked, weights=weights, sc=False).frames()) == hashes_of(uncut)


@pytest.mark.parametrize("form", [vs.YUV420P8, vs.YUV444P16, vs.RGBS, vs.GRAYH])
def test_where_the_mask_is_0_every_bit_stays(form: int, weights: Path) -> None:
    info = info_of(form, length=4)
    frames = noisy(info, half=form == vs.GRAYH)
    source = clip_of(frames, form)
    plane = np.full((HEIGHT, WIDTH), 255, np.uint8)
    plane[9:20, 5:30] = 0
    full = vdiff(source, weights=weights)
    out = vdiff(source, weights=weights, mask=_grey(plane, length=4))
    for was, whole, now in zip(source.frames(), full.frames(), out.frames(), strict=True):
        for p in range(len(was)):
            height, width = np.asarray(was[p]).shape
            share = plane.reshape(height, HEIGHT // height, width, WIDTH // width)
            off, on = share.min(axis=(1, 3)) == 0, share.min(axis=(1, 3)) == 255
            before, after, masked = (np.asarray(each[p]) for each in (was, whole, now))
            assert (masked[off] == before[off]).all()
            if height == HEIGHT:
                assert (masked[on] == after[on]).all()
            assert (masked != before).any()


def test_a_mask_of_nothing_costs_nothing(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vdiff_plugin.session import Session

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("rendered")

    monkeypatch.setattr(Session, "render", refuse)
    source = clip_of(FRAMES)
    out = vdiff(source, weights=weights, mask=core.std.BlankClip(source, format=vs.GRAY8))
    assert hashes(out.frames()) == hashes(source.frames())


@pytest.mark.parametrize("form", [vs.GRAY8, vs.GRAY16, vs.GRAYS, vs.GRAYH])
def test_a_white_strength_clip_is_full_strength(form: int, weights: Path) -> None:
    source = clip_of(FRAMES)
    white = (
        1.0
        if form in (vs.GRAYS, vs.GRAYH)
        else (1 << core.get_video_format(form).bits_per_sample) - 1
    )
    strength = core.std.BlankClip(source, format=form, color=white)
    out = vdiff(source, weights=weights, strength=strength)
    assert hashes(out.frames()) == hashes(vdiff(source, weights=weights).frames())


def test_a_strength_clip_is_a_strength_per_pixel(weights: Path) -> None:
    """Against the numbers: half way is half way, to a code; and the maps multiply."""
    source = clip_of(FRAMES)
    ramp = np.linspace(0, 1, WIDTH, dtype=np.float32)[None].repeat(HEIGHT, axis=0)
    out = vdiff(source, weights=weights, strength=_grey(ramp, vs.GRAYS))
    for share in (0.25, 0.5, 0.75):
        column = round(share * (WIDTH - 1))
        number = vdiff(source, weights=weights, strength=float(ramp[0, column]))
        for one, other in zip(out.frames(), number.frames(), strict=True):
            got = np.asarray(one[0])[:, column].astype(int)
            assert np.abs(got - np.asarray(other[0])[:, column]).max() <= 1
    squared = vdiff(source, weights=weights, strength=_grey(ramp**2, vs.GRAYS))
    both = vdiff(
        source, weights=weights, strength=_grey(ramp, vs.GRAYS), mask=_grey(ramp, vs.GRAYS)
    )
    assert hashes(both.frames()) == hashes(squared.frames())


def test_maps_may_change_from_frame_to_frame(weights: Path) -> None:
    planes = [np.full((HEIGHT, WIDTH), 255 * (n % 2), np.uint8) for n in range(LENGTH)]
    mask = clip_of([Frame((plane,)) for plane in planes], vs.GRAY8)
    source = clip_of(FRAMES)
    full, plain = hashes(vdiff(source, weights=weights).frames()), hashes(source.frames())
    got = hashes(vdiff(source, weights=weights, mask=mask).frames())
    assert got == [(full if n % 2 else plain)[n] for n in range(LENGTH)]
