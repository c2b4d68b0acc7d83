"""Boxes around what moves, from the activity of one frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.analysis.activity import CELL, Active
from vdiff_plugin.frame import ClipInfo

_LEAST = 4  # cells: less is a speck
_MOST = 64  # boxes a frame, the largest ones
_BRIDGE = 5  # cells a side: a thing's two edges change, and its plain middle need not


@dataclass(frozen=True)
class Region:
    """A box, in whole pixels of the picture.

    Attributes:
        x, y: its left and upper edge.
        width, height: at least 1.
        change: mean of its cells, in code values a channel.
    """

    x: int
    y: int
    width: int
    height: int
    change: float

    @property
    def centre(self) -> tuple[float, float]:
        """X and y of its middle."""
        return self.x + self.width / 2, self.y + self.height / 2


def find_regions(active: Active, clip: ClipInfo) -> tuple[Region, ...]:
    """What moves, the largest first; connected cells make one region."""
    if not active.mask.any():
        return ()
    closed = _closed(active.mask.astype(np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    labels = np.where(active.mask, labels, 0)
    cells = np.bincount(labels.ravel(), minlength=count)
    sums = np.bincount(labels.ravel(), weights=active.change.ravel(), minlength=count)
    kept = [n for n in range(1, count) if cells[n] >= _LEAST]
    kept.sort(key=lambda n: (-int(stats[n, cv2.CC_STAT_AREA]), n))
    return tuple(_region(stats[n], float(sums[n] / cells[n]), clip) for n in kept[:_MOST])


def _closed(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Gaps filled; the border is no wall, so the mask is padded while that is done."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_BRIDGE, _BRIDGE))
    padded = np.pad(mask, _BRIDGE)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)
    return np.array(closed[_BRIDGE:-_BRIDGE, _BRIDGE:-_BRIDGE], np.uint8)


def _region(stats: NDArray[np.int32], change: float, clip: ClipInfo) -> Region:
    left, top, wide, tall = (
        int(stats[each]) * CELL
        for each in (cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP, cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT)
    )
    right, bottom = min(left + wide, clip.width), min(top + tall, clip.height)
    return Region(left, top, right - left, bottom - top, change)
