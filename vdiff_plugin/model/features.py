"""Features of one frame."""

from __future__ import annotations

from vdiff_plugin.model.ops import Ops, Tensor
from vdiff_plugin.model.presets import Preset


def extract_features(ops: Ops, preset: Preset, pixels: Tensor) -> Tensor:
    """Features of one frame alone.

    Args:
        ops: the backend.
        preset: network size.
        pixels: (batch, H/2, W/2, 6) codes 0..255.

    Returns:
        (batch, H/4, W/4, preset.features) codes 0..255.
    """
    x = ops.space_to_depth(ops.quantise(pixels, 0, 255) - 128.0, 2)
    last = preset.feature_layers - 1
    for layer in range(last):
        x = ops.conv(x, f"features.{layer}", preset.features)
    return ops.conv(x, f"features.{last}", preset.features, activation="code")
