"""The OpenVINO backend: the same pixels as the others, faster on processors without bf16."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.reference import LoadedNetwork, LoadedUpscaler
from vdiff_plugin.contracts import Change, Doubling, Fusion, Pixels
from vdiff_plugin.errors import ResourceError, SettingsError
from vdiff_plugin.model.arrays import change_of, frame_arrays, level_array, window_arrays
from vdiff_plugin.model.openvino_ops import features_model, restore_model, upscale_model
from vdiff_plugin.model.presets import Architecture
from vdiff_plugin.model.quiet import import_openvino
from vdiff_plugin.model.weights import Layer, Weights, load_weights


class OpenVinoBackend:
    """Runs networks with OpenVINO on the processor."""

    def speed(self, device: str) -> int:  # noqa: ARG002  # runs on processors alone
        """See `Backend.speed`."""
        return 60

    def missing(self) -> str:
        """See `Backend.missing`."""
        if importlib.util.find_spec("openvino"):
            return ""
        return "openvino is not installed; pip install vdiff-plugin[openvino]"

    def devices(self) -> Sequence[str]:
        """The processor."""
        return ("cpu",)

    def load(self, path: Path, *, device: str, precision: str) -> OpenVinoNetwork:
        """See `Backend.load`."""
        self._require(device, precision)
        return OpenVinoNetwork(load_weights(path))

    def load_upscaler(self, path: Path, *, device: str, precision: str) -> OpenVinoUpscaler:
        """See `Backend.load_upscaler`."""
        self._require(device, precision)
        return OpenVinoUpscaler(load_weights(path))

    @staticmethod
    def _require(device: str, precision: str) -> None:
        if device.startswith("gpu") or precision not in ("auto", "fp32"):
            raise SettingsError("backend openvino runs fp32 on the cpu; choose backend keras")


class OpenVinoNetwork(LoadedNetwork):
    """One network, compiled once for each shape and sample type that comes along."""

    bytes_a_channel = 6.4

    def __init__(self, weights: Weights) -> None:
        """Hold the weights."""
        super().__init__(weights)
        self._models = _Models(weights.layers, self.preset)

    def extract(self, pixels: Pixels) -> NDArray[np.uint8]:
        """See `Network.extract`."""
        luma, chroma, scale = frame_arrays(pixels)
        (features,) = self._models.run(features_model, float(scale), luma, chroma)
        return features[0]  # type: ignore[no-any-return]

    def restore(self, fusion: Fusion) -> Change:
        """See `Network.restore`."""
        *arrays, scale = vars(window_arrays(fusion)).values()
        return change_of(*self._models.run(restore_model, float(scale), *arrays))


class OpenVinoUpscaler(LoadedUpscaler):
    """One upscaling network."""

    bytes_a_channel = 5.5

    def __init__(self, weights: Weights) -> None:
        """Hold the weights."""
        super().__init__(weights)
        self._models = _Models(weights.layers, self.preset)

    def upscale(self, doubling: Doubling) -> Change:
        """See `Upscaler.upscale`."""
        *restored, scale = frame_arrays(doubling.restored)
        *source, source_scale = frame_arrays(doubling.source)
        inputs = (*restored, *source, level_array(doubling.levels))
        scales = (float(scale), float(source_scale))
        return change_of(*self._models.run(upscale_model, scales, *inputs))


class _Models:
    """The compiled models of one weights file."""

    def __init__(self, layers: Mapping[str, Layer], preset: Architecture) -> None:
        self._layers = layers
        self._preset = preset
        self._compiled: dict[tuple[object, ...], Any] = {}

    def run(
        self, build: Callable[..., Any], scale: float | tuple[float, float], *inputs: NDArray[Any]
    ) -> list[NDArray[Any]]:
        shapes = tuple((part.shape, part.dtype.str) for part in inputs)
        key = (build.__name__, scale, shapes)
        try:
            if key not in self._compiled:
                model = build(self._layers, self._preset, inputs, scale)
                self._compiled[key] = _compile(model)
            results = self._compiled[key]([np.ascontiguousarray(part) for part in inputs])
            return [np.array(results[i]) for i in range(len(results))]
        except RuntimeError as error:  # it has no other class for this
            if "allocate" not in str(error) and "bad_alloc" not in str(error):
                raise
            raise ResourceError("not enough memory; use a smaller --tile") from error


def _compile(model: Any) -> Any:
    return _core().compile_model(
        model, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    )


@cache
def _core() -> Any:
    """OpenVINO's one core of this process, which is never let go.

    Its plug-in for processors gives the thread that loads it a stack for signals, and
    frees that memory when the last core goes: the next Ctrl-C would crash the process.
    """
    return import_openvino().Core()
