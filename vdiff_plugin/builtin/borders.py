"""Borders of one colour, as letterboxes have them: nothing was filmed there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 16  # rows looked at together


def borders(plane: NDArray[Any], tolerance: float = 0) -> tuple[int, int, int, int]:
    """Samples at the top, bottom, left and right of a plane (H, W) that are of one colour.

    Args:
        plane: samples; with a tolerance, integer ones.
        tolerance: samples that may lie between a border's first sample and others.

    Returns:
        All of the height and width where the whole plane is of one colour.
    """
    sides = (plane, plane[::-1], plane.T, plane.T[::-1])
    top, bottom, left, right = (_plain_rows(side, tolerance) for side in sides)
    return top, bottom, left, right


def _plain_rows(plane: NDArray[Any], tolerance: float) -> int:
    colour = plane[0, 0]
    for start in range(0, len(plane), _AT_ONCE):
        rows = plane[start : start + _AT_ONCE]
        away = rows != colour
        if tolerance:
            away = np.abs(rows.astype(np.int32) - int(colour)) > tolerance
        other = away.any(axis=1)
        if other.any():
            return start + int(np.argmax(other))
    return len(plane)


def keep_borders(plane: NDArray[Any], source: NDArray[Any], shown: NDArray[Any]) -> None:
    """Put what `shown` has at the borders of `source` into `plane`; all of one size."""
    height, width = source.shape
    top, bottom, left, right = borders(source)
    plane[:top], plane[height - bottom :] = shown[:top], shown[height - bottom :]
    plane[:, :left], plane[:, width - right :] = shown[:, :left], shown[:, width - right :]
