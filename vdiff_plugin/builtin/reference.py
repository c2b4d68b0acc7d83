"""The NumPy backend: the reference that other backends are held to, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Change, Doubling, Footprint, Fusion, Pixels
from vdiff_plugin.errors import SettingsError
from vdiff_plugin.model.arrays import change_of, frame_arrays, level_array, window_arrays
from vdiff_plugin.model.graph import Planes, WindowTensors, features_graph, restore_graph
from vdiff_plugin.model.numpy_ops import NumpyOps
from vdiff_plugin.model.presets import STRIDE, Preset, UpscalerPreset
from vdiff_plugin.model.upscaler import upscale_graph
from vdiff_plugin.model.weights import Weights, load_weights


class LoadedNetwork:
    """What networks of all backends share: the facts of their weights."""

    concurrent = False
    # Bytes a pixel that `restore` takes for each channel of the trunk, measured with both
    # presets by `python -m tests.benchmarks.memory --networks BACKEND`, rounded up.
    bytes_a_channel: float

    def __init__(self, weights: Weights) -> None:
        """Describe `weights`."""
        self.preset: Preset = weights.preset
        self.stride = STRIDE
        self.radius = self.preset.radius
        self.halo = self.preset.reach
        self.alignment = f"dis:finest_scale={self.preset.finest_scale}"
        self.fingerprint = weights.fingerprint
        self.footprint = Footprint(
            features=self.preset.features / 16,  # one for 4x4 pixels
            working=self.preset.width * self.bytes_a_channel,
        )


class LoadedUpscaler:
    """The same of networks that double pictures."""

    concurrent = False
    bytes_a_channel: float  # that `upscale` takes, measured in the same way

    def __init__(self, weights: Weights) -> None:
        """Describe `weights`. Raises WeightsError if they are of another kind."""
        self.preset: UpscalerPreset = weights.upscaler
        self.stride = STRIDE
        self.halo = self.preset.reach
        self.fingerprint = weights.fingerprint
        self.footprint = Footprint(working=self.preset.width * self.bytes_a_channel)


class NumpyBackend:
    """Runs networks with NumPy alone: tens of times slower than the others."""

    def speed(self, device: str) -> int:  # noqa: ARG002  # runs on processors alone
        """See `Backend.speed`."""
        return 0

    def missing(self) -> str:
        """Nothing: NumPy is always there."""
        return ""

    def devices(self) -> Sequence[str]:
        """The processor."""
        return ("cpu",)

    def load(self, path: Path, *, device: str, precision: str) -> NumpyNetwork:
        """See `Backend.load`."""
        self._require(device, precision)
        return NumpyNetwork(load_weights(path))

    def load_upscaler(self, path: Path, *, device: str, precision: str) -> NumpyUpscaler:
        """See `Backend.load_upscaler`."""
        self._require(device, precision)
        return NumpyUpscaler(load_weights(path))

    @staticmethod
    def _require(device: str, precision: str) -> None:
        if device.startswith("gpu") or precision not in ("auto", "fp32"):
            raise SettingsError("backend numpy runs fp32 on the cpu; choose backend keras")


class NumpyNetwork(LoadedNetwork):
    """One network in NumPy."""

    bytes_a_channel = 20.0

    def __init__(self, weights: Weights) -> None:
        """Hold the weights."""
        super().__init__(weights)
        self._ops = NumpyOps(weights.layers)

    def extract(self, pixels: Pixels) -> NDArray[np.uint8]:
        """See `Network.extract`."""
        luma, chroma, scale = frame_arrays(pixels)
        features = features_graph(self._ops, self.preset, Planes(luma * scale, chroma * scale))
        return features[0].astype(np.uint8)  # type: ignore[no-any-return]

    def restore(self, fusion: Fusion) -> Change:
        """See `Network.restore`."""
        arrays = window_arrays(fusion)
        scale = arrays.scale
        window = WindowTensors(
            centre=Planes(arrays.luma * scale, arrays.chroma * scale),
            neighbours=Planes(arrays.lumas * scale, arrays.chromas * scale),
            features=arrays.features.astype(np.float32),
            neighbour_features=arrays.neighbour_features.astype(np.float32),
            valid=arrays.valid,
            levels=arrays.levels,
        )
        return change_of(*restore_graph(self._ops, self.preset, window))


class NumpyUpscaler(LoadedUpscaler):
    """One upscaling network in NumPy."""

    bytes_a_channel = 20.0

    def __init__(self, weights: Weights) -> None:
        """Hold the weights."""
        super().__init__(weights)
        self._ops = NumpyOps(weights.layers)

    def upscale(self, doubling: Doubling) -> Change:
        """See `Upscaler.upscale`."""
        planes = (_planes(doubling.restored), _planes(doubling.source))
        levels = level_array(doubling.levels)
        return change_of(*upscale_graph(self._ops, self.preset, planes, levels))


def _planes(pixels: Pixels) -> Planes:
    luma, chroma, scale = frame_arrays(pixels)
    return Planes(luma * scale, chroma * scale)
