"""Gates: from the change between two aligned frames, how much one may give the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vdiff_plugin.model.ops import Ops, Tensor
from vdiff_plugin.model.presets import Preset

_DIFFERENCE_GAIN = 4.0  # pixel differences reach the gates in quarter codes
_GATE_CHANNELS = 9  # 4 luma and 4 chroma sub-positions, 1 for features


@dataclass(frozen=True)
class Gate:
    """Weights of one neighbour, integers 0..255 where 128 counts as much as frame n.

    Attributes:
        pixels: (batch, H/2, W/2, 2) for luma and chroma.
        features: (batch, H/4, W/4, 1).
    """

    pixels: Tensor
    features: Tensor


def change_gates(
    ops: Ops,
    preset: Preset,
    centre: tuple[Tensor, Tensor],
    neighbours: Sequence[tuple[Tensor, Tensor]],
    valid: Sequence[Tensor],
    sigma: Tensor,
) -> list[Gate]:
    """One gate a neighbour, from the change map between it and frame n.

    Args:
        ops: the backend.
        preset: network size.
        centre: pixels (batch, H/2, W/2, 6) and features (batch, H/4, W/4, C).
        neighbours: the same, aligned to frame n, one pair a neighbour.
        valid: (batch, 1, 1, 1) a neighbour: 0 where it is missing, else 1.
        sigma: (batch, H/4, W/4, 2) noise map.
    """
    changes = [_change(ops, centre, neighbour, sigma) for neighbour in neighbours]
    x = ops.stack(changes)
    x = ops.conv(x, "gates.0", preset.gates)
    x = ops.conv(x, "gates.1", _GATE_CHANNELS, activation="code")
    parts = ops.unstack(x, len(neighbours))
    return [_gate(ops, part * flag) for part, flag in zip(parts, valid, strict=True)]


def _change(
    ops: Ops, centre: tuple[Tensor, Tensor], neighbour: tuple[Tensor, Tensor], sigma: Tensor
) -> Tensor:
    pixels = ops.absolute(centre[0] - neighbour[0]) * _DIFFERENCE_GAIN
    luma, chroma = ops.split(ops.quantise(pixels, 0, 255), [4, 2])
    coarse = ops.concat([ops.mean_channels(luma), ops.mean_channels(chroma)])
    coarse = ops.space_to_depth(ops.quantise(coarse, 0, 255), 2)
    return ops.concat([ops.absolute(centre[1] - neighbour[1]), coarse, sigma])


def _gate(ops: Ops, x: Tensor) -> Gate:
    pixels, features = ops.split(x, [8, 1])
    return Gate(ops.depth_to_space(pixels, 2), features)
