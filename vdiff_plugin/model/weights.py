"""Weights files: integers in a safetensors container, named by their content.

A layer `name` has three tensors: `name/kernel` int8 (k, k, in, out), `name/shift` int8
(out,) and `name/bias` int32 (out,); the real kernel is kernel * 2**-shift and the real
bias is bias * 2**-shift. The metadata names preset, task and recipe. Loading reads
numbers only and can run no code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.errors import UnknownNameError, WeightsError
from vdiff_plugin.model.ops import CODE_PEAK, EXACT_LIMIT, WEIGHT_PEAK
from vdiff_plugin.model.presets import (
    UPSCALING,
    Architecture,
    Preset,
    UpscalerPreset,
    architecture_of,
)

FORMAT = "vdiff-1"
_FINEST = 30  # shift


@dataclass(frozen=True)
class Layer:
    """One convolution in integers.

    Attributes:
        kernel: (k, k, in, out) int8, magnitudes up to 127.
        shift: (out,) int8; real = integer * 2**-shift.
        bias: (out,) int32 in the same unit as the kernel.
    """

    kernel: NDArray[np.int8]
    shift: NDArray[np.int8]
    bias: NDArray[np.int32]

    @cached_property
    def real(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Kernel and bias as exact float32."""
        unit = np.ldexp(np.float32(1), -self.shift.astype(np.int32)).astype(np.float32)
        return self.kernel.astype(np.float32) * unit, self.bias.astype(np.float32) * unit


@dataclass(frozen=True)
class Weights:
    """A trained network.

    Attributes:
        layers: by name.
        metadata: task, preset and whatever the recipe recorded.
    """

    layers: Mapping[str, Layer]
    metadata: Mapping[str, str]

    @property
    def architecture(self) -> Architecture:
        """The network they fit."""
        found = architecture_of(self.task, self.metadata["preset"])
        return found.built_as(self.layers) if isinstance(found, Preset) else found

    @property
    def preset(self) -> Preset:
        """The size of the restoring network they fit. Raises WeightsError."""
        found = self.architecture
        if isinstance(found, UpscalerPreset):
            raise WeightsError(f"weights of task {UPSCALING}; add --task {UPSCALING}")
        return found

    @property
    def upscaler(self) -> UpscalerPreset:
        """The size of the upscaling network they fit. Raises WeightsError."""
        found = self.architecture
        if not isinstance(found, UpscalerPreset):
            raise WeightsError(f"weights of task {self.task}; take --task {UPSCALING} away")
        return found

    @property
    def task(self) -> str:
        """What they were trained for."""
        return self.metadata["task"]

    @cached_property
    def fingerprint(self) -> bytes:
        """16 bytes over format, preset and every integer."""
        digest = hashlib.blake2b(f"{FORMAT} {self.architecture}".encode(), digest_size=16)
        for name in sorted(self.layers):
            layer = self.layers[name]
            digest.update(name.encode())
            for array in (layer.kernel, layer.shift, layer.bias):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.digest()


def load_weights(path: Path) -> Weights:
    """Read and check a weights file.

    Raises:
        WeightsError: unreadable, damaged, of another format, or not exact.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path}: {_one_line(error)}; give a vdiff weights file (.safetensors)"
        ) from error
    weights = _assemble(path, tensors, metadata)
    check_exact(path, weights)
    return weights


def save_weights(path: Path, weights: Weights) -> None:
    """Write `weights` to `path` (which appears only when whole)."""
    from safetensors.numpy import save

    check_exact(path, weights)
    tensors = {
        f"{name}/{part}": np.ascontiguousarray(getattr(layer, part))
        for name, layer in weights.layers.items()
        for part in ("kernel", "shift", "bias")
    }
    partial = path.with_name(path.name + ".partial")
    facts = {**weights.metadata, "format": FORMAT, "hash": weights.fingerprint.hex()}
    # Not safetensors' own writer: its files are for their owner alone, whatever the umask says.
    partial.write_bytes(save(tensors, facts))
    partial.replace(path)


def check_exact(path: Path, weights: Weights) -> None:
    """Prove that float32 sums of these weights and any codes are exact.

    Raises:
        WeightsError: a layer whose largest possible sum passes 2**24 steps.
    """
    for name, layer in weights.layers.items():
        reach = np.abs(layer.kernel.astype(np.int64)).sum(axis=(0, 1, 2)) * CODE_PEAK
        reach = reach + np.abs(layer.bias.astype(np.int64))
        if (reach >= EXACT_LIMIT).any():
            raise WeightsError(f"{path}: layer {name} is not exact; train it again")


def quantise_kernel(
    kernel: NDArray[np.float32],
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Integers and shifts of a real kernel (k, k, in, out), a power of two a channel."""
    peak = np.maximum(np.abs(kernel).max(axis=(0, 1, 2)), 2.0**-20)
    shift = np.clip(-np.ceil(np.log2(peak / WEIGHT_PEAK)), 0, _FINEST).astype(np.int32)
    integers = np.rint(np.ldexp(kernel, shift))
    return integers.astype(np.int8), shift.astype(np.int8)


def _assemble(path: Path, tensors: Mapping[str, NDArray], metadata: dict[str, str]) -> Weights:  # type: ignore[type-arg]
    if metadata.get("format") != FORMAT:
        found = metadata.get("format")
        what = f"weights of the format {found}" if found else "not made by vdiff"
        raise WeightsError(
            f"{path}: {what}, and this vdiff reads {FORMAT} only; give a file that vdiff train "
            "wrote, or leave --weights out to take the bundled ones"
        )
    names = sorted({name.rpartition("/")[0] for name in tensors})
    try:
        layers = {
            name: Layer(*(tensors[f"{name}/{part}"] for part in ("kernel", "shift", "bias")))
            for name in names
        }
        weights = Weights(layers, metadata)
        _check_layers(weights)
        damaged = metadata.get("hash") != weights.fingerprint.hex()
    except (KeyError, UnknownNameError, ValueError) as error:
        raise WeightsError(
            f"{path}: weights of another architecture ({_one_line(error)}); "
            "use weights made by this version of vdiff"
        ) from error
    if damaged:
        raise WeightsError(f"{path}: damaged, its content does not fit its hash; get it again")
    return weights


def _check_layers(weights: Weights) -> None:
    from vdiff_plugin.model.shapes import layer_shapes

    expected = layer_shapes(weights.architecture)
    if set(expected) != set(weights.layers):
        different = sorted(set(expected) ^ set(weights.layers))
        raise ValueError(f"layers differ: {', '.join(different[:3])}")
    for name, shape in expected.items():
        layer = weights.layers[name]
        types = [str(part.dtype) for part in (layer.kernel, layer.shift, layer.bias)]
        if types != ["int8", "int8", "int32"]:
            raise ValueError(f"{name} holds {', '.join(types)}")
        if layer.kernel.shape != shape or not layer.bias.shape == layer.shift.shape == shape[3:]:
            raise ValueError(f"{name} is {layer.kernel.shape}, not {shape}")
        if not (layer.shift.min() >= 0 and layer.shift.max() <= _FINEST):
            raise ValueError(f"{name} has shifts outside 0..{_FINEST}")


def recipe_metadata(task: str, preset: str, recipe: Mapping[str, object]) -> dict[str, str]:
    """Metadata for a new weights file."""
    return {"task": task, "preset": preset, "recipe": json.dumps(recipe, sort_keys=True)}


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
