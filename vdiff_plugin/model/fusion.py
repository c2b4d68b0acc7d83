"""The network that fuses a window into one restored frame."""

from __future__ import annotations

from collections.abc import Sequence

from vdiff_plugin.model.diffusion import FRACTION, Diffused, diffuse
from vdiff_plugin.model.gates import change_gates
from vdiff_plugin.model.ops import Ops, Tensor
from vdiff_plugin.model.presets import PIXEL_CHANNELS, Preset
from vdiff_plugin.model.trunk import TRUNKS

_SIGMA_GAIN = 4.0  # noise reaches the network in quarter codes
_SHRINK_UNIT = 1.0 / 256.0  # of the shrinkage in the head's sums
_DEVIATION_GAIN = 2.0  # x_n minus the average, in half codes


def fuse(
    ops: Ops,
    preset: Preset,
    centre: tuple[Tensor, Tensor],
    neighbours: Sequence[tuple[Tensor, Tensor]],
    valid: Sequence[Tensor],
    sigma: Tensor,
) -> Tensor:
    """What is to be added to frame n.

    The enhanced frame is alpha * P + r, with P the gated average, r a residual and
    alpha = 1 - shrinkage per pixel: at strong noise most of the picture has to come from
    r, at weak noise from P. Returned as a change, so that an untouched pixel stays exact.

    Args:
        ops: the backend.
        preset: network size.
        centre: pixels (batch, H/2, W/2, 6) in codes (fractions allowed: deeper formats)
            and features (batch, H/4, W/4, C).
        neighbours: the same, aligned to frame n, 2*radius of them in time order.
        valid: (batch, 1, 1, 1) a neighbour: 0 where it is missing, else 1.
        sigma: (batch, 1, 1, 2) noise level of luma and chroma in codes.

    Returns:
        (batch, H/2, W/2, 6) in 8-bit code values, multiples of 2**-14.
    """
    levels = ops.spread(ops.quantise(sigma * _SIGMA_GAIN, 0, 255), centre[1])
    gates = change_gates(ops, preset, centre, neighbours, valid, levels)
    diffused = diffuse(ops, centre, neighbours, gates)
    average = ops.quantise(centre[0] + diffused.gain, 0, 255, FRACTION)
    head = _trunk(ops, preset, average, diffused, levels)
    residual, shrink = ops.split(head, [PIXEL_CHANNELS, PIXEL_CHANNELS])
    residual = ops.quantise(residual, -255, 255, FRACTION)
    shrink = ops.quantise(shrink * _SHRINK_UNIT, 0, 1, 256)
    return diffused.gain + residual - shrink * average


def _trunk(
    ops: Ops, preset: Preset, average: Tensor, diffused: Diffused, levels: Tensor
) -> Tensor:
    pixels = ops.concat(
        [
            ops.quantise(average, 0, 255) - 128.0,
            ops.quantise(diffused.gain * -_DEVIATION_GAIN, -255, 255),
            diffused.share,
        ]
    )
    extra = ops.concat([diffused.features, levels])
    return TRUNKS[preset.trunk](ops, preset, pixels, extra)
