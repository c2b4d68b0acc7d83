"""Full chroma after its phases were restored apart from each other.

The network works on 4:2:0, so the chroma of 4:4:4 and RGB goes through it as four pictures,
that of 4:2:2 as two. What noise is left in neighbouring samples then differs from phase to
phase, where footage hardly does: most of it had its chroma halved once. Detail finer than
the phases' grid is shrunk by what noise would explain of it, as a Wiener filter does with
means of a few samples about each place (J. S. Lee, "Digital image enhancement and noise
filtering by use of local statistics", IEEE Trans. PAMI 2, 1980).

Sums are of whole numbers below 2**24, exact in float32 in any order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Change, Pixels

Offsets = Sequence[tuple[int, int]]

_FINE = 64  # samples are looked at in 1/64 codes
_SMOOTH = np.array([3, 10, 3], np.float32)  # what neighbours count beside a sample
_TOTAL = 16
_DETAIL = 16  # detail is squared in 1/16 codes ..
_MOST = 512  # .. and at most 32 of them
_SIDE = 5  # samples a side that a mean is taken over
SETTLING_BYTES = 52  # of memory at the peak, for each sample of a plane of full chroma
# What the restored phases differ by, squared, to the variance of the noise they had: 0.02 at
# sigma 10, 0.06 at 3, measured on training clips. More of it took a little more noise, and
# detail of strong noise with it.
_LEFT = 0.06


def settled(
    changes: Sequence[Change], pixels: Sequence[Pixels], offsets: Offsets, noise: float
) -> tuple[Change, ...]:
    """The changes of all phases, whose chroma then lacks what noise made between them.

    Args:
        changes: one a phase, of chroma (h, w, 2).
        pixels: what they are changes of.
        offsets: (row, column) of each phase in full chroma; one alone is left as it is.
        noise: deviation of the chroma's noise in codes, 0 or more.
    """
    if len(offsets) == 1 or noise <= 0:
        return tuple(changes)
    rows, columns = _steps(offsets)
    chroma = [np.empty_like(each.chroma) for each in changes]
    for index in (0, 1):
        before = interleaved(
            [_fine(each.chroma[..., index], each.scale) for each in pixels], offsets
        )
        change = interleaved([_fine(each.chroma[..., index]) for each in changes], offsets)
        after = _shrunk(before + change, offsets, noise)
        part = np.where(change == 0, np.float32(0), (np.rint(after) - before) / _FINE)
        for plane, (row, column) in zip(chroma, offsets, strict=True):
            plane[..., index] = part[row::rows, column::columns]
    return tuple(Change(each.luma, part) for each, part in zip(changes, chroma, strict=True))


def _fine(samples: NDArray[Any], scale: float = 1.0) -> NDArray[np.float32]:
    return np.asarray(np.rint(samples.astype(np.float32) * np.float32(scale * _FINE)))


def _steps(offsets: Offsets) -> tuple[int, int]:
    rows, columns = (max(offset[axis] for offset in offsets) + 1 for axis in (0, 1))
    return rows, columns


def interleaved(phases: Sequence[NDArray[np.float32]], offsets: Offsets) -> NDArray[np.float32]:
    """Phases (h, w) as one plane, each at its (row, column)."""
    rows, columns = _steps(offsets)
    height, width = phases[0].shape
    whole = np.empty((height * rows, width * columns), np.float32)
    for (row, column), phase in zip(offsets, phases, strict=True):
        whole[row::rows, column::columns] = phase
    return whole


def _shrunk(plane: NDArray[np.float32], offsets: Offsets, noise: float) -> NDArray[np.float32]:
    """`plane`, in 1/64 codes, with less detail along the axes that phases lie on."""
    rows, columns = _steps(offsets)
    across, down = (_SMOOTH if steps > 1 else np.ones(1, np.float32) for steps in (columns, rows))
    total = np.float32(_TOTAL ** ((rows > 1) + (columns > 1)))
    smooth = cv2.sepFilter2D(plane, cv2.CV_32F, across, down, borderType=cv2.BORDER_REPLICATE)
    detail = plane * total - smooth
    unit = np.float32(_DETAIL / (_FINE * float(total)))
    size = np.clip(np.rint(detail * unit), -_MOST, _MOST)
    power = cv2.boxFilter(
        size * size, cv2.CV_32F, (_SIDE, _SIDE), normalize=False, borderType=cv2.BORDER_REPLICATE
    )
    expected = np.float32(_LEFT * _SIDE**2 * (noise * _DETAIL) ** 2)
    kept = np.maximum(1 - expected / np.maximum(power, 1), 0)
    return np.asarray((smooth + kept * detail) / total, np.float32)
