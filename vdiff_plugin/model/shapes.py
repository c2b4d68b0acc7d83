"""Which layers a preset has: found by walking the network with shapes alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from vdiff_plugin.model.features import extract_features
from vdiff_plugin.model.fusion import fuse
from vdiff_plugin.model.numpy_ops import NumpyOps
from vdiff_plugin.model.ops import Activation
from vdiff_plugin.model.presets import (
    LEVELS,
    PIXEL_CHANNELS,
    Architecture,
    Preset,
    UpscalerPreset,
)
from vdiff_plugin.model.upscaler import upscale_change

_SIDE = 8  # half-size positions of the smallest picture a network takes


class _ShapeOps(NumpyOps):
    """Runs the network on zeros and notes the shape of every kernel."""

    def __init__(self) -> None:
        super().__init__({})
        self.shapes: dict[str, tuple[int, int, int, int]] = {}
        self.work: dict[str, int] = {}

    def conv(
        self,
        x: Any,
        name: str,
        filters: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        activation: Activation = "leaky",
    ) -> Any:
        _ = activation
        shape = (kernel, kernel, x.shape[-1], filters)
        out = np.zeros((x.shape[0], x.shape[1] // stride, x.shape[2] // stride, filters), "f")
        self.shapes[name] = shape
        self.work[name] = int(np.prod(shape)) * out.shape[0] * out.shape[1] * out.shape[2]
        return out


@cache
def layer_shapes(preset: Architecture) -> dict[str, tuple[int, int, int, int]]:
    """Kernel shape (k, k, in, out) of every layer of `preset`."""
    return _walk(preset).shapes


def arithmetic(preset: Architecture) -> float:
    """Multiply-adds a pixel that comes in, features of frame n included."""
    return sum(_walk(preset).work.values()) / (2 * _SIDE) ** 2


def _walk(preset: Architecture) -> _ShapeOps:
    ops = _ShapeOps()
    pixels = np.zeros((1, _SIDE, _SIDE, PIXEL_CHANNELS), np.float32)
    if isinstance(preset, UpscalerPreset):
        upscale_change(ops, preset, (pixels, pixels), np.zeros((1, 1, 1, LEVELS), np.float32))
    else:
        _walk_window(ops, preset, pixels)
    return ops


def _walk_window(ops: _ShapeOps, preset: Preset, pixels: Any) -> None:
    features = extract_features(ops, preset, pixels)
    count = 2 * preset.radius
    flags: Sequence[Any] = [np.ones((1, 1, 1, 1), np.float32)] * count
    levels = np.zeros((1, 1, 1, LEVELS), np.float32)
    fuse(ops, preset, (pixels, features), [(pixels, features)] * count, flags, levels)
