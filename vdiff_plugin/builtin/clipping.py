"""Black that noise lifted, and white that it lowered.

Samples end at 0 and at their peak, so noise on black can only go up, and on white only down.
Its mean, which is what any averaging finds, lies inside: black comes out grey. How far it
lies follows from the share of samples that were cut off. With y the true distance from the
end in units of sigma, density phi and distribution Phi of the normal law (A. Foi, "Clipped
noisy images", Signal Processing 89, 2009, eq. 4 to 9, for one end):

    share cut off = Phi(-y)        mean of what is left, with the cut = phi(y) + y Phi(y)

The share alone tells y / mean without knowing sigma, so that sensors, whose noise is weaker
in the dark, are not overdone; sigma alone tells y from the mean, so that detail beside a cut
area is left. The smaller correction of the two is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import byref
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.native.library import Unclipping, available, kernels

_SIDE = 15  # samples a side of the square in which a share is counted
_SOLID = np.ones((5, 5), np.uint8)  # cut off throughout: no noise, as in black borders
_LEAST = 1.0  # codes of noise; the mean is off by 0.4 of it at most
_STEPS = 64  # table entries a sigma; four sigmas from the end nothing is cut off
_NORMAL = NormalDist()
_REACH = _SIDE // 2 + len(_SOLID) // 2  # rows that shares of a row depend on, on each side
_BAND = 128  # rows at a time, so that large pictures take little memory

_Plane = NDArray[Any]


def unclipped(
    plane: _Plane, change: NDArray[np.float32], noise: float, *, peak: int, unit: float
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Rows of `change` that noise which was cut off at the ends of the range makes wrong.

    Args:
        plane: (H, W) integer samples with noise.
        change: (H, W) what restoration adds to them, in 8-bit codes.
        noise: its standard deviation in codes.
        peak: the highest sample.
        unit: samples a code.

    Yields:
        Rows, whole multiples of 8 from the top, and their change corrected.
    """
    if noise < _LEAST:
        return
    height = len(plane)
    for top in range(0, height, _BAND):
        rows = slice(top, min(top + _BAND, height))
        around = slice(max(0, top - _REACH), rows.stop + _REACH)
        ends = [(end, inwards) for end, inwards in ((0, 1), (peak, -1))
                if (plane[around] == end).any()]  # fmt: skip
        if not ends:
            continue
        band = _Band(plane[rows], change[rows], change[rows].copy(), noise, np.float32(unit))
        inner = slice(top - around.start, rows.stop - around.start)
        for end, inwards in ends:
            counts = [part[inner] for part in _counts(plane[around] == end)]
            (_correct_natively if available() else _correct)(band, end, inwards, *counts)
        yield rows, band.corrected


@dataclass(frozen=True)
class _Band:
    """Rows of a plane: samples, what is added to them, and that corrected."""

    plane: _Plane
    change: NDArray[np.float32]
    corrected: NDArray[np.float32]
    noise: float
    unit: np.float32


def _correct(
    band: _Band,
    end: int,
    inwards: int,
    counts: NDArray[np.uint8],
    solids: NDArray[np.uint8] | None = None,
) -> None:
    """Correct at one end of the range, `inwards` (1 or -1) of which samples lie."""
    samples = band.plane.astype(np.float32)
    mean = np.maximum(inwards * ((samples - end) / band.unit + band.change), 0)
    excess, spread = _by_share(counts, solids)
    by_noise = _by_noise(mean / spread, band.noise) * spread
    np.subtract(band.corrected, inwards * np.minimum(mean * excess, by_noise), out=band.corrected)


