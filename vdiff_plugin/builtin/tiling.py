"""Tiles: work on a large picture piece by piece, with the pixels of the whole."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin import memory
from vdiff_plugin.contracts import Change, Doubling, Fusion, Network, Pixels, Upscaler
from vdiff_plugin.errors import ResourceError

logger = logging.getLogger(__name__)

SMALLEST = 64  # pixels; below this the halo costs more than any memory it saves
_WHOLE = 2560 * 1440  # pixels; more in one piece is not faster
_LARGEST = 1024  # edge of a tile, for the same reason
# Shares of the free memory that one call of a network may work in. Several calls run side
# by side, and frames, the cache, flow and warped neighbours want their part.
_WHOLE_SHARE = 1 / 8  # up to which a picture is taken in one piece
_TILE_SHARE = 1 / 16  # of one tile, where it is not

Arrays = tuple[NDArray[Any], ...]


class Tiles:
    """Calls a network tile by tile, with smaller ones whenever memory runs out.

    Each tile is cut with the network's halo around it, on the network's grid, so that
    every pixel it keeps sees what it would see in the whole picture. All tiles of a
    picture have one size: they overlap instead of being cut short, so that arrays and
    compiled graphs serve all of them.

    Args:
        network: that is called.
        tile: edge in pixels, a multiple of the stride; 0 chooses by the free memory.
    """

    def __init__(self, network: Network | Upscaler, tile: int) -> None:
        self._stride = network.stride
        self._halo = network.halo
        self._working = network.footprint.working
        self._tile = tile
        self._room = memory.free_bytes() / self._working  # pixels

    def edge(self, shape: tuple[int, ...]) -> int:
        """Edge of the tiles that a picture (H, W) is taken in; its longer one: whole."""
        return min(self._tile or self._chosen(shape), max(shape))

    def working_bytes(self, shape: tuple[int, ...]) -> int:
        """Memory that one call for a picture (H, W) works in."""
        edge = self.edge(shape)
        rows, columns = (self._spans(size, edge)[0].cut.stop for size in shape)
        return int(rows * columns * self._working)

    def run(self, shape: tuple[int, ...], call: Callable[[slice, slice], Arrays]) -> Arrays:
        """What `call` would give for a whole picture (H, W).

        Args:
            shape: of what goes in.
            call: gives the arrays of some rows and columns; each array is larger or
                smaller than those by a ratio of its own.

        Raises:
            ResourceError: not even the smallest tile fits.
        """
        edge = self.edge(shape)
        while True:
            try:
                return self._in_tiles(shape, edge, call)
            except (ResourceError, MemoryError) as error:
                edge = edge // 2 // self._stride * self._stride
                if edge < SMALLEST:
                    raise ResourceError(
                        f"not enough memory for tiles of {SMALLEST} pixels; close other programs"
                    ) from error
                logger.warning("memory ran out; going on with tiles of %d pixels", edge)
                self._tile = edge

    def _chosen(self, shape: tuple[int, ...]) -> int:
        if math.prod(shape) <= min(_WHOLE, _WHOLE_SHARE * self._room):
            return max(shape)
        edge = int(math.sqrt(_TILE_SHARE * self._room)) - 2 * self._halo
        return max(SMALLEST, min(_LARGEST, edge // self._stride * self._stride))

    def _in_tiles(
        self, shape: tuple[int, ...], edge: int, call: Callable[[slice, slice], Arrays]
    ) -> Arrays:
        height, width = shape
        if edge >= max(shape):
            return call(slice(0, height), slice(0, width))
        wholes: Arrays = ()
        for rows in self._spans(height, edge):
            for columns in self._spans(width, edge):
                parts = call(rows.cut, columns.cut)
                wholes = wholes or tuple(_canvas(part, rows, columns) for part in parts)
                for whole, part in zip(wholes, parts, strict=True):
                    _paste(part, rows, columns, whole)
        return wholes

    def _spans(self, size: int, edge: int) -> list[Span]:
        return spans(size, edge, self._halo, self._stride)


@dataclass(frozen=True)
class Span:
    """A tile along one axis of `size` pixels: what it keeps and what it is cut with."""

    kept: slice
    cut: slice
    size: int

    def whole(self, length: int) -> int:
        """Length of the axis in an array whose tile is `length` long."""
        return self.size * length // self._pixels

    def to(self, length: int) -> slice:
        """What is kept, in such an array."""
        return self._scaled(self.kept.start, self.kept.stop, length)

    def within(self, length: int) -> slice:
        """The same in the tile's own array."""
        start = self.cut.start
        return self._scaled(self.kept.start - start, self.kept.stop - start, length)

    @property
    def _pixels(self) -> int:
        return int(self.cut.stop - self.cut.start)

    def _scaled(self, start: int, stop: int, length: int) -> slice:
        return slice(start * length // self._pixels, stop * length // self._pixels)


def spans(size: int, edge: int, halo: int, stride: int) -> list[Span]:
    """Tiles along one axis, all of one length, of which each keeps about `edge` pixels.

    Tiles at the borders need a halo on one side only, and keep the more.
    """
    count = max(1, -(-(size - 2 * halo) // edge))
    step = min(edge, -(-(size - 2 * halo) // (count * stride)) * stride) if count > 1 else size
    length = min(size, step + 2 * halo)
    found, start = [], 0
    for index in range(count):
        first = min(index * step, size - length)
        stop = size if index == count - 1 else first + length - halo
        found.append(Span(slice(start, stop), slice(first, first + length), size))
        start = stop
    return found


def _canvas(part: NDArray[Any], rows: Span, columns: Span) -> NDArray[Any]:
    """Room for a whole picture, whose tile `part` is."""
    height, width, *rest = part.shape
    return np.empty((rows.whole(height), columns.whole(width), *rest), part.dtype)


def _paste(part: NDArray[Any], rows: Span, columns: Span, whole: NDArray[Any]) -> None:
    height, width = part.shape[:2]
    whole[rows.to(height), columns.to(width)] = part[rows.within(height), columns.within(width)]


class TiledNetwork:
    """A `Network` that takes large pictures tile by tile. Alignment is done before, on the whole.

    Args:
        network: does the work.
        tile: see `Tiles`.
    """

    def __init__(self, network: Network, tile: int) -> None:
        self._network = network
        self.tiles = Tiles(network, tile)
        self.concurrent = network.concurrent
        self.radius = network.radius
        self.stride = network.stride
        self.halo = network.halo
        self.alignment = network.alignment
        self.fingerprint = network.fingerprint
        self.footprint = network.footprint

    def extract(self, pixels: Pixels) -> NDArray[np.uint8]:
        """See `Network.extract`. Raises ResourceError where not even the smallest tile fits."""

        def call(rows: slice, columns: slice) -> Arrays:
            return (self._network.extract(cut_pixels(pixels, rows, columns)),)

        return self.tiles.run(pixels.luma.shape, call)[0]

    def restore(self, fusion: Fusion) -> Change:
        """See `Network.restore`. Raises ResourceError where not even the smallest tile fits."""

        def call(rows: slice, columns: slice) -> Arrays:
            change = self._network.restore(cut_fusion(fusion, rows, columns))
            return change.luma, change.chroma

        return Change(*self.tiles.run(fusion.centre.luma.shape, call))


class TiledUpscaler:
    """The same for an `Upscaler`; tiles are of the small picture.

    Args:
        upscaler: does the work.
        tile: see `Tiles`.
    """

    def __init__(self, upscaler: Upscaler, tile: int) -> None:
        self._upscaler = upscaler
        self.tiles = Tiles(upscaler, tile)

    def upscale(self, doubling: Doubling) -> Change:
        """See `Upscaler.upscale`. Raises ResourceError where not even the smallest tile fits."""

        def call(rows: slice, columns: slice) -> Arrays:
            restored = cut_pixels(doubling.restored, rows, columns)
            source = cut_pixels(doubling.source, rows, columns)
            change = self._upscaler.upscale(Doubling(restored, source, doubling.levels))
            return change.luma, change.chroma

        return Change(*self.tiles.run(doubling.restored.luma.shape, call))


def cut_pixels(whole: Pixels, rows: slice, columns: slice) -> Pixels:
    """The part of a picture inside `rows` and `columns`, multiples of 2 pixels; no copies."""
    chroma = whole.chroma[_divided(rows, 2), _divided(columns, 2)]
    return Pixels(whole.luma[rows, columns], chroma, whole.scale)


def cut_fusion(fusion: Fusion, rows: slice, columns: slice) -> Fusion:
    """The part of a window inside `rows` and `columns`, multiples of 4 pixels; no copies."""

    def features(whole: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return whole[_divided(rows, 4), _divided(columns, 4)]

    neighbours = [
        None if each is None else (cut_pixels(each[0], rows, columns), features(each[1]))
        for each in fusion.neighbours
    ]
    centre = cut_pixels(fusion.centre, rows, columns)
    return Fusion(centre, features(fusion.features), neighbours, fusion.levels)


def _divided(part: slice, by: int) -> slice:
    return slice(part.start // by, part.stop // by)
