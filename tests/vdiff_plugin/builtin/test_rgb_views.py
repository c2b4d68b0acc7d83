"""RGB is restored in the view in which its noise is weakest, whatever order and cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from vdiff_plugin.builtin import sight
from vdiff_plugin.builtin.matrix import rgb_of
from vdiff_plugin.builtin.planes import apply_change, noise_shares, to_pixels
from vdiff_plugin.builtin.sight import Sight
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.contracts import Change
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat, Window
from vdiff_plugin.settings import Settings

SCENE = Scene(width=192, height=128, length=5)
CLIP = ClipInfo(width=192, height=128, length=5, format=PixelFormat(family="rgb"), full_range=True)
Clip = dict[int, Frame]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as opened:
        yield opened


def as_rgb(frame: Frame) -> Frame:
    codes = np.rint(np.clip(rgb_of(frame, SCENE.clip), 0, 1) * 255).astype(np.uint8)
    return Frame(tuple(np.ascontiguousarray(codes[..., i]) for i in range(3)))


def clean() -> Clip:
    return {n: as_rgb(SCENE.clean(n)) for n in range(5)}


def noisy_in_rgb() -> Clip:
    """White noise of sigma 20 on each of R, G and B, as scanners and renderers have it."""
    rng = np.random.default_rng(3)
    return {
        n: Frame(
            tuple(
                np.clip(np.rint(plane + rng.normal(0, 20, plane.shape)), 0, 255).astype(np.uint8)
                for plane in frame.planes
            )
        )
        for n, frame in clean().items()
    }


def noisy_in_ycbcr() -> Clip:
    """The same in 4:2:0, before a host made RGB of it."""
    return {n: as_rgb(SCENE.noisy(n, 20)) for n in range(5)}


def rms(one: Frame, other: Frame) -> float:
    parts = zip(one.planes, other.planes, strict=True)
    return float(np.sqrt(np.mean([(a.astype(float) - b) ** 2 for a, b in parts])))


def seen(engine: Engine, frames: Clip) -> Sight:
    network = engine.network(Settings.of())
    aligner = engine.aligner(network.alignment)
    return Sight(CLIP, network, aligner, engine.cache, scene_cuts=True)


@pytest.mark.parametrize(("frames", "even"), [(noisy_in_rgb(), True), (noisy_in_ycbcr(), False)])
def test_the_quieter_view_is_taken(engine: Engine, frames: Clip, even: bool) -> None:
    window = Window(2, tuple(frames[n] for n in range(5)))
    members = seen(engine, frames).members(window)
    assert members.even is even
    assert len(members.all) == 5


def test_white_noise_of_rgb_is_removed_better(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a quarter of a decibel and more than in the view by the clip's matrix."""
    frames, truth = noisy_in_rgb(), clean()
    found = []
    for quieter in (0.93, 0.0):
        monkeypatch.setattr(sight, "_QUIETER", quieter)
        with Engine() as engine, engine.open(CLIP, Settings.of(preset="quality")) as session:
            found.append(rms(session.render(2, frames), truth[2]))
    assert found[0] < 0.97 * found[1]


def test_views_depend_on_the_window_alone(engine: Engine) -> None:
    """A clip whose noise changes its kind: any order, with and without what is kept."""
    frames = noisy_in_rgb() | {n: noisy_in_ycbcr()[n] for n in (3, 4)}
    settings = Settings.of(scene_cuts=False)
    with engine.open(CLIP, settings) as session:
        forwards = {n: session.render(n, frames).key for n in range(5)}
    with Engine() as other, other.open(CLIP, replace_cache(settings)) as session:
        backwards = {n: session.render(n, frames).key for n in reversed(range(5))}
    assert forwards == backwards


def replace_cache(settings: Settings) -> Settings:
    return settings.model_copy(update={"cache": 0})


def test_grey_stays_grey_in_the_even_view() -> None:
    plane = np.random.default_rng(1).integers(0, 256, (128, 192)).astype(np.uint8)
    frame = Frame((plane, plane, plane))
    for pixels in to_pixels(frame, CLIP, 16, even=True):
        assert len(np.unique(pixels.chroma)) == 1
        np.testing.assert_allclose(pixels.luma * pixels.scale, plane, atol=1 / 32)


def test_changes_come_back_through_the_same_view() -> None:
    """Taking away what the view shows leaves black, and nothing leaves every bit."""
    rng = np.random.default_rng(2)
    frame = Frame(tuple(rng.integers(60, 180, (128, 192)).astype(np.uint8) for _ in range(3)))
    phases = to_pixels(frame, CLIP, 16, even=True)
    changes = [
        Change(
            -(each.luma * np.float32(each.scale)),
            np.float32(127.5) - each.chroma * np.float32(each.scale),
        )
        for each in phases
    ]
    black = apply_change(frame, changes, clip=CLIP, out=CLIP, strength=1, dither=False, even=True)
    assert max(plane.max() for plane in black.planes) <= 1
    nothing = [Change(0 * each.luma, 0 * each.chroma) for each in changes]
    same = apply_change(frame, nothing, clip=CLIP, out=CLIP, strength=1, dither=False, even=True)
    assert same.key == frame.key


def test_noise_that_is_given_is_that_of_the_samples() -> None:
    assert noise_shares(even=False) == (1.0, 1.0)
    luma, chroma = noise_shares(even=True)
    assert luma == pytest.approx(3**-0.5)
    assert chroma == pytest.approx((3 / 8) ** 0.5)
    rng = np.random.default_rng(4)
    frame = Frame(tuple((128 + rng.normal(0, 20, (256, 256))).astype(np.uint8) for _ in range(3)))
    clip = replace(CLIP, width=256, height=256)
    pixels = to_pixels(frame, clip, 16, even=True)[0]
    assert np.std(pixels.luma * pixels.scale) == pytest.approx(20 * luma, rel=0.02)
    assert np.std(pixels.chroma * pixels.scale) == pytest.approx(20 * chroma, rel=0.02)
