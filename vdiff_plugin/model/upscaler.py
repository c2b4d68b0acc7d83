"""The network that adds to an interpolated picture the detail that interpolation lacks."""

from __future__ import annotations

from vdiff_plugin.model.diffusion import FRACTION
from vdiff_plugin.model.fusion import LEVEL_GAIN
from vdiff_plugin.model.graph import Planes, pack
from vdiff_plugin.model.ops import CODE_PEAK, Ops, Tensor
from vdiff_plugin.model.presets import PIXEL_CHANNELS, UpscalerPreset

INPUT_GAIN = 2.0  # pixels reach the network in half codes
TAKEN_GAIN = 8.0  # what restoration took away in eighths: of clean footage it is a code or two
NEUTRAL = 128.0  # codes; what zero padding stands for
OUT_CHANNELS = 4 * PIXEL_CHANNELS  # each half-size position becomes 2x2 of them


def upscale_change(
    ops: Ops, preset: UpscalerPreset, pixels: tuple[Tensor, Tensor], levels: Tensor
) -> Tensor:
    """What is to be added to the interpolated picture.

    Args:
        ops: the backend.
        preset: network size.
        pixels: of the small picture, restored and as it was before, each (batch, H/2,
            W/2, 6) in codes (fractions allowed). What restoration took away may be
            detail: of clean footage all of it is.
        levels: (batch, 1, 1, 3) noise of luma and of chroma and error of compression, in
            codes, of the window that the picture was restored from.

    Returns:
        (batch, H, W, 6) codes, multiples of 1/64: the doubled picture's pixels.
    """
    restored, source = pixels
    levels = ops.spread(ops.quantise(levels * LEVEL_GAIN, 0, 255), restored)
    parts = [*_parted(ops, restored), _codes(ops, source - restored, TAKEN_GAIN), levels]
    x = ops.conv(ops.concat(parts), "up.in", preset.width)
    for block in range(preset.blocks):
        x = _block(ops, x, f"up.{block}", preset)
    out = ops.conv(x, "up.out", OUT_CHANNELS, activation="none")
    return ops.depth_to_space(ops.quantise(out, -CODE_PEAK, CODE_PEAK, FRACTION), 2)


def upscale_graph(
    ops: Ops, preset: UpscalerPreset, planes: tuple[Planes, Planes], levels: Tensor
) -> tuple[Tensor, Tensor]:
    """Change to the doubled picture: luma (1, 2H, 2W, 1) and chroma (1, H, W, 2), in codes."""
    restored, source = (pack(ops, each) for each in planes)
    change = upscale_change(ops, preset, (restored, source), levels)
    luma, chroma = ops.split(change, [4, 2])
    return ops.depth_to_space(luma, 2), chroma


def _parted(ops: Ops, pixels: Tensor) -> list[Tensor]:
    """Luma as the mean of its four phases and their differences from it, then U and V.

    As in the restoring network: brightness would drown what matters.
    """
    luma, chroma = ops.split(pixels, [4, 2])
    mean = ops.mean_channels(luma)
    return [_codes(ops, part) for part in (luma - mean, mean - NEUTRAL, chroma - NEUTRAL)]


def _codes(ops: Ops, part: Tensor, gain: float = INPUT_GAIN) -> Tensor:
    return ops.quantise(part * gain, -CODE_PEAK, CODE_PEAK)


def _block(ops: Ops, x: Tensor, name: str, preset: UpscalerPreset) -> Tensor:
    """Convolutions with a skip over all of them."""
    first = x
    for layer in range(preset.depth - 1):
        x = ops.conv(x, f"{name}.{layer}", preset.width)
    x = ops.conv(x, f"{name}.{preset.depth - 1}", preset.width, activation="signed")
    return ops.quantise(x + first, -CODE_PEAK, CODE_PEAK)
