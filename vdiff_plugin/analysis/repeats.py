"""Frames that show again what the frame before showed."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Features

Repeat = Literal["", "exact", "near"]

# In 8-bit code values. A repeated frame that was encoded again differs from the one it
# repeats by what the encoder changed its mind about; a thing of 16 pixels that moves, or
# the noise of a camera, differs by more.
NEAR_BLOCK = 3.0  # mean difference in the worst block of 16x16 pixels, at most
NEAR_MEAN = 0.5  # mean difference of the whole picture, at most
_BLOCK = 16


class RepeatFinder:
    """Takes frames in order.

    A repeat is told from the frame that it repeats, not from the repeat before it, so that
    slow change cannot pass for a row of repeats.
    """

    def __init__(self) -> None:
        self._key = b""
        self._shown: Features | None = None

    def push(self, key: bytes, pixels: Features) -> Repeat:
        """Whether this frame repeats the last one that did not.

        Args:
            key: content address, `Frame.key`.
            pixels: (H, W, channels) in 8-bit code values.
        """
        if key == self._key:
            return "exact"
        if self._shown is not None and _is_near(self._shown, pixels):
            return "near"
        self._key, self._shown = key, pixels
        return ""


def _is_near(shown: Features, pixels: Features) -> bool:
    height, width = pixels.shape[:2]
    difference = _difference(shown, pixels)
    if float(difference.mean()) > NEAR_MEAN:
        return False
    size = (-(-width // _BLOCK), -(-height // _BLOCK))
    blocks = cv2.resize(difference, size, interpolation=cv2.INTER_AREA)
    return float(np.max(blocks)) <= NEAR_BLOCK


def _difference(shown: Features, pixels: Features) -> NDArray[Any]:
    """(H, W) mean over channels."""
    return np.asarray(cv2.absdiff(shown, pixels), np.float32).reshape(pixels.shape).mean(axis=2)
