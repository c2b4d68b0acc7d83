"""Scene cuts from the features of two frames: how unlike two pictures are as a whole.

Motion moves things and noise changes every position, so a change map alone cannot tell
a cut. Two questions together can: are the same values there (histograms, blind to
motion), and are they about where they were (a coarse grid, compared with its
surroundings)? The score is the geometric mean of both answers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Features
from vdiff_plugin.errors import FrameError

# Measured on eleven clips: consecutive frames of one shot score at most 0.11, noise of
# sigma 30 included, and frames two apart 0.13; cuts between them at least 0.25, and 0.15
# (5 % below 0.18) under that noise. From pixels instead of CNN features cuts score alike,
# and fast shots up to 0.26.
CUT_SCORE = 0.16
_GRID = 12  # cells a side
_BINS = 32  # of a channel's histogram
_SAMPLES = 64  # positions a side that histograms look at, at least where there are as many
_QUIET = 4.0  # code values, summed over channels: differences as small as this mean nothing


@dataclass(frozen=True)
class Layout:
    """What `cut_score` compares; a function of one frame, small enough to keep.

    Attributes:
        cells: mean features of a coarse grid, (12, 12, channels) or fewer cells.
        histogram: share of values in each bin of each channel, sums to 1.
    """

    cells: NDArray[np.float64]
    histogram: NDArray[np.float64]


def describe(features: Features) -> Layout:
    """Layout of a feature map (h, w, channels) of values 0..255; others count as 0 or 255."""
    return Layout(_cell_means(features), _histogram(features))


def cut_score(before: Layout, after: Layout) -> float:
    """0 for equal pictures to 1 for unrelated ones; a cut from about `CUT_SCORE` up.

    Raises:
        FrameError: layouts of feature maps of different shapes.
    """
    if before.cells.shape != after.cells.shape:
        raise FrameError(
            f"layouts {before.cells.shape} and {after.cells.shape} cannot be compared; "
            "describe features of one extractor and one clip"
        )
    values = float(np.abs(before.histogram - after.histogram).sum()) / 2
    return math.sqrt(values * _displacement(before.cells, after.cells))


def _cell_means(features: Features) -> NDArray[np.float64]:
    rows, columns = (_starts(size) for size in features.shape[:2])
    kind = np.uint32 if features.dtype == np.uint8 else np.float64
    bands = [band.sum(axis=0, dtype=kind) for band in np.split(features, rows[1:])]
    sums = np.add.reduceat(bands, columns, 1)
    heights = np.diff(rows, append=features.shape[0])
    widths = np.diff(columns, append=features.shape[1])
    means: NDArray[np.float64] = sums / (heights[:, None] * widths)[..., None]
    return means


def _starts(size: int) -> NDArray[np.int64]:
    cells = min(_GRID, size)
    return np.arange(cells) * size // cells


def _histogram(features: Features) -> NDArray[np.float64]:
    step = max(1, min(features.shape[:2]) // _SAMPLES)
    sampled = features[::step, ::step]
    channels = features.shape[2]
    codes = sampled if sampled.dtype == np.uint8 else np.clip(sampled, 0, 255)
    bins = codes.astype(np.uint16) * np.uint16(_BINS) // np.uint16(256)
    bins += (np.arange(channels) * _BINS).astype(np.uint16)
    counts = np.bincount(bins.ravel(), minlength=channels * _BINS)
    return counts / sampled.size


def _displacement(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """How far cells are from the best match nearby, against any cells of the two pictures."""
    near = _distances(_nearby(before), after).min(axis=0)
    far = _distances(_elsewhere(before), after).mean(axis=(1, 2)).mean()
    return min(1.0, float(near.mean()) / (float(far) + _QUIET))


def _distances(many: NDArray[np.float64], cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, height, width) from (n, height, width, channels) and one layout's cells."""
    difference = many - cells
    distance: NDArray[np.float64] = np.abs(difference, out=difference).sum(axis=3)
    return distance


def _nearby(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nine times the cells, each shifted by at most one place."""
    height, width = cells.shape[:2]
    rows, columns = (np.clip(np.arange(-1, size + 1), 0, size - 1) for size in (height, width))
    shifted = [
        cells[rows[y : y + height, None], columns[x : x + width]]
        for y in range(3)
        for x in range(3)
    ]
    return np.stack(shifted)


def _elsewhere(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fifteen times the cells, shifted round by quarters of the picture."""
    height, width = cells.shape[:2]
    round_twice = np.concatenate([cells, cells])
    round_twice = np.concatenate([round_twice, round_twice], axis=1)
    starts = [
        (-(height * i // 4) % height, -(width * j // 4) % width)
        for i in range(4)
        for j in range(4)
        if i or j
    ]
    return np.stack([round_twice[y : y + height, x : x + width] for y, x in starts])
