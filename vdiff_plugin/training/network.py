"""The trainable network: samples in, change to the centre frame out."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops as k

from vdiff_plugin.model.features import extract_features
from vdiff_plugin.model.fusion import fuse
from vdiff_plugin.model.ops import Tensor
from vdiff_plugin.model.presets import (
    LEVELS,
    PIXEL_CHANNELS,
    Architecture,
    Preset,
    UpscalerPreset,
)
from vdiff_plugin.model.upscaler import upscale_change
from vdiff_plugin.model.weights import Layer, Weights, recipe_metadata
from vdiff_plugin.training.quantised import QuantisedConv, TrainingOps
from vdiff_plugin.training.samples import FLOW_UNIT


@dataclass(frozen=True)
class TrainableNetwork:
    """A Keras model and the operations that hold its layers."""

    model: keras.Model
    ops: TrainingOps
    preset: Architecture

    def freeze(self, task: str, recipe: dict[str, object]) -> Weights:
        """Integer weights, as inference uses them."""
        layers: dict[str, Layer] = {n: layer.frozen() for n, layer in self.ops.layers.items()}
        return Weights(layers, recipe_metadata(task, self.preset.name, recipe))

    def thaw(self, weights: Weights) -> None:
        """Start from `weights`."""
        for name, layer in self.ops.layers.items():
            layer.thaw(weights.layers[name])


def build_network(preset: Architecture, patch: int) -> TrainableNetwork:
    """Build the network for patches of `patch` pixels; see `batches.as_batch`."""
    if isinstance(preset, UpscalerPreset):
        return _build_upscaler(preset, patch)
    return _build_restorer(preset, patch)


def _build_upscaler(preset: UpscalerPreset, patch: int) -> TrainableNetwork:
    """The model takes `small`, `source`, `base` and `levels`; see `doublings.doubling_dtype`.

    It returns the doubled picture, (batch, p/2, p/2, 6) codes.
    """
    ops = TrainingOps()
    half, quarter = patch // 2, patch // 4
    shapes = {
        "small": (quarter, quarter, PIXEL_CHANNELS),
        "source": (quarter, quarter, PIXEL_CHANNELS),
        "base": (half, half, PIXEL_CHANNELS),
        "levels": (LEVELS,),
    }
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    pixels = (inputs["small"], inputs["source"])
    change = upscale_change(ops, preset, pixels, inputs["levels"][:, None, None, :])
    _look_at_detail(ops.layers["up.in"])
    return TrainableNetwork(keras.Model(inputs, inputs["base"] + change), ops, preset)


def _look_at_detail(first: QuantisedConv) -> None:
    """Let each filter begin blind to brightness and colour: they would drown the rest."""
    kernel = np.array(k.convert_to_numpy(first.kernel))
    kernel[:, :, 4:7] -= kernel[:, :, 4:7].mean(axis=(0, 1))
    first.kernel.assign(kernel)


def _build_restorer(preset: Preset, patch: int) -> TrainableNetwork:
    """Build the restoring network.

    The model takes a dict of `frames`, `warped`, `flow`, `valid` and `levels` as in
    `samples.SAMPLE` (float32) and returns the enhanced centre, (batch, p/2, p/2, 6) codes.
    """
    ops = TrainingOps()
    half, count = patch // 2, 2 * preset.radius
    shapes = {
        "frames": (count + 1, half, half, PIXEL_CHANNELS),
        "warped": (count, half, half, PIXEL_CHANNELS),
        "flow": (count, half // 2, half // 2, 2),
        "valid": (count,),
        "levels": (LEVELS,),
    }
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    centre = inputs["frames"][:, preset.radius]
    features = _features(ops, preset, inputs["frames"])
    neighbours = [
        (inputs["warped"][:, i], _warped(features[number], inputs["flow"][:, i] / FLOW_UNIT))
        for i, number in enumerate(n for n in range(count + 1) if n != preset.radius)
    ]
    valid = [inputs["valid"][:, i, None, None, None] for i in range(count)]
    levels = inputs["levels"][:, None, None, :]
    change = fuse(ops, preset, (centre, features[preset.radius]), neighbours, valid, levels)
    return TrainableNetwork(keras.Model(inputs, centre + change), ops, preset)


def _features(ops: TrainingOps, preset: Preset, frames: Tensor) -> list[Tensor]:
    count = frames.shape[1]
    stacked = ops.stack([frames[:, i] for i in range(count)])
    return ops.unstack(extract_features(ops, preset, stacked), count)


def _warped(features: Tensor, flow: Tensor) -> Tensor:
    """Bilinear samples of (batch, h, w, c) at the positions that `flow` points to.

    Written as a product with a matrix of weights: the gradient of a gather is a scatter,
    which takes longer than all else in a step on processors.
    """
    height, width, channels = features.shape[1:]
    places = height * width
    # Whole grids: Keras 3.15 takes a (1, h, 1) summand for a bias of the last axis.
    grid_y, grid_x = np.mgrid[:height, :width].astype(np.float32)
    weights_y = _tents(flow[..., 1] + grid_y, height)
    weights_x = _tents(flow[..., 0] + grid_x, width)
    weights = k.stop_gradient(
        k.reshape(weights_y, (-1, places, height, 1)) * k.reshape(weights_x, (-1, places, 1, width))
    )
    flat = k.reshape(features, (-1, places, channels))
    mixed = k.matmul(k.reshape(weights, (-1, places, places)), flat)
    mixed = k.reshape(mixed, (-1, height, width, channels))
    return mixed + k.stop_gradient(k.round(mixed) - mixed)


def _tents(position: Tensor, size: int) -> Tensor:
    """Linear interpolation weights (..., size) of positions clamped to 0..size-1."""
    inside = k.expand_dims(k.clip(position, 0, size - 1), -1)
    return k.relu(1.0 - k.absolute(inside - np.arange(size, dtype=np.float32)))
