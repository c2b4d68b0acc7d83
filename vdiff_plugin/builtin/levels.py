"""What a network is told of a frame and a window: how much noise, how much compression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.compression import compression_level
from vdiff_plugin.builtin.noise import noise_level
from vdiff_plugin.contracts import Pixels

_STEP = 0.25  # codes; networks are told no more, and what is equal may be used again
Levels = tuple[float, float, float]


def frame_levels(pixels: Pixels) -> Levels:
    """Noise of luma, noise of chroma, error of compression, in 8-bit code values."""
    noise = noise_level(pixels)
    return (*noise, compression_level(eight_bit(pixels), noise[0]))


def window_levels(frames: Sequence[Levels]) -> Levels:
    """Levels of a window from those of its frames: their medians, in steps of `_STEP`."""
    medians = np.median(np.asarray(frames, np.float64), axis=0)
    luma, chroma, compression = np.rint(medians / _STEP) * _STEP
    return float(luma), float(chroma), float(compression)


def eight_bit(pixels: Pixels) -> NDArray[np.uint8]:
    """Luma in whole 8-bit codes."""
    if pixels.luma.dtype == np.uint8:
        return pixels.luma
    return np.rint(pixels.luma * np.float32(pixels.scale)).astype(np.uint8)
