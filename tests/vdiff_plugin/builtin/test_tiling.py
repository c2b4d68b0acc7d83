"""Tiles when memory runs out: smaller ones, with the same pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vdiff_plugin.networks import random_fusion, random_weights_file
from vdiff_plugin import memory
from vdiff_plugin.builtin.reference import NumpyBackend, NumpyNetwork
from vdiff_plugin.builtin.tiling import SMALLEST, TiledNetwork, spans
from vdiff_plugin.contracts import Change, Fusion, Pixels
from vdiff_plugin.errors import ResourceError


class Cramped:
    """A network for whose larger pictures there is no memory."""

    def __init__(self, network: NumpyNetwork, room: int, failure: type[Exception]) -> None:
        self._network = network
        self._room = room
        self._failure = failure
        self.refused = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._network, name)

    def extract(self, pixels: Pixels) -> np.ndarray:
        self._require_room(pixels)
        return self._network.extract(pixels)

    def restore(self, fusion: Fusion) -> Change:
        self._require_room(fusion.centre)
        return self._network.restore(fusion)

    def _require_room(self, pixels: Pixels) -> None:
        if pixels.luma.size > self._room:
            self.refused += 1
            raise self._failure("no room")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> NumpyNetwork:
    path = random_weights_file(tmp_path_factory.mktemp("weights"))
    return NumpyBackend().load(path, device="cpu", precision="fp32")


@pytest.mark.parametrize("failure", [MemoryError, ResourceError])
def test_tiles_shrink_until_they_fit(network: NumpyNetwork, failure: type[Exception]) -> None:
    fusion = random_fusion(128, 400)
    whole = network.restore(fusion)
    cramped = Cramped(network, room=128 * 240, failure=failure)
    restorer = TiledNetwork(cramped, 0)
    tiled = restorer.restore(fusion)
    assert cramped.refused >= 1
    np.testing.assert_array_equal(tiled.luma, whole.luma)
    np.testing.assert_array_equal(tiled.chroma, whole.chroma)
    refused = cramped.refused
    restorer.restore(fusion)
    assert cramped.refused == refused  # what did not fit is not tried again


def test_no_room_at_all_is_one_line(network: NumpyNetwork) -> None:
    cramped = Cramped(network, room=0, failure=MemoryError)
    with pytest.raises(ResourceError, match="not enough memory for tiles of 64 pixels"):
        TiledNetwork(cramped, 0).restore(random_fusion(128, 400))


def test_features_come_in_tiles_too(network: NumpyNetwork) -> None:
    pixels = random_fusion(128, 400).centre
    whole = network.extract(pixels)
    np.testing.assert_array_equal(TiledNetwork(network, 64).extract(pixels), whole)
    cramped = Cramped(network, room=128 * 240, failure=MemoryError)
    np.testing.assert_array_equal(TiledNetwork(cramped, 0).extract(pixels), whole)
    assert cramped.refused


def test_tiles_are_as_large_as_memory_allows(
    network: NumpyNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole where that fits; else tiles that grow with the memory, between fixed bounds."""
    shape, working = (1440, 2560), network.footprint.working
    tiles = []
    for share in (0.001, 0.1, 0.5, 1, 5, 10):
        free = int(share * 1440 * 2560 * working)
        monkeypatch.setattr(memory, "free_bytes", lambda free=free: free)
        tiled = TiledNetwork(network, 0)
        tiles.append(tiled.tiles.edge(shape))
        assert tiles[-1] % 16 == 0
        if tiles[-1] > SMALLEST:
            assert tiled.tiles.working_bytes(shape) <= free / 8
        assert TiledNetwork(network, 256).tiles.edge(shape) == 256
    assert tiles == sorted(tiles)
    assert (tiles[0], tiles[-1]) == (SMALLEST, 2560)
    assert SMALLEST < tiles[2] < tiles[3] < tiles[4] < 2560
    monkeypatch.setattr(memory, "free_bytes", lambda: 1 << 50)
    assert TiledNetwork(network, 0).tiles.edge((2160, 3840)) == 1024


@settings(deadline=None)
@given(
    size=st.integers(1, 600),
    tile=st.integers(1, 100),
    halo=st.integers(0, 40),
)
def test_tiles_of_one_size_keep_every_pixel_once(size: int, tile: int, halo: int) -> None:
    size, tile, halo = 16 * size, 16 * tile, 2 * halo
    found = spans(size, tile, halo, 16)
    assert len({span.cut.stop - span.cut.start for span in found}) == 1
    assert found[0].cut.stop <= tile + 2 * halo or len(found) == 1
    assert [span.kept.start for span in found[1:]] == [span.kept.stop for span in found[:-1]]
    assert (found[0].kept.start, found[-1].kept.stop) == (0, size)
    for span in found:
        assert span.cut.start % 2 == 0
        assert span.cut.start == 0 or span.cut.start + halo <= span.kept.start
        assert span.cut.stop == size or span.kept.stop + halo <= span.cut.stop
        assert span.kept.start < span.kept.stop
