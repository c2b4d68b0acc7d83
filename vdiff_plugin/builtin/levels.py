"""What a network is told of a frame and a window: how much noise, how much compression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.borders import borders
from vdiff_plugin.builtin.compression import compression_level
from vdiff_plugin.builtin.noise import noise_level
from vdiff_plugin.contracts import Pixels

_BLOCK = 16  # samples
_PLAIN = 1.0  # codes within which borders are of one colour
_SMALLEST = 64  # samples a side
_STEP = 0.25  # codes; networks are told no more, and what is equal may be used again
Levels = tuple[float, float, float]


def frame_levels(pixels: Pixels) -> Levels:
    """Noise of luma, noise of chroma, error of compression, in 8-bit code values.

    Of the picture within borders of one colour, as letterboxes have them: nothing was filmed
    there, and a sixth of a picture without noise would pass for its flat parts.
    """
    inside = without_borders(pixels)
    noise = noise_level(inside)
    return (*noise, compression_level(eight_bit(inside), noise[0]))


def without_borders(pixels: Pixels) -> Pixels:
    """The part within borders of one colour; all of it if that leaves hardly anything.

    Borders are cut off in whole blocks, so that grids stay where they are.
    """
    luma, chroma = pixels.luma, pixels.chroma
    sizes = borders(luma, _PLAIN / pixels.scale)
    top, bottom, left, right = (-(-size // _BLOCK) * _BLOCK for size in sizes)
    height, width = luma.shape[0] - top - bottom, luma.shape[1] - left - right
    if (height, width) == luma.shape or min(height, width) < _SMALLEST:
        return pixels
    rows, columns = slice(top, top + height), slice(left, left + width)
    half = tuple(slice(each.start // 2, each.stop // 2) for each in (rows, columns))
    inside = [np.ascontiguousarray(part) for part in (luma[rows, columns], chroma[half])]
    return Pixels(inside[0], inside[1], pixels.scale)


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
