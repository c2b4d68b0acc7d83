"""Warping: bringing a neighbour's samples along its motion to frame n.

Bilinear interpolation in whole numbers, so that the native kernels and NumPy, which
stands in where they are not built, give the same samples. Motion is one vector a
half-size position, (H/2, W/2, 2) int32 of x and y in 1/64 of its pixels. Luma takes it
for its 2x2 block in 1/32 of its own pixels, chroma as it is, features the mean of four
in 1/64 of theirs. Samples outside the picture are those of its border.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import byref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Flow, Pixels
from vdiff_plugin.native.library import available, kernels
from vdiff_plugin.native.pictures import hold_picture

Motion = NDArray[np.int32]

_UNIT = 64  # of half-size and quarter-size pixels; 32 of full-size ones
_FURTHEST = 1 << 20  # of those units: sums of motions stay far below 2**31


def motion_of(flow: Flow) -> Motion:
    """`Aligner.flow` in whole numbers."""
    if available() and flow.flags.c_contiguous:
        motion = np.empty(flow.shape, np.int32)
        kernels().motion(flow.ctypes.data, flow.size, motion.ctypes.data)
        return motion
    return np.clip(np.rint(flow * np.float32(_UNIT)), -_FURTHEST, _FURTHEST).astype(np.int32)


def warp_pixels(phases: Sequence[Pixels], motion: Motion) -> tuple[Pixels, ...]:
    """Bring a frame along.

    Args:
        phases: of one frame; they share a luma plane, and so do the results.
        motion: from the frame that they are brought to.
    """
    warp = _warp_natively if available() else _warp_in_numpy
    moved: list[Pixels] = []
    for phase in phases:
        moved.append(warp(phase, motion, moved[0].luma if moved else None))
    return tuple(moved)


def warp_features(features: NDArray[np.uint8], motion: Motion) -> NDArray[np.uint8]:
    """Bring features (H/4, W/4, C) along."""
    if not available():
        return _mixed(features, _quarter_motion(motion), 6)
    height, width, channels = features.shape
    features, out = np.ascontiguousarray(features), np.empty_like(features, order="C")
    kernels().warp_features(
        features.ctypes.data, channels, motion.ctypes.data, height, width, out.ctypes.data
    )
    return out


def _warp_natively(pixels: Pixels, motion: Motion, luma: NDArray[Any] | None) -> Pixels:
    held = hold_picture(pixels.luma, pixels.chroma)
    moved = np.empty_like(pixels.luma, order="C") if luma is None else luma
    chroma = np.empty_like(pixels.chroma, order="C")
    kernels().warp_picture(
        byref(held.picture), held.deep, motion.ctypes.data, *moved.shape,
        moved.ctypes.data if luma is None else None, chroma.ctypes.data,
    )  # fmt: skip
    return Pixels(moved, chroma, pixels.scale)


def _warp_in_numpy(pixels: Pixels, motion: Motion, luma: NDArray[Any] | None) -> Pixels:
    if luma is None:
        blocks = np.repeat(np.repeat(motion, 2, axis=0), 2, axis=1)
        luma = _mixed(pixels.luma[..., None], blocks, 5)[..., 0]
    return Pixels(luma, _mixed(pixels.chroma, motion, 6), pixels.scale)


def _quarter_motion(motion: Motion) -> Motion:
    height, width = motion.shape[:2]
    total = motion.reshape(height // 2, 2, width // 2, 2, 2).sum(axis=(1, 3), dtype=np.int32)
    quarter: Motion = (total + 4) >> 3
    return quarter


def _mixed(samples: NDArray[Any], motion: Motion, bits: int) -> NDArray[Any]:
    """Samples (h, w, c) at the places that `motion` (h, w, 2), in 1/2**bits, leads to."""
    height, width = samples.shape[:2]
    y, x = np.mgrid[:height, :width] + np.moveaxis(motion, -1, 0)[::-1] // (1 << bits)
    across, down = np.moveaxis(motion & ((1 << bits) - 1), -1, 0)[..., None]
    one = 1 << bits
    top, bottom = (
        _tap(samples, y + row, x) * (one - across) + _tap(samples, y + row, x + 1) * across
        for row in (0, 1)
    )
    total = top * (one - down) + bottom * down + (1 << (2 * bits - 1))
    mixed: NDArray[Any] = (total >> (2 * bits)).astype(samples.dtype)
    return mixed


def _tap(samples: NDArray[Any], y: NDArray[Any], x: NDArray[Any]) -> NDArray[np.int32]:
    height, width = samples.shape[:2]
    taken = samples[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return np.asarray(taken, np.int32)
