"""One frame's change map as numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SHARE = 0.99


class Score(NamedTuple):
    """A change map in short.

    Attributes:
        total: sum of the map over its positions.
        mean: the same, a position.
        p99: the value that 99 % of the positions stay within: small things that change much.
    """

    total: float
    mean: float
    p99: float


def score_of(change: NDArray[np.float32]) -> Score:
    """Score of a change map (h, w) of at least one position."""
    rank = min(change.size - 1, int(change.size * _SHARE))
    p99 = np.partition(change, rank, axis=None)[rank]
    return Score(float(change.sum(dtype=np.float64)), float(change.mean()), float(p99))
