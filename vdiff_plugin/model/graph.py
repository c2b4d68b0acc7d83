"""The two graphs that a backend runs: features of a frame, and one restored window."""

from __future__ import annotations

from dataclasses import dataclass

from vdiff_plugin.model.features import extract_features
from vdiff_plugin.model.fusion import fuse
from vdiff_plugin.model.ops import Ops, Tensor
from vdiff_plugin.model.presets import Preset


@dataclass(frozen=True)
class Planes:
    """Samples in 8-bit codes: luma (batch, H, W, 1), chroma (batch, H/2, W/2, 2)."""

    luma: Tensor
    chroma: Tensor


@dataclass(frozen=True)
class WindowTensors:
    """What `restore_graph` takes; neighbours lie along the batch.

    Attributes:
        centre: batch 1.
        neighbours: batch 2*radius, aligned to the centre.
        features: (1, H/4, W/4, C).
        neighbour_features: (2*radius, H/4, W/4, C).
        valid: (2*radius, 1, 1, 1), 0 or 1.
        levels: (1, 1, 1, 3) codes.
    """

    centre: Planes
    neighbours: Planes
    features: Tensor
    neighbour_features: Tensor
    valid: Tensor
    levels: Tensor


def features_graph(ops: Ops, preset: Preset, planes: Planes) -> Tensor:
    """Features (batch, H/4, W/4, C) of each frame."""
    return extract_features(ops, preset, pack(ops, planes))


def restore_graph(ops: Ops, preset: Preset, window: WindowTensors) -> tuple[Tensor, Tensor]:
    """Change to the centre: luma (1, H, W, 1) and chroma (1, H/2, W/2, 2), in codes."""
    count = 2 * preset.radius
    pixels = ops.unstack(pack(ops, window.neighbours), count)
    features = ops.unstack(window.neighbour_features, count)
    change = fuse(
        ops,
        preset,
        (pack(ops, window.centre), window.features),
        list(zip(pixels, features, strict=True)),
        ops.unstack(window.valid, count),
        window.levels,
    )
    luma, chroma = ops.split(change, [4, 2])
    return ops.depth_to_space(luma, 2), chroma


def pack(ops: Ops, planes: Planes) -> Tensor:
    """(batch, H/2, W/2, 6): four phases of luma, then chroma."""
    return ops.concat([ops.space_to_depth(planes.luma, 2), planes.chroma])
