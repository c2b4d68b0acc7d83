"""The restoring trunk: from diffused pixels and features to 12 channels at half size."""

from __future__ import annotations

from vdiff_plugin.model.ops import CODE_PEAK, Ops, Tensor
from vdiff_plugin.model.presets import Preset

HEAD_CHANNELS = 12  # 6 of the residual, 6 of the shrinkage


def trunk(ops: Ops, preset: Preset, pixels: Tensor, extra: Tensor) -> Tensor:
    """Half size for detail, quarter size for context.

    Args:
        ops: the backend.
        preset: network size.
        pixels: (batch, H/2, W/2, c) codes.
        extra: (batch, H/4, W/4, d) codes.

    Returns:
        (batch, H/2, W/2, 12) exact sums.
    """
    detail, x = _enter(ops, preset, pixels, extra)
    for level in range(preset.levels):
        x = _level(ops, x, f"trunk.{level}", preset.width, preset.depth)
    return _leave(ops, preset, x, detail)


def _enter(ops: Ops, preset: Preset, pixels: Tensor, extra: Tensor) -> tuple[Tensor, Tensor]:
    """Detail at half size, and what the levels below start from."""
    detail = ops.conv(pixels, "detail.in", preset.detail_width)
    x = ops.conv(detail, "trunk.enter", preset.width, stride=2)
    return detail, ops.conv(ops.concat([x, extra]), "trunk.in", preset.width)


def _leave(ops: Ops, preset: Preset, x: Tensor, detail: Tensor) -> Tensor:
    x = ops.conv(x, "detail.grow", 4 * preset.detail_width, kernel=1)
    x = ops.concat([ops.depth_to_space(x, 2), detail])
    x = ops.conv(x, "detail.join", preset.detail_width)
    for level in range(preset.detail_levels):
        x = _level(ops, x, f"detail.{level}", preset.detail_width, preset.depth)
    return ops.conv(x, "head", HEAD_CHANNELS, activation="none")


def _level(ops: Ops, x: Tensor, name: str, width: int, depth: int) -> Tensor:
    """Convolutions with a skip over all of them."""
    first = x
    for layer in range(depth - 1):
        x = ops.conv(x, f"{name}.{layer}", width)
    x = ops.conv(x, f"{name}.{depth - 1}", width, activation="signed")
    return ops.quantise(x + first, -CODE_PEAK, CODE_PEAK)