def _correct_natively(
    band: _Band,
    end: int,
    inwards: int,
    counts: NDArray[np.uint8],
    solids: NDArray[np.uint8] | None = None,
) -> None:
    """The same by a kernel."""
    plane, change = band.plane, band.change
    if plane.strides[1] != plane.itemsize:
        plane = np.ascontiguousarray(plane)
    counts = np.ascontiguousarray(counts)
    solids = None if solids is None else np.ascontiguousarray(solids)
    excess, spread = _shares()
    kernels().unclip(byref(Unclipping(
        plane=plane.ctypes.data, row=plane.strides[0] // plane.itemsize,
        change=change.ctypes.data, change_row=change.strides[0] // 4,
        change_pixel=change.strides[1] // 4,
        counts=counts.ctypes.data, solids=None if solids is None else solids.ctypes.data,
        excess=excess.ctypes.data, spread=spread.ctypes.data, means=_means().ctypes.data,
        corrected=band.corrected.ctypes.data,
        unit=band.unit, noise=band.noise, scale=_STEPS / band.noise,
        deep=plane.itemsize == 2, end=end, inwards=inwards,
        height=len(plane), width=plane.shape[1],
    )))  # fmt: skip


def _counts(cut_off: NDArray[np.bool_]) -> list[NDArray[np.uint8]]:
    """Samples cut off around each place, and those of them in solid blocks if there are any."""
    flags = cut_off.view(np.uint8)
    solid = cv2.morphologyEx(flags, cv2.MORPH_OPEN, _SOLID)
    return [_counted(flags), *([_counted(solid)] if solid.any() else [])]


def _by_share(
    counts: NDArray[np.uint8], solids: NDArray[np.uint8] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the samples cut off around tell: see `_shares`."""
    if solids is None:
        excess, spread = (_looked_up(table[0], counts) for table in _shares())
        return excess, spread
    excess, spread = (table[solids, counts - solids] for table in _shares())
    return excess, spread


def _by_noise(mean: NDArray[np.float32], noise: float) -> NDArray[np.float32]:
    """Codes by which means of noisy samples, codes from the end, lie too far from it."""
    steps = np.minimum(mean * np.float32(_STEPS / noise), 255)
    return _looked_up(_means(), np.rint(steps).astype(np.uint8)) * np.float32(noise)


def _counted(flags: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """How many are set in the square around each place."""
    counts = cv2.boxFilter(flags, -1, (_SIDE, _SIDE), normalize=False)
    return np.asarray(counts, np.uint8)


def _looked_up(table: NDArray[np.float32], index: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.LUT(index, table), np.float32)


@cache
def _shares() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """By counts of samples cut off in solid blocks, which say nothing, and singly: (256, 256).

    Returns:
        The part of the mean's distance from the end that is too much, and sigma over the
        deviation of what is left: where most of a picture is cut off, that is what is
        measured.
    """
    truths = np.linspace(4, 0, 1024)  # of noise of 1, which is cut off in shares of 0 to 1/2
    means = np.array([_mean(y) for y in truths])
    deviations = np.sqrt([_mean_square(y) for y in truths] - means**2)
    shares = np.array([_NORMAL.cdf(-y) for y in truths])
    solids, singly = np.indices((256, 256))
    seen = singly / np.maximum(_SIDE * _SIDE - solids, 1)
    excess = np.interp(seen, shares, 1 - truths / means, left=0)
    spread = np.interp(seen, shares, 1 / deviations, left=1)
    return excess.astype(np.float32), spread.astype(np.float32)


@cache
def _means() -> NDArray[np.float32]:
    """What `_by_noise` gives for noise of 1, by steps of the mean: (256,), 0 at the end."""
    truths = np.linspace(0, 256 / _STEPS, 1024)
    means = np.array([_mean(y) for y in truths])
    distances = np.arange(256) / _STEPS
    table = distances - np.interp(distances, means, truths)
    table[-1] = 0
    return table.astype(np.float32)


def _mean(y: float) -> float:
    """Of noise of deviation 1 about y, cut off at 0."""
    return _NORMAL.pdf(y) + y * _NORMAL.cdf(y)


def _mean_square(y: float) -> float:
    return (1 + y * y) * _NORMAL.cdf(y) + y * _NORMAL.pdf(y)
