"""The operations that the networks are written in.

Every backend gives the same bits, because hidden values are integers: activations
are codes 0..255 (or -255..255), weights are integers of at most 127 times a power of
two. Products and sums of such numbers are exact in float32 as long as they stay below
2**24 steps, so neither the order of a sum, nor a tile's shape, nor fused multiply-adds,
nor the library can change a result. `docs/decisions/exact-arithmetic.md` has the
bounds; `weights.check_exact` proves them for a weights file when it is loaded.

Tensors are (batch, height, width, channels) float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

Tensor = Any  # numpy array, Keras tensor or OpenVINO output; all take + - * /
Activation = Literal["leaky", "code", "signed", "none"]

CODE_PEAK = 255  # largest activation
LEAK = 0.125  # slope below zero of a leaky activation
LEAKY_RANGE = (-32, 223)
WEIGHT_PEAK = 127  # largest integer weight
EXACT_LIMIT = 1 << 24  # float32 holds every integer up to here


class Ops(Protocol):
    """What a backend implements."""

    def conv(
        self,
        x: Tensor,
        name: str,
        filters: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        activation: Activation = "leaky",
    ) -> Tensor:
        """Convolve with zero padding; height and width divide by `stride`.

        Stride 2 pads one row below and one column to the right (Keras's `same`).
        Activation: `leaky` takes max(x, x/8), rounds and clips to -32..223, 256 values
        in all; `code` rounds and clips to 0..255, `signed` to -255..255; `none` leaves
        the exact sum.
        """
        ...

    def concat(self, parts: Sequence[Tensor]) -> Tensor:
        """Join along channels."""
        ...

    def split(self, x: Tensor, sizes: Sequence[int]) -> list[Tensor]:
        """Cut along channels."""
        ...

    def stack(self, parts: Sequence[Tensor]) -> Tensor:
        """Join along the batch, so that one convolution serves all parts."""
        ...

    def unstack(self, x: Tensor, count: int) -> list[Tensor]:
        """Undo `stack`."""
        ...

    def space_to_depth(self, x: Tensor, block: int) -> Tensor:
        """(h, w, c) -> (h/block, w/block, block*block*c), offsets (row, column) major."""
        ...

    def depth_to_space(self, x: Tensor, block: int) -> Tensor:
        """Undo `space_to_depth`."""
        ...

    def quantise(self, x: Tensor, low: float, high: float, steps: int = 1) -> Tensor:
        """Clip to low..high and round half to even, to multiples of 1/steps (power of 2)."""
        ...

    def maximum(self, x: Tensor, y: Tensor) -> Tensor:
        """The larger of two values."""
        ...

    def absolute(self, x: Tensor) -> Tensor:
        """Absolute value."""
        ...

    def mean_channels(self, x: Tensor) -> Tensor:
        """Mean over channels, kept as one channel; the count is a power of two."""
        ...

    def spread(self, x: Tensor, like: Tensor) -> Tensor:
        """Repeat per-frame numbers (batch, 1, 1, c) over the positions of `like`."""
        ...


def activate(ops: Ops, x: Tensor, activation: Activation) -> Tensor:
    """Apply an activation to exact sums; see `Ops.conv`."""
    if activation == "none":
        return x
    if activation == "leaky":
        return ops.quantise(ops.maximum(x, x * LEAK), *LEAKY_RANGE)
    return ops.quantise(x, 0 if activation == "code" else -CODE_PEAK, CODE_PEAK)
