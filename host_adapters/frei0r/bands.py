"""Networks whose work on one frame is shared by several threads.

A host shows one frame at a time and waits for it, so that frames cannot be rendered side
by side; bands of one frame can. They overlap by the network's halo, so that each pixel
sees what it would see in the whole picture.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.tiling import cut_fusion
from vdiff_plugin.contracts import Change, Fusion, Network, Pixels
from vdiff_plugin.engine import Engine, SerialNetwork
from vdiff_plugin.settings import Settings

_LEAST = 128  # rows of a band; the overlap of thinner ones costs more than a thread brings


class BandedEngine(Engine):
    """An engine for hosts that want one frame at a time."""

    def __init__(self, threads: int | None = None) -> None:
        super().__init__()
        self._threads = threads or min(8, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="vdiff-band")

    def network(self, settings: Settings) -> Network:
        """See `Engine.network`; its `restore` runs in several threads where it can."""
        network = super().network(settings)
        if self._threads == 1 or isinstance(network, SerialNetwork):
            return network
        return BandedNetwork(network, self._pool, self._threads)

    def close(self) -> None:
        """See `Engine.close`."""
        super().close()
        self._pool.shutdown()


class BandedNetwork:
    """A network that restores a frame in horizontal bands.

    Args:
        network: does the work; its calls may run side by side.
        pool: runs the bands.
        bands: how many at most.
    """

    def __init__(self, network: Network, pool: ThreadPoolExecutor, bands: int) -> None:
        self._network = network
        self._pool = pool
        self._bands = bands
        self.concurrent = True
        self.radius = network.radius
        self.stride = network.stride
        self.halo = network.halo
        self.alignment = network.alignment
        self.fingerprint = network.fingerprint
        self.footprint = network.footprint

    def extract(self, pixels: Pixels) -> NDArray[np.uint8]:
        """See `Network.extract`."""
        return self._network.extract(pixels)

    def restore(self, fusion: Fusion) -> Change:
        """See `Network.restore`."""
        height = fusion.centre.luma.shape[0]
        bands = list(_bands(height, self._bands, self.halo, self.stride))
        if len(bands) < 2:
            return self._network.restore(fusion)
        columns = slice(0, fusion.centre.luma.shape[1])
        cuts = [cut_fusion(fusion, slice(first, last), columns) for _, _, first, last in bands]
        parts = list(self._pool.map(self._network.restore, cuts))
        inner = [
            (part, start - first, stop - first)
            for part, (start, stop, first, _) in zip(parts, bands, strict=True)
        ]
        return Change(
            luma=np.concatenate([part.luma[top:end] for part, top, end in inner]),
            chroma=np.concatenate([part.chroma[top // 2 : end // 2] for part, top, end in inner]),
        )


def _bands(height: int, most: int, halo: int, stride: int) -> Iterator[tuple[int, int, int, int]]:
    """(start, stop) of what each band keeps, (first, last) of what it is cut with."""
    count = max(1, min(most, height // _LEAST))
    rows = -(-height // (count * stride)) * stride
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        yield start, stop, max(0, start - halo), min(height, stop + halo)
