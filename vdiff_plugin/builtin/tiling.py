"""Tiles: restore a large picture piece by piece, with the pixels of the whole."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Change, Doubling, Fusion, Network, Pixels, Upscaler
from vdiff_plugin.errors import ResourceError

logger = logging.getLogger(__name__)

SMALLEST = 64  # pixels; below this the halo costs more than any memory it saves
_WHOLE = 2560 * 1440  # pixels that the network takes in one piece unless told otherwise
_AUTO = 1024  # tile edge for larger pictures


class _Tiles:
    """Calls a network tile by tile, with smaller ones whenever memory runs out.

    Each tile is cut with the network's halo around it, on the network's grid, so that
    every pixel it keeps sees what it would see in the whole picture.
    """

    def __init__(self, network: Network | Upscaler, tile: int) -> None:
        """Use tiles of `tile` pixels, a multiple of the stride; 0 chooses by size."""
        self._stride = network.stride
        self._halo = network.halo
        self._tile = tile

    def run(self, size: tuple[int, ...], cut: Callable[[slice, slice], Change], by: int) -> Change:
        """The change of a picture of `size`, from those of its parts.

        Args:
            size: (H, W) of what goes in.
            cut: the change of what lies in some rows and columns.
            by: how much larger the change is than what goes in.

        Raises:
            ResourceError: not even the smallest tile fits.
        """
        height, width = size
        tile = self._tile or (_AUTO if height * width > _WHOLE else max(height, width))
        while True:
            try:
                return self._in_tiles(size, tile, cut, by)
            except (ResourceError, MemoryError) as error:
                tile = tile // 2 // self._stride * self._stride
                if tile < SMALLEST:
                    raise ResourceError(
                        "memory ran out; close other programs or scale the clip down"
                    ) from error
                logger.warning("memory ran out; going on with tiles of %d pixels", tile)
                self._tile = tile

    def _in_tiles(
        self, size: tuple[int, ...], tile: int, cut: Callable[[slice, slice], Change], by: int
    ) -> Change:
        height, width = size
        if tile >= max(height, width):
            return cut(slice(0, height), slice(0, width))
        luma = np.empty((height * by, width * by), np.float32)
        chroma = np.empty((height * by // 2, width * by // 2, 2), np.float32)
        for rows, outer_rows in _pieces(height, tile, self._halo):
            for columns, outer_columns in _pieces(width, tile, self._halo):
                part = cut(outer_rows, outer_columns)
                to = [_scaled(each, by) for each in (rows, columns)]
                inner = [
                    _scaled(_within(rows, outer_rows), by),
                    _scaled(_within(columns, outer_columns), by),
                ]
                luma[*to] = part.luma[*inner]
                chroma[*map(_halved, to)] = part.chroma[*map(_halved, inner)]
        return Change(luma=luma, chroma=chroma)


class TiledRestorer:
    """Runs `Network.restore` tile by tile. Alignment is done before, on the whole."""

    def __init__(self, network: Network, tile: int) -> None:
        """Use tiles of `tile` pixels, a multiple of the stride; 0 chooses by size."""
        self._network = network
        self._tiles = _Tiles(network, tile)

    def restore(self, fusion: Fusion) -> Change:
        """Like `Network.restore`; halves the tile whenever memory runs out.

        Raises:
            ResourceError: not even the smallest tile fits.
        """

        def cut(rows: slice, columns: slice) -> Change:
            return self._network.restore(cut_fusion(fusion, rows, columns))

        return self._tiles.run(fusion.centre.luma.shape, cut, 1)


class TiledUpscaler:
    """Runs `Upscaler.upscale` tile by tile."""

    def __init__(self, upscaler: Upscaler, tile: int) -> None:
        """Use tiles of `tile` pixels of the small picture; 0 chooses by size."""
        self._upscaler = upscaler
        self._tiles = _Tiles(upscaler, tile)

    def upscale(self, doubling: Doubling) -> Change:
        """Like `Upscaler.upscale`; halves the tile whenever memory runs out.

        Raises:
            ResourceError: not even the smallest tile fits.
        """

        def cut(rows: slice, columns: slice) -> Change:
            restored = cut_pixels(doubling.restored, rows, columns)
            source = cut_pixels(doubling.source, rows, columns)
            return self._upscaler.upscale(Doubling(restored, source, doubling.levels))

        return self._tiles.run(doubling.restored.luma.shape, cut, 2)


def _pieces(size: int, tile: int, halo: int) -> Iterator[tuple[slice, slice]]:
    """(what a tile keeps, what it is cut with) along one axis."""
    for start in range(0, size, tile):
        stop = min(start + tile, size)
        yield slice(start, stop), slice(max(0, start - halo), min(size, stop + halo))


def _within(inner: slice, outer: slice) -> slice:
    return slice(inner.start - outer.start, inner.stop - outer.start)


def _scaled(part: slice, by: int) -> slice:
    return slice(part.start * by, part.stop * by)


def _halved(part: slice, by: int = 2) -> slice:
    return slice(part.start // by, part.stop // by)


def cut_pixels(whole: Pixels, rows: slice, columns: slice) -> Pixels:
    """The part of a picture inside `rows` and `columns`, multiples of 2 pixels; no copies."""
    chroma = whole.chroma[_halved(rows), _halved(columns)]
    return Pixels(whole.luma[rows, columns], chroma, whole.scale)


def cut_fusion(fusion: Fusion, rows: slice, columns: slice) -> Fusion:
    """The part of a window inside `rows` and `columns`, multiples of 4 pixels; no copies."""

    def features(whole: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return whole[_halved(rows, 4), _halved(columns, 4)]

    neighbours = [
        None if each is None else (cut_pixels(each[0], rows, columns), features(each[1]))
        for each in fusion.neighbours
    ]
    centre = cut_pixels(fusion.centre, rows, columns)
    return Fusion(centre, features(fusion.features), neighbours, fusion.levels)
