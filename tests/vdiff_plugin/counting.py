"""Networks that count what they look at, whatever backend runs them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from vdiff_plugin.contracts import Network, Pixels
from vdiff_plugin.engine import Engine
from vdiff_plugin.settings import Settings

if TYPE_CHECKING:
    import pytest


def count_extractions(monkeypatch: pytest.MonkeyPatch) -> Counter[bytes]:
    """How often networks that are asked for from now on look at each picture, by content."""
    seen: Counter[bytes] = Counter()
    network = Engine.network

    def counting(self: Engine, settings: Settings) -> Any:
        return _Counting(network(self, settings), seen)

    monkeypatch.setattr(Engine, "network", counting)
    return seen


class _Counting:
    """Stands before `network`."""

    def __init__(self, network: Network, seen: Counter[bytes]) -> None:
        self._network = network
        self._seen = seen

    def extract(self, pixels: Pixels) -> NDArray[Any]:
        self._seen[pixels.luma.tobytes() + pixels.chroma.tobytes()] += 1
        return self._network.extract(pixels)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)
