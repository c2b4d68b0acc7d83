"""Unchanged parts of a picture are not restored again.

Each block of 16x16 pixels of a window leaves traces: marks of its pixels and features in
frame n and in every neighbour. Where traces are equal in two windows over a whole block and
all that lies within the network's halo of it, the change is equal too, and is taken from
the earlier window: exact by construction, for screens, and for cameras that stand still.
Blocks that move in any neighbour leave no traces.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.levels import Levels
from vdiff_plugin.builtin.marks import BLOCK, Marks
from vdiff_plugin.builtin.tiling import cut_fusion
from vdiff_plugin.contracts import Cache, Change, Fusion, Network

_WORTH = 0.2  # share of blocks that stand still from which on it may pay
_MOST = 0.85  # of the whole picture's work; more is done at once
_RECENT = 4  # windows that are compared with
_STEP = 2  # blocks that pieces are rounded up to, so that they have few sizes

Blocks = NDArray[np.bool_]


@dataclass(frozen=True)
class Traces:
    """What a window's restoration depends on, block by block.

    Attributes:
        marks: (members, H/16, W/16), frame n first.
        still: (H/16, W/16), where no neighbour moved.
        levels: of the window.
    """

    marks: Marks
    still: Blocks
    levels: Levels

    def unlike(self, other: Traces) -> Blocks:
        """Blocks that may differ."""
        if self.levels != other.levels or len(self.marks) != len(other.marks):
            return np.ones_like(self.still)
        same = (self.marks == other.marks).all(axis=0)
        return np.asarray(~(same & self.still & other.still), np.bool_)


@dataclass(frozen=True)
class Restored:
    """A window's changes, one a chroma phase, and what they came from."""

    traces: Traces
    changes: tuple[Change, ...]


class Reuse:
    """Restores windows, and of those that resemble an earlier one only what is new.

    Args:
        networks: do the work, one a chroma phase.
        cache: keeps restored windows.
    """

    def __init__(self, networks: Sequence[Network], cache: Cache) -> None:
        self._networks = networks
        self._halo = -(-networks[0].halo // BLOCK)
        self._cache = cache
        self._recent: deque[Hashable] = deque(maxlen=_RECENT)
        self._lock = threading.Lock()

    def restore(
        self, key: Hashable, fusions: Sequence[Fusion], traces: Traces
    ) -> tuple[Change, ...]:
        """The window's changes.

        Args:
            key: equal for equal windows of this stage.
            fusions: one a chroma phase.
            traces: of the window.
        """
        if traces.still.mean() < _WORTH:
            return self._anew(fusions)
        restored = self._cache.get(key, lambda: self._restored(fusions, traces))
        with self._lock:
            if key not in self._recent:
                self._recent.append(key)
        return restored.changes

    def _restored(self, fusions: Sequence[Fusion], traces: Traces) -> Restored:
        earlier, new = self._most_alike(traces)
        pieces = list(_pieces(new, self._halo))
        work = sum(_area(_grown(piece, self._halo, new.shape)) for piece in pieces)
        if earlier is None or work > _MOST * new.size:
            return Restored(traces, self._anew(fusions))
        changes = tuple(Change(each.luma.copy(), each.chroma.copy()) for each in earlier.changes)
        for piece in pieces:
            outer = _grown(piece, self._halo, new.shape)
            parts = self._anew([cut_fusion(fusion, *_pixels(outer)) for fusion in fusions])
            for part, change in zip(parts, changes, strict=True):
                _paste(part, outer, change, piece)
        return Restored(traces, changes)

    def _anew(self, fusions: Sequence[Fusion]) -> tuple[Change, ...]:
        pairs = zip(self._networks, fusions, strict=True)
        return tuple(network.restore(fusion) for network, fusion in pairs)

    def _most_alike(self, traces: Traces) -> tuple[Restored | None, Blocks]:
        """The recent window with the fewest blocks to make anew, and those blocks."""
        with self._lock:
            keys = list(self._recent)
        best: Restored | None = None
        fewest = np.ones_like(traces.still)
        reach = np.ones((2 * self._halo + 1,) * 2, np.uint8)
        for earlier in filter(None, map(self._cache.peek, keys)):
            unlike = traces.unlike(earlier.traces).astype(np.uint8)
            new = cv2.dilate(unlike, reach).astype(bool)
            if new.sum() < fewest.sum():
                best, fewest = earlier, new
        return best, fewest


Piece = tuple[int, int, int, int]  # top, left, bottom, right in blocks


def _pieces(new: Blocks, halo: int) -> list[Piece]:
    """Rectangles around the new blocks; those that are cheaper as one are joined."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(new.astype(np.uint8), connectivity=8)
    boxes: list[Piece] = [(int(y), int(x), int(y + h), int(x + w)) for x, y, w, h, _ in stats[1:]]
    joined: list[Piece] = []
    while boxes:
        box = boxes.pop()
        for other in boxes:
            both = _around(box, other)
            apart = _area(_grown(box, halo)) + _area(_grown(other, halo))
            if _area(_grown(both, halo)) <= apart:
                boxes.remove(other)
                boxes.append(both)
                break
        else:
            joined.append(box)
    return joined


def _around(one: Piece, other: Piece) -> Piece:
    top, left = (min(one[i], other[i]) for i in (0, 1))
    bottom, right = (max(one[i], other[i]) for i in (2, 3))
    return top, left, bottom, right


def _area(piece: Piece) -> int:
    return (piece[2] - piece[0]) * (piece[3] - piece[1])


def _grown(piece: Piece, halo: int, shape: tuple[int, ...] | None = None) -> Piece:
    """With the halo around, within a picture of `shape`, in sizes of which there are few."""
    top, left, bottom, right = piece
    top, left, bottom, right = top - halo, left - halo, bottom + halo, right + halo
    if shape is None:
        return top, left, bottom, right
    top, bottom = _rounded(max(top, 0), min(bottom, shape[0]), shape[0])
    left, right = _rounded(max(left, 0), min(right, shape[1]), shape[1])
    return top, left, bottom, right


def _rounded(start: int, stop: int, end: int) -> tuple[int, int]:
    """A span at least as long, of a multiple of `_STEP` or the whole."""
    length = min(-(-(stop - start) // _STEP) * _STEP, end)
    start = min(start, end - length)
    return start, start + length


def _pixels(piece: Piece) -> tuple[slice, slice]:
    top, left, bottom, right = (side * BLOCK for side in piece)
    return slice(top, bottom), slice(left, right)


def _paste(part: Change, outer: Piece, change: Change, inner: Piece) -> None:
    """Copy what `inner` holds of a part, restored for `outer`, into a whole change."""
    rows, columns = _pixels(inner)
    top, left = outer[0] * BLOCK, outer[1] * BLOCK
    for to, source, by in ((change.luma, part.luma, 1), (change.chroma, part.chroma, 2)):
        to[rows.start // by : rows.stop // by, columns.start // by : columns.stop // by] = source[
            (rows.start - top) // by : (rows.stop - top) // by,
            (columns.start - left) // by : (columns.stop - left) // by,
        ]
