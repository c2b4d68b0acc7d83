"""Marks of blocks: 64 bits that stand for what a block of 16x16 pixels holds.

Equal blocks have equal marks, and unequal ones differ but for a chance of 2**-64, so that
what was computed from equal blocks need not be computed again. Marks live as long as the
process and are compared with each other alone; without the native kernels they are others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from vdiff_plugin.contracts import Pixels
from vdiff_plugin.native.library import available, kernels

BLOCK = 16  # pixels a side
Marks = NDArray[np.uint64]


def pixel_marks(phases: Sequence[Pixels]) -> Marks:
    """Marks (H/16, W/16) of a frame in the network's form."""
    height, width = phases[0].luma.shape
    marks = np.zeros((height // BLOCK, width // BLOCK), np.uint64)
    for plane in (phases[0].luma, *(phase.chroma for phase in phases)):
        marks = stirred(marks, plane)
    return marks


def stirred(marks: Marks, plane: NDArray[Any]) -> Marks:
    """Marks of what `marks` stand for and a plane (h, w) or (h, w, channels) beside it."""
    plane = np.ascontiguousarray(plane)
    blocks = marks.shape
    lines, columns = (plane.shape[axis] // blocks[axis] for axis in (0, 1))
    size = columns * plane.strides[1]
    out = marks.copy()
    stir = _stir_natively if available() else _stir_by_hashes
    stir(plane, size, lines, out)
    return out


def _stir_natively(plane: NDArray[Any], size: int, lines: int, marks: Marks) -> None:
    kernels().block_marks(
        plane.ctypes.data, plane.strides[0], size, lines, *marks.shape, marks.ctypes.data
    )


def _stir_by_hashes(plane: NDArray[Any], size: int, lines: int, marks: Marks) -> None:
    rows = plane.view(np.uint8).reshape(len(plane), -1)
    for y, x in np.ndindex(marks.shape):
        block = rows[y * lines : (y + 1) * lines, x * size : (x + 1) * size]
        seed = int(marks[y, x])
        marks[y, x] = xxhash.xxh3_64_intdigest(np.ascontiguousarray(block).data, seed)
