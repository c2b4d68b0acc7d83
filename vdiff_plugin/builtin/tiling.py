"""Tiles: restore a large picture piece by piece, with the pixels of the whole."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Change, Fusion, Network, Pixels
from vdiff_plugin.errors import ResourceError

logger = logging.getLogger(__name__)

SMALLEST = 64  # pixels; below this the halo costs more than any memory it saves
_WHOLE = 2560 * 1440  # pixels that the network takes in one piece unless told otherwise
_AUTO = 1024  # tile edge for larger pictures


class TiledRestorer:
    """Runs `Network.restore` tile by tile.

    Each tile is cut with the network's halo around it, on the network's grid, so that
    every pixel it keeps sees what it would see in the whole picture. Alignment is done
    before, on the whole.
    """

    def __init__(self, network: Network, tile: int) -> None:
        """Use tiles of `tile` pixels, a multiple of the stride; 0 chooses by size."""
        self._network = network
        self._tile = tile

    def restore(self, fusion: Fusion) -> Change:
        """Like `Network.restore`; halves the tile whenever memory runs out.

        Raises:
            ResourceError: not even the smallest tile fits.
        """
        height, width = fusion.centre.luma.shape
        tile = self._tile or (_AUTO if height * width > _WHOLE else max(height, width))
        while True:
            try:
                return self._in_tiles(fusion, tile)
            except (ResourceError, MemoryError) as error:
                tile = tile // 2 // self._network.stride * self._network.stride
                if tile < SMALLEST:
                    raise ResourceError(
                        "memory ran out; close other programs or scale the clip down"
                    ) from error
                logger.warning("memory ran out; going on with tiles of %d pixels", tile)
                self._tile = tile

    def _in_tiles(self, fusion: Fusion, tile: int) -> Change:
        height, width = fusion.centre.luma.shape
        if tile >= max(height, width):
            return self._network.restore(fusion)
        luma = np.empty((height, width), np.float32)
        chroma = np.empty((height // 2, width // 2, 2), np.float32)
        for rows, outer_rows in _pieces(height, tile, self._network.halo):
            for columns, outer_columns in _pieces(width, tile, self._network.halo):
                part = self._network.restore(cut_fusion(fusion, outer_rows, outer_columns))
                inner = (_within(rows, outer_rows), _within(columns, outer_columns))
                luma[rows, columns] = part.luma[inner]
                chroma[_halved(rows), _halved(columns)] = part.chroma[
                    _halved(inner[0]), _halved(inner[1])
                ]
        return Change(luma=luma, chroma=chroma)


def _pieces(size: int, tile: int, halo: int) -> Iterator[tuple[slice, slice]]:
    """(what a tile keeps, what it is cut with) along one axis."""
    for start in range(0, size, tile):
        stop = min(start + tile, size)
        yield slice(start, stop), slice(max(0, start - halo), min(size, stop + halo))


def _within(inner: slice, outer: slice) -> slice:
    return slice(inner.start - outer.start, inner.stop - outer.start)


def _halved(part: slice, by: int = 2) -> slice:
    return slice(part.start // by, part.stop // by)


def cut_fusion(fusion: Fusion, rows: slice, columns: slice) -> Fusion:
    """The part of a window inside `rows` and `columns`, multiples of 4 pixels; no copies."""

    def pixels(whole: Pixels) -> Pixels:
        chroma = whole.chroma[_halved(rows), _halved(columns)]
        return Pixels(whole.luma[rows, columns], chroma, whole.scale)

    def features(whole: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return whole[_halved(rows, 4), _halved(columns, 4)]

    neighbours = [
        None if each is None else (pixels(each[0]), features(each[1])) for each in fusion.neighbours
    ]
    return Fusion(pixels(fusion.centre), features(fusion.features), neighbours, fusion.levels)
