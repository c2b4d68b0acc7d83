"""Halving: samples stay where they lie, and flat stays flat."""

from __future__ import annotations

import numpy as np
import pytest

from vdiff_plugin.training.footage import Sequence420
from vdiff_plugin.training.halving import CURVES, halved

HEIGHT, WIDTH = 64, 96


def _ramp(axis: int) -> Sequence420:
    """Luma two codes a pixel; chroma the same ramp, read where it lies (left, mid-height)."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    luma = 2 * (y, x)[axis]
    y, x = np.mgrid[: HEIGHT // 2, : WIDTH // 2]
    chroma = 2 * (2 * y + 0.5, 2 * x)[axis]
    pair = np.stack([chroma, 200 - chroma], axis=-1)
    return Sequence420(luma[None].astype(np.uint8), pair[None].astype(np.uint8))


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("axis", [0, 1])
def test_a_ramp_stays_where_it_is(curve: str, axis: int) -> None:
    """Pixel m of the small picture lies at 2m + 1/2 of the large one."""
    small = halved(_ramp(axis), curve)
    assert small.luma.shape == (1, HEIGHT // 2, WIDTH // 2)
    assert small.chroma.shape == (1, HEIGHT // 4, WIDTH // 4, 2)
    luma = small.luma[0].swapaxes(0, axis)[:, 9]
    chroma = small.chroma[0].swapaxes(0, axis)[:, 9]
    places = 2 * (2 * np.arange(len(luma)) + 0.5)
    np.testing.assert_allclose(luma[5:-5], places[5:-5], atol=0.6)
    # as luma of the small picture would be read there: 4 codes a pixel
    offset = 0.5 if axis == 0 else 0.0
    places = 2 * (2 * (2 * np.arange(len(chroma)) + offset) + 0.5)
    np.testing.assert_allclose(chroma[4:-4, 0], places[4:-4], atol=1.1)
    np.testing.assert_allclose(chroma[4:-4, 1], 200 - places[4:-4], atol=1.1)


@pytest.mark.parametrize("curve", CURVES)
def test_flat_stays_flat(curve: str) -> None:
    flat = Sequence420(np.full((1, 32, 32), 235, np.uint8), np.full((1, 16, 16, 2), 17, np.uint8))
    small = halved(flat, curve)
    assert (small.luma == 235).all()
    assert (small.chroma == 17).all()
