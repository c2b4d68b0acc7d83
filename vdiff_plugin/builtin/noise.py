"""Noise level of a frame, from that frame alone."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Pixels

# Difference of two Laplacians: blind to planes and straight edges along its axes.
# J. Immerkaer, "Fast noise variance estimation", CVIU 64(2), 1996; its gain on white
# noise of sigma s is a mean magnitude of 6 s sqrt(2 / pi).
_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_GAIN = 6 * math.sqrt(2 / math.pi)
_DEPTHS = {"uint8": cv2.CV_16S, "uint16": cv2.CV_32F}  # of the responses, by samples
_BLOCK = 16  # samples; blocks vote, so that texture in some of them does not count
_QUANTILE = 0.15  # of the blocks, by magnitude: the flat ones
_QUANTILE_BIAS = 0.91  # of that quantile on white noise against the mean
_MARGIN = 3.0  # codes from 0 and 255 where clipping hides noise


def noise_level(pixels: Pixels) -> tuple[float, float]:
    """Standard deviation of the noise of luma and chroma, in 8-bit code values."""
    luma = _plane_level(pixels.luma, pixels.scale)
    chroma = [_plane_level(pixels.chroma[..., i], pixels.scale) for i in (0, 1)]
    return luma, math.sqrt(sum(level * level for level in chroma) / 2)


def _plane_level(plane: NDArray[np.generic], scale: float) -> float:
    height, width = (size // _BLOCK * _BLOCK for size in plane.shape)
    response = np.abs(cv2.filter2D(plane, _DEPTHS[plane.dtype.name], _KERNEL))
    if not height or not width:
        return float(response.mean()) * scale / _GAIN
    votes = _block_means(response[:height, :width]) * scale
    brightness = _block_means(plane[:height, :width]) * scale
    usable = (brightness > _MARGIN) & (brightness < 255 - _MARGIN)
    if not usable.any():
        return 0.0
    return float(np.quantile(votes[usable], _QUANTILE)) / (_GAIN * _QUANTILE_BIAS)


def _block_means(samples: NDArray[np.generic]) -> NDArray[np.float32]:
    height, width = samples.shape
    size = (width // _BLOCK, height // _BLOCK)
    means = cv2.resize(samples.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.float32)
