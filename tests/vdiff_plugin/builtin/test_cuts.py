from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from vdiff_plugin.builtin.cuts import CUT_SCORE, cut_score, describe
from vdiff_plugin.contracts import Features
from vdiff_plugin.errors import FrameError

HEIGHT, WIDTH = 96, 128


def scene(seed: int, shift: int = 0) -> NDArray[np.uint8]:
    """A picture of soft blobs in three channels, `shift` positions into a pan."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    picture = np.broadcast_to(rng.uniform(40, 200, 3), (HEIGHT, WIDTH, 3)).copy()
    for _ in range(14):
        centre = rng.uniform(0, HEIGHT), rng.uniform(0, WIDTH + 40) - shift
        distance = (y - centre[0]) ** 2 + (x - centre[1]) ** 2
        size = rng.uniform(6, 30)
        picture += np.exp(-distance / size**2)[..., None] * rng.uniform(-150, 150, 3)
    return np.clip(picture, 0, 255).astype(np.uint8)


def noisy(picture: NDArray[np.uint8], sigma: float, seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def score(before: Features, after: Features) -> float:
    return cut_score(describe(before), describe(after))


def test_equal_pictures_score_0() -> None:
    assert score(scene(1), scene(1)) == 0


@pytest.mark.parametrize("sigma", [0, 20])
def test_scenes_are_told_apart_and_shots_are_not_cut(sigma: float) -> None:
    scenes = [noisy(scene(seed), sigma, seed) for seed in range(8)]
    pans = [noisy(scene(seed, shift=4), sigma, seed + 50) for seed in range(8)]
    within = [score(before, after) for before, after in zip(scenes, pans, strict=True)]
    between = [score(a, b) for a, b in itertools.permutations(scenes, 2)]
    assert max(within) < CUT_SCORE < min(between)
    assert max(between) <= 1


def test_the_score_has_no_direction() -> None:
    forward, backward = score(scene(1), scene(2)), score(scene(2), scene(1))
    assert forward == pytest.approx(backward, abs=0.05)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (5, 3), (13, 64)])
def test_any_size_has_a_layout(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    dark = rng.integers(0, 60, (*size, 4)).astype(np.uint8)
    layout = describe(dark)
    assert layout.cells.shape == (min(12, size[0]), min(12, size[1]), 4)
    assert layout.histogram.sum() == pytest.approx(1)
    assert cut_score(layout, layout) == 0
    assert cut_score(layout, describe(dark + 150)) > CUT_SCORE


def test_deeper_features_score_as_8_bit_ones() -> None:
    first, second = scene(1), scene(2)
    floats = score(first.astype(np.float32), second.astype(np.float32))
    assert floats == score(first, second)


def test_cells_are_means() -> None:
    cells = describe(np.arange(24 * 36, dtype=np.float32).reshape(24, 36, 1) % 251).cells
    block = (np.arange(24 * 36).reshape(24, 36) % 251)[2:4, 3:6]
    assert cells[1, 1, 0] == pytest.approx(block.mean())


def test_layouts_of_different_clips_are_refused() -> None:
    with pytest.raises(FrameError, match="cannot be compared"):
        cut_score(describe(scene(1)), describe(scene(1)[..., :2]))
