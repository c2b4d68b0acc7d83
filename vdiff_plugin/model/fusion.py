"""The network that fuses a window into one restored frame."""

from __future__ import annotations

from collections.abc import Sequence

from vdiff_plugin.model.diffusion import FRACTION, Diffused, diffuse
from vdiff_plugin.model.gates import change_gates
from vdiff_plugin.model.ops import Ops, Tensor
from vdiff_plugin.model.presets import PIXEL_CHANNELS, Preset
from vdiff_plugin.model.trunk import trunk

LEVEL_GAIN = 4.0  # noise and compression reach the network in quarter codes
SHRINK_UNIT = 1.0 / 64.0  # of the shrinkage in the head's sums
SHRINK_STEPS = 256  # from none to all
_DEVIATION_GAIN = 2.0  # x_n minus the average, in half codes


def fuse(
    ops: Ops,
    preset: Preset,
    centre: tuple[Tensor, Tensor],
    neighbours: Sequence[tuple[Tensor, Tensor]],
    valid: Sequence[Tensor],
    levels: Tensor,
) -> Tensor:
    """What is to be added to frame n.

    The enhanced frame is P - s * (P - M) + r, with P the gated average, M its mean over
    blocks of 4x4 pixels, s a shrinkage of 0..1 and r a residual: at strong noise most of
    the detail has to be given up and made anew, at weak noise hardly any. Returned as a
    change, so that an untouched pixel stays exact.

    Args:
        ops: the backend.
        preset: network size.
        centre: pixels (batch, H/2, W/2, 6) in codes (fractions allowed: deeper formats)
            and features (batch, H/4, W/4, C).
        neighbours: the same, aligned to frame n, 2*radius of them in time order.
        valid: (batch, 1, 1, 1) a neighbour: 0 where it is missing, else 1.
        levels: (batch, 1, 1, 3) noise of luma and of chroma and the error of compression,
            in codes. Gates see the noise alone.

    Returns:
        (batch, H/2, W/2, 6) in 8-bit code values, multiples of 2**-14.
    """
    levels = ops.spread(ops.quantise(levels * LEVEL_GAIN, 0, 255), centre[1])
    noise, _ = ops.split(levels, [2, 1])
    gates = change_gates(ops, preset, centre, neighbours, valid, noise)
    diffused = diffuse(ops, centre, neighbours, gates)
    average = ops.quantise(centre[0] + diffused.gain, 0, 255, FRACTION)
    means = _block_means(ops, average)
    detail = average - _spread_blocks(ops, means)
    head = _trunk(ops, preset, detail, means, diffused, levels)
    residual, shrink = ops.split(head, [PIXEL_CHANNELS, PIXEL_CHANNELS])
    residual = ops.quantise(residual, -255, 255, FRACTION)
    shrink = ops.quantise(shrink * SHRINK_UNIT, 0, 1, SHRINK_STEPS)
    return diffused.gain + residual - shrink * detail


def _block_means(ops: Ops, average: Tensor) -> Tensor:
    """(batch, H/4, W/4, 3) whole codes: means of Y, U and V over 4x4 pixels."""
    luma, *chroma = ops.split(average, [4, 1, 1])
    parts = [ops.mean_channels(luma), *chroma]
    means = [ops.mean_channels(ops.space_to_depth(part, 2)) for part in parts]
    return ops.quantise(ops.concat(means), 0, 255)


def _spread_blocks(ops: Ops, means: Tensor) -> Tensor:
    """Block means at each of the six samples of a half-size position."""
    luma, *chroma = ops.split(means, [1, 1, 1])
    samples = ops.concat([luma] * 4 + chroma)
    return ops.depth_to_space(ops.concat([samples] * 4), 2)


def _trunk(  # the mean apart from the detail: brightness would drown what matters
    ops: Ops, preset: Preset, detail: Tensor, means: Tensor, diffused: Diffused, levels: Tensor
) -> Tensor:
    pixels = ops.concat(
        [
            ops.quantise(detail, -255, 255),
            ops.quantise(diffused.gain * -_DEVIATION_GAIN, -255, 255),
            diffused.share,
        ]
    )
    extra = ops.concat([means - 128.0, diffused.features, levels])
    return trunk(ops, preset, pixels, extra)
