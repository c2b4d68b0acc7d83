"""Doubling by interpolation, in whole numbers: the picture that a network then adds to.

Separable cubic convolution (R. Keys, IEEE Trans. ASSP 29, 1981, a = -1/2) with weights in
1/128, so that sums are exact and do not depend on their order. A doubled picture's samples
lie a quarter of a sample to both sides of the small one's; chroma that does not lie in the
middle of its luma lies elsewhere, and is taken from there.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.frame import ClipInfo

REACH = 2  # samples to both sides that a doubled sample is made of
UNIT_BITS = 7  # weights of one direction are in 1/128
_UNIT = 1 << UNIT_BITS
_EDGES = {"left": (0.0, 0.5), "center": (0.5, 0.5), "topleft": (0.0, 0.0), "top": (0.5, 0.0),
          "bottomleft": (0.0, 1.0), "bottom": (0.5, 1.0)}  # fmt: skip

Taps = NDArray[np.int32]  # (2, 5): of the even and the odd sample, from 2 before to 2 after


def plane_taps(clip: ClipInfo, index: int) -> tuple[Taps, Taps]:
    """Weights down and across of plane `index` of `clip`."""
    form = clip.format
    if form.family != "yuv" or index not in (1, 2):
        return _taps(0.25), _taps(0.25)
    x, y = _EDGES.get(clip.chroma_location, _EDGES["left"])
    return _taps(_before(form.log2_h, y)), _taps(_before(form.log2_w, x))


def _before(log2: int, place: float) -> float:
    """How far before a small sample its even doubled one lies, in small samples.

    A chroma sample lies `offset` luma samples right of the first of the `step` it is for,
    in both pictures; luma m of the doubled picture lies at m/2 - 1/4 of the small one.
    """
    step = 1 << log2
    offset = (step - 1) * place
    return (offset / 2 + 0.25) / step


@cache
def _taps(before: float) -> Taps:
    """Weights for samples `before` (0..1/2) before a small one, and half a sample later."""
    taps = np.array([_rounded(_cubic(np.arange(-REACH, REACH + 1) + shift))
                     for shift in (before, before - 0.5)])  # fmt: skip
    taps.flags.writeable = False
    return taps


def _cubic(places: NDArray[np.floating]) -> NDArray[np.float64]:
    x = np.abs(places.astype(np.float64))
    near, far = (1.5 * x - 2.5) * x**2 + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _rounded(weights: NDArray[np.float64]) -> Taps:
    """In whole 1/128 that sum up to 1: the largest takes what rounding left."""
    whole = np.rint(weights * _UNIT).astype(np.int32)
    whole[np.argmax(whole)] += _UNIT - whole.sum()
    return whole


def doubled(plane: NDArray[Any], down: Taps, across: Taps) -> NDArray[Any]:
    """(2H, 2W) of a plane (H, W) in 2**-14 samples, edges repeated.

    Returns:
        int32 for whole samples of up to 16 bits, float64 for float samples.
    """
    kind = np.float64 if plane.dtype.kind == "f" else np.int32
    tall = _along(plane.astype(kind), down.astype(kind), 0)
    return _along(tall, across.astype(kind), 1)


def _along(plane: NDArray[Any], taps: NDArray[Any], axis: int) -> NDArray[Any]:
    pads = [(0, 0), (0, 0)]
    pads[axis] = (REACH, REACH)
    padded = np.moveaxis(np.pad(plane, pads, mode="edge"), axis, 0)
    size = plane.shape[axis]
    out = np.empty((2 * size, *padded.shape[1:]), plane.dtype)
    for odd, weights in enumerate(taps):
        total = padded[:size] * weights[0]
        for k in range(1, 2 * REACH + 1):
            total += padded[k : k + size] * weights[k]
        out[odd::2] = total
    return np.ascontiguousarray(np.moveaxis(out, 0, axis))
