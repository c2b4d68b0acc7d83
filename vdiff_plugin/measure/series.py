"""What a metric gives: one number a frame, under one or several names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.frame import Frame

Series = NDArray[np.float64]  # a number a frame; NaN where there is none

# Y counts six times as much as U and as V, as is usual for 4:2:0.
_LUMA_SHARE = 6


class Measure(Protocol):
    """Compares one clip with its reference, frame by frame in order, from one thread at a time."""

    def add(self, reference: Frame, distorted: Frame) -> None:
        """Look at the next pair of frames; both fit the clip that the measure was made for."""
        ...

    def finish(self) -> Mapping[str, Sequence[float]]:
        """Name -> a number a pair, NaN where there is none. Called once, at the end."""
        ...

    def close(self) -> None:
        """Let go of what is held; nothing can be asked afterwards."""
        ...


class Summary(NamedTuple):
    """A series in four numbers.

    Attributes:
        mean: over the frames that have a number.
        low: the smallest.
        high: the largest.
        frames: how many have a number.
    """

    mean: float
    low: float
    high: float
    frames: int


def summary(series: Series) -> Summary | None:
    """What a series amounts to; None where no frame has a number."""
    known = series[np.isfinite(series)]
    if not len(known):
        return None
    return Summary(float(known.mean()), float(known.min()), float(known.max()), len(known))


def weighted(planes: Sequence[float]) -> float:
    """One number from one a plane: Y, U and V 6:1:1; otherwise all alike."""
    if len(planes) != 3:
        return float(planes[0])
    return (_LUMA_SHARE * planes[0] + planes[1] + planes[2]) / (_LUMA_SHARE + 2)
