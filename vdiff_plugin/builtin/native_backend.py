"""The native backend: our own kernels in C, with the pixels of the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.reference import LoadedNetwork
from vdiff_plugin.contracts import Change, Fusion, Pixels
from vdiff_plugin.errors import ResourceError, SettingsError
from vdiff_plugin.model.native_plan import FeaturePlan, NativeLayers, RestorePlan
from vdiff_plugin.model.weights import Weights, load_weights
from vdiff_plugin.native.library import available, kernels

_PLANS = 4  # kept a picture size; as many calls can run without making arrays anew


class NativeBackend:
    """Runs networks with the kernels that were compiled when vdiff was installed."""

    speed = 80

    def missing(self) -> str:
        """See `Backend.missing`."""
        if available():
            return ""
        return "its kernels are not built; install a C compiler, then vdiff-plugin again"

    def devices(self) -> Sequence[str]:
        """The processor."""
        return ("cpu",)

    def load(self, path: Path, *, device: str, precision: str) -> NativeNetwork:
        """See `Backend.load`."""
        if device.startswith("gpu") or precision not in ("auto", "fp32"):
            raise SettingsError("backend native runs fp32 on the cpu; choose backend keras")
        return NativeNetwork(load_weights(path))


class NativeNetwork(LoadedNetwork):
    """One network. Calls may run side by side: each borrows arrays of its own."""

    concurrent = True

    def __init__(self, weights: Weights) -> None:
        """Pack the weights."""
        super().__init__(weights)
        self._kernels = kernels()
        layers = NativeLayers.of(weights.layers, self.preset)
        self._features = _Plans(lambda size: FeaturePlan(layers, self.preset, *size))
        self._restores = _Plans(lambda size: RestorePlan(layers, self.preset, *size))

    def extract(self, pixels: Pixels) -> NDArray[np.uint8]:
        """See `Network.extract`."""
        with self._features.borrow(pixels.luma.shape) as plan:
            return plan.run(self._kernels, pixels)

    def restore(self, fusion: Fusion) -> Change:
        """See `Network.restore`."""
        with self._restores.borrow(fusion.centre.luma.shape) as plan:
            return plan.run(self._kernels, fusion)


class _Plans[P]:
    """Plans of one picture size at a time, lent to one call each."""

    def __init__(self, make: Callable[[tuple[int, ...]], P]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._size: tuple[int, ...] = ()
        self._free: list[P] = []

    @contextmanager
    def borrow(self, size: tuple[int, ...]) -> Iterator[P]:
        """A plan for pictures of `size`. Raises ResourceError."""
        plan = self._take(size)
        try:
            yield plan
        finally:
            self._give(size, plan)

    def _take(self, size: tuple[int, ...]) -> P:
        with self._lock:
            if self._size != size:
                self._size, self._free = size, []
            if self._free:
                return self._free.pop()
        try:
            return self._make(size)
        except MemoryError as error:
            raise ResourceError("not enough memory; use a smaller --tile") from error

    def _give(self, size: tuple[int, ...], plan: P) -> None:
        with self._lock:
            if self._size == size and len(self._free) < _PLANS:
                self._free.append(plan)
