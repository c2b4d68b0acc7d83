"""The restoring trunks: from diffused pixels and features to 12 channels at half size."""

from __future__ import annotations

from vdiff_plugin.model.ops import CODE_PEAK, Ops, Tensor
from vdiff_plugin.model.presets import Preset

HEAD_CHANNELS = 12  # 6 of the residual, 6 of the shrinkage


def flat_trunk(ops: Ops, preset: Preset, pixels: Tensor, extra: Tensor) -> Tensor:
    """All convolutions at quarter size.

    Args:
        ops: the backend.
        preset: network size.
        pixels: (batch, H/2, W/2, c) codes.
        extra: (batch, H/4, W/4, d) codes.

    Returns:
        (batch, H/2, W/2, 12) exact sums.
    """
    x = first = ops.conv(_quarter(ops, pixels, extra), "trunk.in", preset.width)
    for layer in range(preset.depth - 1):
        x = ops.conv(x, f"trunk.{layer}", preset.width)
    x = ops.conv(x, f"trunk.{preset.depth - 1}", preset.width, activation="signed")
    x = ops.quantise(x + first, -CODE_PEAK, CODE_PEAK)
    x = ops.conv(x, "head", 4 * HEAD_CHANNELS, activation="none")
    return ops.depth_to_space(x, 2)


def pyramid_trunk(ops: Ops, preset: Preset, pixels: Tensor, extra: Tensor) -> Tensor:
    """Quarter and eighth size for context, half size for detail; see `flat_trunk`."""
    x = ops.conv(_quarter(ops, pixels, extra), "trunk.in", preset.width)
    x = skip = _level(ops, x, "trunk.down", preset.width, preset.depth)
    x = ops.conv(x, "trunk.shrink", preset.deep_width, stride=2)
    x = _level(ops, x, "trunk.deep", preset.deep_width, preset.depth + 1)
    x = ops.conv(x, "trunk.grow", 4 * (preset.width // 2), kernel=1)
    x = ops.concat([skip, ops.depth_to_space(x, 2)])
    x = ops.conv(x, "trunk.join", preset.width)
    x = _level(ops, x, "trunk.up", preset.width, preset.depth)
    x = ops.conv(x, "detail.grow", 4 * 16, kernel=1)
    x = ops.concat([ops.depth_to_space(x, 2), pixels])
    x = ops.conv(x, "detail.join", preset.detail_width)
    return ops.conv(x, "head", HEAD_CHANNELS, activation="none")


def _quarter(ops: Ops, pixels: Tensor, extra: Tensor) -> Tensor:
    return ops.concat([ops.space_to_depth(pixels, 2), extra])


def _level(ops: Ops, x: Tensor, name: str, width: int, depth: int) -> Tensor:
    """Convolutions with a skip over all of them."""
    first = x
    for layer in range(depth - 1):
        x = ops.conv(x, f"{name}.{layer}", width)
    x = ops.conv(x, f"{name}.{depth - 1}", width, activation="signed")
    return ops.quantise(x + first, -CODE_PEAK, CODE_PEAK)


TRUNKS = {"flat": flat_trunk, "pyramid": pyramid_trunk}
