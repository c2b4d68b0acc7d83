"""Networks for tests: random integer weights, saved as real weights files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vdiff_plugin.contracts import Fusion, Pixels
from vdiff_plugin.model.presets import architecture_of
from vdiff_plugin.model.shapes import layer_shapes
from vdiff_plugin.model.weights import Layer, Weights, recipe_metadata, save_weights

SHIFT = 9  # keeps activations of random kernels well inside their range


def random_weights(preset: str = "fast", seed: int = 0, task: str = "restore") -> Weights:
    """Weights of the right shapes whose every layer does something."""
    rng = np.random.default_rng(seed)
    layers = {}
    for name, shape in layer_shapes(architecture_of(task, preset)).items():
        kernel = np.rint(rng.normal(0, 25, shape)).clip(-127, 127).astype(np.int8)
        shift = np.full(shape[3], SHIFT, np.int8)
        bias = rng.integers(-4000, 8000, shape[3]).astype(np.int32)
        layers[name] = Layer(kernel, shift, bias)
    return Weights(layers, recipe_metadata(task, preset, {}))


def random_weights_file(
    folder: Path, preset: str = "fast", seed: int = 0, task: str = "restore"
) -> Path:
    """The same on disk."""
    path = folder / f"random-{task}-{preset}-{seed}.safetensors"
    save_weights(path, random_weights(preset, seed, task))
    return path


def random_fusion(
    height: int,
    width: int,
    *,
    channels: int = 16,
    dtype: type = np.uint8,
    scale: float = 1.0,
    missing: tuple[int, ...] = (),
    seed: int = 0,
) -> Fusion:
    """A window of noise: every position and gate takes part."""
    rng = np.random.default_rng(seed)
    top = int(255 / scale) + 1
    base = rng.integers(0, top, (height, width))

    def pixels() -> Pixels:
        luma = np.clip(base + rng.integers(-30, 31, base.shape) / scale, 0, top - 1)
        chroma = rng.integers(0, top, (height // 2, width // 2, 2))
        return Pixels(luma.astype(dtype), chroma.astype(dtype), scale)

    def features() -> np.ndarray:
        return rng.integers(0, 256, (height // 4, width // 4, channels)).astype(np.uint8)

    neighbours = [None if i in missing else (pixels(), features()) for i in range(4)]
    return Fusion(pixels(), features(), neighbours, (11.3, 7.9, 2.6))
