"""Noise level of a frame, from that frame alone."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Pixels
from vdiff_plugin.native.library import available, kernels

Sums = NDArray[np.int32]

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


def _plane_level(plane: NDArray[Any], scale: float) -> float:
    if min(plane.shape) < _BLOCK:
        return float(_responses(plane).mean()) * scale / _GAIN
    sums = _sums_natively(plane) if available() else _sums_in_numpy(plane)
    votes, brightness = (each / np.float32(_BLOCK**2) * np.float32(scale) for each in sums)
    usable = (brightness > _MARGIN) & (brightness < 255 - _MARGIN)
    if not usable.any():
        return 0.0
    return float(np.quantile(votes[usable], _QUANTILE)) / (_GAIN * _QUANTILE_BIAS)


def _sums_natively(plane: NDArray[Any]) -> tuple[Sums, Sums]:
    """Of each block: magnitudes of responses, and samples."""
    height, width = plane.shape
    shape = (height // _BLOCK, width // _BLOCK)
    responses, samples = np.empty(shape, np.int32), np.empty(shape, np.int32)
    row, pixel = (stride // plane.itemsize for stride in plane.strides)
    kernels().block_noise(
        plane.ctypes.data, row, pixel, plane.itemsize == 2, height, width,
        responses.ctypes.data, samples.ctypes.data,
    )  # fmt: skip
    return responses, samples


def _sums_in_numpy(plane: NDArray[Any]) -> tuple[Sums, Sums]:
    return _block_sums(_responses(plane)), _block_sums(plane)


def _responses(plane: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.abs(cv2.filter2D(plane, _DEPTHS[plane.dtype.name], _KERNEL)))


def _block_sums(samples: NDArray[Any]) -> Sums:
    height, width = (size // _BLOCK for size in samples.shape)
    cut = samples[: height * _BLOCK, : width * _BLOCK]
    return cut.reshape(height, _BLOCK, width, _BLOCK).sum(axis=(1, 3), dtype=np.int32)
