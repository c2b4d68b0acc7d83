"""Doubling by interpolation: where samples lie, and how exactly."""

from __future__ import annotations

import numpy as np
import pytest

from vdiff_plugin.builtin.interpolation import doubled, plane_taps
from vdiff_plugin.frame import ClipInfo, PixelFormat

UNIT = 1 << 14


def _clip(log2_w: int = 1, log2_h: int = 1, location: str = "left") -> ClipInfo:
    form = PixelFormat(family="yuv", log2_w=log2_w, log2_h=log2_h)
    return ClipInfo(width=64, height=48, format=form, chroma_location=location)


# How far right of (or below) the first of its luma samples a chroma sample lies.
OFFSETS = {"left": (0.0, 0.5), "center": (0.5, 0.5), "topleft": (0.0, 0.0), "top": (0.5, 0.0),
           "bottomleft": (0.0, 1.0), "bottom": (0.5, 1.0)}  # fmt: skip


@pytest.mark.parametrize("location", OFFSETS)
@pytest.mark.parametrize("log2", [(0, 0), (1, 0), (1, 1), (2, 0), (2, 2)])
def test_samples_stay_where_they_lie(log2: tuple[int, int], location: str) -> None:
    """A ramp over the picture is the same ramp in the doubled one, plane by plane."""
    clip = _clip(*log2, location)
    for index in (0, 1):
        for axis in (0, 1):
            shift = 0 if index == 0 else (log2[1], log2[0])[axis]
            step = 1 << shift
            offset = OFFSETS[location][1 - axis] * (step - 1)
            # 20 codes a luma sample of the small picture, 10 one of the large
            here = 20 * (np.arange(24) * step + offset)
            there = 20 * ((np.arange(48) * step + offset) / 2 - 0.25)
            ramp = np.broadcast_to(here[:, None] if axis == 0 else here[None], (24, 24))
            got = doubled(ramp, *plane_taps(clip, index))
            line = (got[:, 20] if axis == 0 else got[20]) / UNIT
            np.testing.assert_allclose(line[6:-6], there[6:-6], atol=0.3 * step)


def test_grey_and_rgb_have_one_place_for_all() -> None:
    quarter = plane_taps(_clip(), 0)[0]
    for family, count in (("gray", 2), ("rgb", 4)):
        clip = ClipInfo(width=8, height=8, format=PixelFormat(family=family, alpha=True))
        for index in range(count):
            for taps in plane_taps(clip, index):
                np.testing.assert_array_equal(taps, quarter)
    np.testing.assert_array_equal(quarter, [[-3, 29, 111, -9, 0], [0, -9, 111, 29, -3]])


@pytest.mark.parametrize("location", OFFSETS)
def test_flat_stays_flat(location: str) -> None:
    for bits in (8, 16):
        plane = np.full((3, 5), (1 << bits) - 1, np.uint16)
        for taps in plane_taps(_clip(2, 2, location), 1):
            assert (doubled(plane, taps, taps) == ((1 << bits) - 1) * UNIT).all()


def test_sums_of_16_bits_fit() -> None:
    """The worst picture there is for overshoot, in 32 and in 64 bits."""
    plane = np.where(np.indices((9, 9)).sum(axis=0) % 2, 65535, 0).astype(np.uint16)
    taps = plane_taps(_clip(), 0)[0]
    wide = doubled(plane.astype(np.float64), taps, taps)
    np.testing.assert_array_equal(doubled(plane, taps, taps), wide)
    assert np.abs(wide).max() < 2**31


def test_a_single_sample_is_enough() -> None:
    taps = plane_taps(_clip(), 0)[0]
    assert (doubled(np.full((1, 1), 7, np.uint8), taps, taps) == 7 * UNIT).all()
