"""Noise levels of frames with known noise."""

from __future__ import annotations

import numpy as np
import pytest

from vdiff_plugin.builtin.levels import window_levels
from vdiff_plugin.builtin.noise import noise_level
from vdiff_plugin.contracts import Pixels


def _scene(height: int, width: int) -> np.ndarray:
    """Ramps, edges and some texture, in codes."""
    y, x = np.mgrid[0:height, 0:width]
    picture = 60 + x / 8 + 20 * (y // 40 % 2) + 10 * np.sin(x / 9) * np.cos(y / 7)
    picture[: height // 4, : width // 4] += 30 * ((x + y) % 2)[: height // 4, : width // 4]
    return picture


def _pixels(sigma: float, scale: float, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    luma, chroma = _scene(192, 320), np.full((96, 160, 2), 120.0)
    dtype = np.uint8 if scale == 1 else np.uint16

    def noisy(plane: np.ndarray) -> np.ndarray:
        codes = plane + rng.normal(0, sigma, plane.shape)
        return np.clip(np.rint(codes / scale), 0, 255 / scale).astype(dtype)

    return Pixels(noisy(luma), noisy(chroma), scale)


@pytest.mark.parametrize("scale", [1, 1 / 4, 1 / 16])
@pytest.mark.parametrize("sigma", [1, 2, 5, 10, 20, 30])
def test_white_noise_is_measured(sigma: float, scale: float) -> None:
    luma, chroma = noise_level(_pixels(sigma, scale))
    tolerance = max(0.5, 0.1 * sigma)
    assert abs(luma - sigma) < tolerance
    assert abs(chroma - sigma) < tolerance


def test_clean_pictures_are_clean() -> None:
    luma, chroma = noise_level(_pixels(0, 1 / 16))
    assert luma < 0.5
    assert chroma < 0.1


def test_black_and_white_say_nothing() -> None:
    flat = np.zeros((64, 64), np.uint8)
    assert noise_level(Pixels(flat, np.zeros((32, 32, 2), np.uint8), 1.0)) == (0.0, 0.0)


@pytest.mark.parametrize("size", [(16, 16), (32, 16), (16, 48)])
def test_tiny_pictures_have_a_level(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    luma = np.clip(rng.normal(120, 10, size), 0, 255).astype(np.uint8)
    chroma = np.full((size[0] // 2, size[1] // 2, 2), 128, np.uint8)
    assert 4 < noise_level(Pixels(luma, chroma, 1.0))[0] < 16


def test_a_window_takes_the_median() -> None:
    frames = [(1, 4, 0), (9, 5, 3), (2, 60, 1)]
    assert window_levels(frames) == (2.0, 5.0, 1.0)
