"""The Keras backend: TensorFlow on processors and GPUs, or whatever Keras is set to."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.reference import LoadedNetwork, LoadedUpscaler
from vdiff_plugin.contracts import Change, Doubling, Fusion, Pixels
from vdiff_plugin.errors import ResourceError, SettingsError
from vdiff_plugin.model.arrays import change_of, frame_arrays, level_array, window_arrays
from vdiff_plugin.model.gpus import tensorflow_gpus
from vdiff_plugin.model.graph import Planes, WindowTensors, features_graph, restore_graph
from vdiff_plugin.model.quiet import import_tensorflow
from vdiff_plugin.model.upscaler import upscale_graph
from vdiff_plugin.model.weights import Weights, load_weights

# Less than fp32 has to be asked for: it rounds sums, and so gives pixels of its own.
_DTYPES = {
    "auto": "float32",
    "fp32": "float32",
    "bf16": "bfloat16",
    "fp16": "float16",
}


class KerasBackend:
    """Runs networks through Keras 3."""

    def speed(self, device: str) -> int:
        """See `Backend.speed`: first on a GPU, behind backends made for processors on one."""
        return 50 if device == "cpu" or len(self.devices()) == 1 else 100

    def missing(self) -> str:
        """See `Backend.missing`."""
        if importlib.util.find_spec("keras") and importlib.util.find_spec("tensorflow"):
            return ""
        return "tensorflow is not installed; pip install vdiff-plugin"

    def devices(self) -> Sequence[str]:
        """The processor, and the GPUs that TensorFlow sees."""
        return ("cpu", *(f"gpu:{i}" for i in range(len(tensorflow_gpus()))))

    def load(self, path: Path, *, device: str, precision: str) -> KerasNetwork:
        """See `Backend.load`."""
        weights = load_weights(path)
        import_tensorflow()  # before anything imports Keras, so that it comes in quietly
        return KerasNetwork(weights, self._place(device), _DTYPES[precision])

    def load_upscaler(self, path: Path, *, device: str, precision: str) -> KerasUpscaler:
        """See `Backend.load_upscaler`."""
        weights = load_weights(path)
        import_tensorflow()
        return KerasUpscaler(weights, self._place(device), _DTYPES[precision])

    def _place(self, device: str) -> str:
        devices = self.devices()
        if device == "auto":
            return devices[-1] if len(devices) == 1 else devices[1]
        wanted = "gpu:0" if device == "gpu" else device
        if wanted not in devices:
            raise SettingsError(f"no device {device!r}; have {', '.join(devices)}")
        return wanted


class KerasNetwork(LoadedNetwork):
    """One network as two compiled graphs."""

    bytes_a_channel = 20.0

    def __init__(self, weights: Weights, place: str, dtype: str) -> None:
        """Build the graphs for `place` (cpu, gpu:0) with convolutions in `dtype`."""
        from vdiff_plugin.model.keras_ops import InferenceOps

        super().__init__(weights)
        self._place = place
        ops = InferenceOps(weights.layers, dtype)
        self._features = _compiled(_features_function(ops, self.preset))
        self._restore = _compiled(_restore_function(ops, self.preset))

    def extract(self, pixels: Pixels) -> NDArray[np.uint8]:
        """See `Network.extract`."""
        arrays = frame_arrays(pixels)
        return _run(self._place, self._features, *arrays)[0]  # type: ignore[no-any-return]

    def restore(self, fusion: Fusion) -> Change:
        """See `Network.restore`."""
        arrays = window_arrays(fusion)
        return change_of(*_run(self._place, self._restore, *vars(arrays).values()))


class KerasUpscaler(LoadedUpscaler):
    """One upscaling network as a compiled graph."""

    bytes_a_channel = 20.0

    def __init__(self, weights: Weights, place: str, dtype: str) -> None:
        """Build the graph for `place` (cpu, gpu:0) with convolutions in `dtype`."""
        from vdiff_plugin.model.keras_ops import InferenceOps

        super().__init__(weights)
        self._place = place
        ops = InferenceOps(weights.layers, dtype)
        self._upscale = _compiled(_upscale_function(ops, self.preset))

    def upscale(self, doubling: Doubling) -> Change:
        """See `Upscaler.upscale`."""
        inputs = (*frame_arrays(doubling.restored), *frame_arrays(doubling.source))
        levels = level_array(doubling.levels)
        return change_of(*_run(self._place, self._upscale, *inputs, levels))


def _run(place: str, function: Callable[..., Any], *inputs: Any) -> Any:
    tensorflow = import_tensorflow()
    try:
        with tensorflow.device(place):
            outputs = function(*(tensorflow.constant(part) for part in inputs))
    except (tensorflow.errors.ResourceExhaustedError, MemoryError) as error:
        raise ResourceError("not enough memory for the network; use a smaller --tile") from error
    return tensorflow.nest.map_structure(lambda part: part.numpy(), outputs)


def _features_function(ops: Any, preset: Any) -> Callable[..., Any]:
    from keras import ops as k

    def run(luma: Any, chroma: Any, scale: Any) -> Any:
        planes = Planes(k.cast(luma, "float32") * scale, k.cast(chroma, "float32") * scale)
        return k.cast(features_graph(ops, preset, planes), "uint8")

    return run


def _restore_function(ops: Any, preset: Any) -> Callable[..., Any]:
    from keras import ops as k

    def run(
        luma: Any, chroma: Any, lumas: Any, chromas: Any, features: Any,
        neighbour_features: Any, valid: Any, levels: Any, scale: Any,
    ) -> Any:  # fmt: skip
        def codes(samples: Any) -> Any:
            return k.cast(samples, "float32") * scale

        window = WindowTensors(
            centre=Planes(codes(luma), codes(chroma)),
            neighbours=Planes(codes(lumas), codes(chromas)),
            features=k.cast(features, "float32"),
            neighbour_features=k.cast(neighbour_features, "float32"),
            valid=valid,
            levels=levels,
        )
        return restore_graph(ops, preset, window)

    return run


def _upscale_function(ops: Any, preset: Any) -> Callable[..., Any]:
    from keras import ops as k

    def planes(luma: Any, chroma: Any, scale: Any) -> Planes:
        return Planes(k.cast(luma, "float32") * scale, k.cast(chroma, "float32") * scale)

    def run(
        luma: Any, chroma: Any, scale: Any,
        source_luma: Any, source_chroma: Any, source_scale: Any, levels: Any,
    ) -> Any:  # fmt: skip
        pair = (planes(luma, chroma, scale), planes(source_luma, source_chroma, source_scale))
        return upscale_graph(ops, preset, pair, levels)

    return run


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    # No XLA: it may contract products and sums, and was slower on processors.
    return import_tensorflow().function(function, reduce_retracing=True)  # type: ignore[no-any-return]
