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
from functools import cache
from statistics import NormalDist
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 15  # samples a side of the square in which a share is counted
_SOLID = np.ones((5, 5), np.uint8)  # cut off throughout: no noise, as in black borders
_LEAST = 1.0  # codes of noise; the mean is off by 0.4 of it at most
_FAR = 4.0  # sigmas from the end; from there on nothing is cut off
_STEPS = 4  # table entries a code
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
        corrected = change[rows].copy()
        samples = plane[rows].astype(np.float32)
        inner = slice(top - around.start, rows.stop - around.start)
        for end, inwards in ends:
            mean = np.maximum(inwards * ((samples - end) / np.float32(unit) + change[rows]), 0)
            excess, spread = (part[inner] for part in _by_share(plane[around] == end))
            corrected -= inwards * np.minimum(
                mean * excess, _by_noise(mean / spread, noise) * spread
            )
        yield rows, corrected


def _by_share(cut_off: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the samples cut off around tell: see `_shares`."""
    flags = cut_off.view(np.uint8)
    solid = cv2.morphologyEx(flags, cv2.MORPH_OPEN, _SOLID)
    counts, solids = (
        cv2.boxFilter(each, -1, (_SIDE, _SIDE), normalize=False) for each in (flags, solid)
    )
    excess, spread = _shares()
    singly = counts - solids
    return excess[singly, solids], spread[singly, solids]


def _by_noise(mean: NDArray[np.float32], noise: float) -> NDArray[np.float32]:
    """Codes by which means of noisy samples, codes from the end, lie too far from it."""
    table = _means(noise)
    index = np.minimum(np.rint(mean * np.float32(_STEPS)), len(table) - 1)
    return table[index.astype(np.intp)]


@cache
def _shares() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """By counts of samples that were cut off singly, and in solid blocks, which say nothing.

    Returns:
        The part of the mean's distance from the end that is too much, and sigma over the
        deviation of what is left: where most of a picture is cut off, that is what is
        measured.
    """
    whole = _SIDE * _SIDE
    excess = np.zeros((whole + 1, whole + 1), np.float32)
    spread = np.ones_like(excess)
    for solids in range(whole):
        for singly in range(1, whole - solids + 1):
            y = max(-_NORMAL.inv_cdf(min(singly / (whole - solids), 0.5)), 0.0)
            excess[singly, solids] = 1 - y / _mean(y)
            spread[singly, solids] = (_mean_square(y) - _mean(y) ** 2) ** -0.5
    return excess, spread


@cache
def _means(noise: float) -> NDArray[np.float32]:
    """What `_by_noise` gives, by steps of the mean; 0 at the end."""
    truths = np.linspace(0, _FAR * noise, 2048)
    means = np.array([_mean(y / noise) * noise for y in truths])
    distances = np.arange(0, _FAR * noise + 1 / _STEPS, 1 / _STEPS)
    table = distances - np.interp(distances, means, truths)
    table[-1] = 0
    return np.rint(table * 64).astype(np.float32) / 64


def _mean(y: float) -> float:
    """Of noise of deviation 1 about y, cut off at 0."""
    return _NORMAL.pdf(y) + y * _NORMAL.cdf(y)


def _mean_square(y: float) -> float:
    return (1 + y * y) * _NORMAL.cdf(y) + y * _NORMAL.pdf(y)
