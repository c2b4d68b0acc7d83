"""Where a picture changes more than its noise does."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

CELL = 4  # pixels a side of what is judged
_LEAST = 2.0  # code values a channel: less is nobody's motion
_ABOVE = 1.6  # times the noise: its spread over a picture, bright parts against dark ones
_MEMORY = 100  # frames that the noise is learned from
_QUANTILE = 0.25  # of them: the quiet ones


@dataclass(frozen=True)
class Active:
    """One frame's activity.

    Attributes:
        change: smoothed change of each cell, in code values a channel, (h, w).
        mask: the cells that change more than noise does, (h, w).
    """

    change: NDArray[np.float32]
    mask: NDArray[np.bool_]


class ActivityFinder:
    """Takes frames' changes in order.

    Noise changes every cell alike, so that their median is its level while most of the
    picture rests. It is learned from the frames before; a lamp that is switched on changes
    everything at once, and is activity.
    """

    def __init__(self) -> None:
        self._levels: deque[float] = deque(maxlen=_MEMORY)

    def look(self, change: NDArray[np.float32], *, learn: bool = True) -> Active:
        """Activity of a frame.

        Args:
            change: of each cell, as `cells_of` gives it.
            learn: False for what says nothing of the noise: cuts and repeated frames.
        """
        level = float(np.median(change))
        floor = min(level, float(np.quantile(self._levels, _QUANTILE))) if self._levels else level
        if learn:
            self._levels.append(level)
        return Active(change, change > _ABOVE * floor + _LEAST)


def cells_of(change: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """Smoothed change of each cell, in code values a channel.

    Args:
        change: a change map of pixels, (H, W): their noise is as large everywhere, and
            averages out.
        channels: that the map is a sum over.
    """
    height, width = (-(-size // CELL) for size in change.shape)
    cells = cv2.resize(change, (width, height), interpolation=cv2.INTER_AREA)
    smooth = cv2.blur(cells, (3, 3), borderType=cv2.BORDER_REPLICATE)
    return (np.reshape(smooth, (height, width)) / channels).astype(np.float32)
