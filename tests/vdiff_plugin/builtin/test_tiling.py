"""Tiles when memory runs out: smaller ones, with the same pixels."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vdiff_plugin.networks import random_fusion, random_weights_file
from vdiff_plugin.builtin.reference import NumpyBackend, NumpyNetwork
from vdiff_plugin.builtin.tiling import TiledRestorer
from vdiff_plugin.contracts import Change, Fusion
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

    def restore(self, fusion: Fusion) -> Change:
        if fusion.centre.luma.size > self._room:
            self.refused += 1
            raise self._failure("no room")
        return self._network.restore(fusion)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> NumpyNetwork:
    path = random_weights_file(tmp_path_factory.mktemp("weights"))
    return NumpyBackend().load(path, device="cpu", precision="fp32")


@pytest.mark.parametrize("failure", [MemoryError, ResourceError])
def test_tiles_shrink_until_they_fit(network: NumpyNetwork, failure: type[Exception]) -> None:
    fusion = random_fusion(128, 400)
    whole = network.restore(fusion)
    cramped = Cramped(network, room=128 * 240, failure=failure)
    restorer = TiledRestorer(cramped, 0)
    tiled = restorer.restore(fusion)
    assert cramped.refused >= 1
    np.testing.assert_array_equal(tiled.luma, whole.luma)
    np.testing.assert_array_equal(tiled.chroma, whole.chroma)
    refused = cramped.refused
    restorer.restore(fusion)
    assert cramped.refused == refused  # what did not fit is not tried again


def test_no_room_at_all_is_one_line(network: NumpyNetwork) -> None:
    cramped = Cramped(network, room=0, failure=MemoryError)
    with pytest.raises(ResourceError, match="memory ran out; close other programs"):
        TiledRestorer(cramped, 0).restore(random_fusion(128, 400))
