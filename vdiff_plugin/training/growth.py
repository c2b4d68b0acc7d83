"""A larger network that begins as a smaller one.

Channels of the small network are copied to the first channels of each part of the large
one; new channels are drawn at random and hardly reach the old ones, and new levels hardly
change what passes them, so the large network starts with nearly the small one's results
and learns from there. After T. Chen, I. Goodfellow, J. Shlens, "Net2Net: Accelerating
Learning via Knowledge Transfer", ICLR 2016.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.errors import SettingsError
from vdiff_plugin.model.presets import LEVELS, Architecture, Preset, UpscalerPreset
from vdiff_plugin.model.shapes import layer_shapes
from vdiff_plugin.model.weights import Layer, Weights, quantise_kernel, recipe_metadata

_GAIN = 2.0  # of new kernels' variance, times their inputs: He's
_WHISPER = 0.02  # how much new channels count for old ones


@dataclass(frozen=True)
class _Place:
    """Where a small layer's inputs and outputs lie in the large one."""

    inputs: list[int]
    outputs: list[int]


def grown(small: Weights, preset: Architecture, seed: int) -> Weights:
    """`small` as a network of `preset`, each of whose widths is at least as large.

    Raises:
        SettingsError: a width or depth of `preset` is smaller, or it is built otherwise.
    """
    old = small.architecture
    if isinstance(old, UpscalerPreset) or isinstance(preset, UpscalerPreset):
        raise SettingsError(
            f"weights of {small.task} {old.name} cannot grow into {preset.name}; leave --start out"
        )
    _require_larger(old, preset)
    rng = np.random.default_rng(seed)
    places = _places(old, preset)
    layers = {
        name: _layer(rng, name, shape, small.layers, places, preset)
        for name, shape in layer_shapes(preset).items()
    }
    return Weights(layers, recipe_metadata(small.task, preset.name, {}))


def _require_larger(old: Preset, new: Preset) -> None:
    same = (old.radius, old.feature_layers, old.depth)
    sizes = [
        (p.features, p.gates, p.width, p.levels, p.detail_width, p.detail_levels)
        for p in (old, new)
    ]
    smaller = any(a > b for a, b in zip(*sizes, strict=True))
    if smaller or same != (new.radius, new.feature_layers, new.depth):
        raise SettingsError(
            f"weights of {_named(old)} cannot grow into {_named(new)}; leave --start out"
        )


def _named(preset: Preset) -> str:
    return f"{preset.name} ({preset.levels}+{preset.detail_levels} levels)"


def _places(old: Preset, new: Preset) -> dict[str, _Place]:
    feature, gate = (old.features, new.features), (old.gates, new.gates)
    width, detail = (old.width, new.width), (old.detail_width, new.detail_width)

    def kept(count: int) -> tuple[int, int]:
        return count, count

    shapes = layer_shapes(old)
    extra = shapes["trunk.in"][2] - old.width - old.features
    means = extra - LEVELS
    first = shapes["features.0"][2]
    gates = shapes["gates.0"][2] - old.features
    places = {
        "features.0": _Place(_spread([kept(first)]), _spread([feature])),
        "gates.0": _Place(_spread([feature, kept(gates)]), _spread([gate])),
        "gates.1": _Place(_spread([gate]), _spread([kept(shapes["gates.1"][3])])),
        "detail.in": _Place(_spread([kept(shapes["detail.in"][2])]), _spread([detail])),
        "trunk.enter": _Place(_spread([detail]), _spread([width])),
        "trunk.in": _Place(_spread([width, kept(means), feature, kept(LEVELS)]), _spread([width])),
        "detail.grow": _Place(_spread([width]), _spread([detail] * 4)),
        "detail.join": _Place(_spread([detail, detail]), _spread([detail])),
        "head": _Place(_spread([detail]), _spread([kept(shapes["head"][3])])),
    }
    for layer in range(1, old.feature_layers):
        places[f"features.{layer}"] = _Place(_spread([feature]), _spread([feature]))
    for part, levels, size in (
        ("trunk", old.levels, width), ("detail", old.detail_levels, detail)
    ):  # fmt: skip
        for level in range(levels):
            for layer in range(old.depth):
                places[f"{part}.{level}.{layer}"] = _Place(_spread([size]), _spread([size]))
    return places


def _spread(groups: Sequence[tuple[int, int]]) -> list[int]:
    """Where channels lie when each group of `a` of them gets room for `b`."""
    starts = np.cumsum([0, *(room for _, room in groups)])
    return [
        int(start) + i for start, (count, _) in zip(starts, groups, strict=False)
        for i in range(count)
    ]  # fmt: skip


def _layer(
    rng: np.random.Generator,
    name: str,
    shape: tuple[int, int, int, int],
    old: Mapping[str, Layer],
    places: Mapping[str, _Place],
    preset: Preset,
) -> Layer:
    deviation = np.sqrt(_GAIN / np.prod(shape[:3]))
    kernel = (rng.standard_normal(shape) * deviation).astype(np.float32)
    bias = np.zeros(shape[3], np.float32)
    if name in places:
        _copy(old[name], places[name], kernel, bias)
    elif name.startswith(("trunk.", "detail.")) and name.endswith(f".{preset.depth - 1}"):
        kernel *= _WHISPER  # what a new level adds
    integers, shift = quantise_kernel(kernel)
    return Layer(integers, shift, np.rint(np.ldexp(bias, shift.astype(int))).astype(np.int32))


def _copy(
    layer: Layer, place: _Place, kernel: NDArray[np.float32], bias: NDArray[np.float32]
) -> None:
    old_kernel, old_bias = layer.real
    sides = [range(size) for size in kernel.shape[:2]]
    kernel[..., place.outputs] *= _WHISPER
    kernel[np.ix_(*sides, place.inputs, place.outputs)] = old_kernel
    bias[place.outputs] = old_bias
