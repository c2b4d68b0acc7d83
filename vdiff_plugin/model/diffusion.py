"""Diffusion: the gated average over aligned frames, and what noise is left after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vdiff_plugin.model.gates import Gate
from vdiff_plugin.model.ops import Ops, Tensor

OWN_WEIGHT = 128.0  # of frame n itself in the average
FRACTION = 64  # the average is kept to 1/64 code
_INVERSE = 1 << 16  # divisions become products with round(2**16 / total weight), 57..512


@dataclass(frozen=True)
class Diffused:
    """Frame n after diffusion.

    Attributes:
        gain: (batch, H/2, W/2, 6), what the average adds to frame n, in codes,
            multiples of 1/64.
        features: (batch, H/4, W/4, C) averaged features, codes 0..255.
        share: (batch, H/2, W/2, 2), weight of the neighbours in the average, 0..255 for
            0..1: how much noise is already gone.
    """

    gain: Tensor
    features: Tensor
    share: Tensor


def diffuse(
    ops: Ops,
    centre: tuple[Tensor, Tensor],
    neighbours: Sequence[tuple[Tensor, Tensor]],
    gates: Sequence[Gate],
) -> Diffused:
    """Average frame n with its aligned neighbours, each weighted by its gate.

    With weight 1 for frame n and g_k for neighbour k the average is
    x_n + sum_k g_k (x_k - x_n) / (1 + sum_k g_k); written as a gain, a pixel whose
    gates are all 0 keeps its value exactly.
    """
    gains, shares = [], []
    for part in (0, 1):  # luma, chroma
        weights = [ops.split(gate.pixels, [1, 1])[part] for gate in gates]
        deltas = [ops.split(pixels - centre[0], [4, 2])[part] for pixels, _ in neighbours]
        inverse = _inverse(ops, weights)
        gains.append(_weighted(deltas, weights) * inverse)
        shares.append(inverse * (-255.0 * OWN_WEIGHT / _INVERSE) + 255.0)
    return Diffused(
        gain=ops.quantise(ops.concat(gains) * (1.0 / _INVERSE), -255, 255, FRACTION),
        features=_average_features(ops, centre[1], neighbours, gates),
        share=ops.quantise(ops.concat(shares), 0, 255),
    )


def _average_features(
    ops: Ops,
    own: Tensor,
    neighbours: Sequence[tuple[Tensor, Tensor]],
    gates: Sequence[Gate],
) -> Tensor:
    weights = [gate.features for gate in gates]
    gain = _weighted([features - own for _, features in neighbours], weights)
    gain = gain * _inverse(ops, weights) * (1.0 / _INVERSE)
    return ops.quantise(own + ops.quantise(gain, -255, 255), 0, 255)


def _inverse(ops: Ops, weights: Sequence[Tensor]) -> Tensor:
    """round(2**16 / total weight).

    Libraries may divide or multiply by a reciprocal, whose last bits differ; rounded to
    this few bits they agree, as no quotient lies near a half.
    """
    return ops.quantise(float(_INVERSE) / (_sum(weights) + OWN_WEIGHT), 0, 512)


def _weighted(parts: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    return _sum([part * weight for part, weight in zip(parts, weights, strict=True)])


def _sum(parts: Sequence[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
