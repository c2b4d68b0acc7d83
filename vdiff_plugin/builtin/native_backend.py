"""The native backend: our own kernels in C, with the pixels of the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.reference import LoadedNetwork, LoadedUpscaler
from vdiff_plugin.contracts import Change, Doubling, Fusion, Pixels
from vdiff_plugin.errors import ResourceError, SettingsError
from vdiff_plugin.model.native_plan import FeaturePlan, NativeLayers, RestorePlan
from vdiff_plugin.model.native_upscaling import UpscaleLayers, UpscalePlan
from vdiff_plugin.model.weights import Weights, load_weights
from vdiff_plugin.native.library import available, kernels

_PLANS = 4  # kept: tiles of a picture have several sizes, and several calls run at once


class NativeBackend:
    """Runs networks with the kernels that were compiled when vdiff was installed."""

    def speed(self, device: str) -> int:  # noqa: ARG002  # runs on processors alone
        """See `Backend.speed`."""
        return 80

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
        self._require(device, precision)
        return NativeNetwork(load_weights(path))

    def load_upscaler(self, path: Path, *, device: str, precision: str) -> NativeUpscaler:
        """See `Backend.load_upscaler`."""
        self._require(device, precision)
        return NativeUpscaler(load_weights(path))

    @staticmethod
    def _require(device: str, precision: str) -> None:
        if device.startswith("gpu") or precision not in ("auto", "fp32"):
            raise SettingsError("backend native runs fp32 on the cpu; choose backend keras")


class NativeNetwork(LoadedNetwork):
    """One network. Calls may run side by side: each borrows arrays of its own."""

    concurrent = True
    bytes_a_channel = 2.6

    def __init__(self, weights: Weights) -> None:
        """Pack the weights."""
        super().__init__(weights)
        self._kernels = kernels()
        layers = NativeLayers.of(weights.layers, self.preset)
        self._features = Plans(lambda size: FeaturePlan(layers, self.preset, *size))
        self._restores = Plans(lambda size: RestorePlan(layers, self.preset, *size))

    def extract(self, pixels: Pixels) -> NDArray[np.uint8]:
        """See `Network.extract`."""
        with self._features.borrow(pixels.luma.shape) as plan:
            return plan.run(self._kernels, pixels)

    def restore(self, fusion: Fusion) -> Change:
        """See `Network.restore`."""
        with self._restores.borrow(fusion.centre.luma.shape) as plan:
            return plan.run(self._kernels, fusion)


class NativeUpscaler(LoadedUpscaler):
    """One upscaling network. Calls may run side by side: each borrows arrays of its own."""

    concurrent = True
    bytes_a_channel = 1.9

    def __init__(self, weights: Weights) -> None:
        """Pack the weights."""
        super().__init__(weights)
        self._kernels = kernels()
        layers = UpscaleLayers.of(weights.layers, self.preset)
        self._plans = Plans(lambda size: UpscalePlan(layers, self.preset, *size))

    def upscale(self, doubling: Doubling) -> Change:
        """See `Upscaler.upscale`."""
        with self._plans.borrow(doubling.restored.luma.shape) as plan:
            return plan.run(self._kernels, doubling)


class Plans[P]:
    """Plans lent to one call each; the least recently used of too many are let go."""

    def __init__(self, make: Callable[[tuple[int, ...]], P]) -> None:
        """Make plans of a picture size with `make`."""
        self._make = make
        self._lock = threading.Lock()
        self._free: list[tuple[tuple[int, ...], P]] = []

    @contextmanager
    def borrow(self, size: tuple[int, ...]) -> Iterator[P]:
        """A plan for pictures of `size`. Raises ResourceError."""
        plan = self._take(size)
        try:
            yield plan
        finally:
            with self._lock:
                self._free = [*self._free, (size, plan)][-_PLANS:]

    def _take(self, size: tuple[int, ...]) -> P:
        with self._lock:
            for index in reversed(range(len(self._free))):
                if self._free[index][0] == size:
                    return self._free.pop(index)[1]
        try:
            return self._make(size)
        except MemoryError as error:
            with self._lock:  # plans of other sizes may be what is in the way
                self._free.clear()
            raise ResourceError("not enough memory; use a smaller --tile") from error
