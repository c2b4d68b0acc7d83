"""Arrays as the kernels take them: 16-bit channels with a border of zeros around."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.native.library import Conv

_ALIGNMENT = 64  # bytes that the kernels load at once, at most
_CHANNELS = 16  # the least that they load at once

# From three weights of a row (or column) to what six sums of inputs are multiplied by:
# see quick_avx2.c.
_QUICK = np.array(
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 12]], np.int16
)
_QUICK_WIDTH = 24  # of the narrowest picture


@dataclass(frozen=True)
class Tensor:
    """Channels `first` and up of an array (height + 2, width + 2, channels).

    The border of zeros is what convolutions see outside the picture; nobody writes to it.
    """

    array: NDArray[np.int16]
    first: int = 0

    @classmethod
    def zeros(cls, height: int, width: int, channels: int) -> Tensor:
        """A new array, with channels of zeros up to a multiple of 16."""
        shape = (height + 2, width + 2, channels + -channels % _CHANNELS)
        return cls(_aligned_zeros(shape))

    def channel(self, first: int) -> Tensor:
        """The same from channel `first` on."""
        return replace(self, first=first)

    @property
    def inside(self) -> NDArray[np.int16]:
        """The picture without its border, from the first channel on."""
        return self.array[1:-1, 1:-1, self.first :]

    @property
    def row(self) -> int:
        """Elements from row to row."""
        return self.array.strides[0] // 2

    @property
    def pixel(self) -> int:
        """Elements from pixel to pixel."""
        return self.array.strides[1] // 2

    def address(self, y: int = 0, x: int = 0) -> int:
        """Of a pixel of the picture; -1 is in the border."""
        return int(self.array.ctypes.data) + 2 * (
            (y + 1) * self.row + (x + 1) * self.pixel + self.first
        )

    @property
    def place(self) -> tuple[int, int, int]:
        """Address, row step and pixel step."""
        return self.address(), self.row, self.pixel


@dataclass(frozen=True)
class Kernel:
    """A layer's numbers in the order of the kernels.

    Attributes:
        weights: [filters/ways][kernel][kernel][pairs][ways][2].
        quick: [filters/ways][6][6][pairs][ways][2] for kernels of size 3, else empty.
        bias, unit, low, high: one a filter.
        leak: slope below zero.
        ways: filters that are made at once.
        size: of the kernel, 1 or 3.
    """

    weights: NDArray[np.int16]
    quick: NDArray[np.int16]
    bias: NDArray[np.int32]
    unit: NDArray[np.float32]
    low: NDArray[np.int16]
    high: NDArray[np.int16]
    leak: float
    ways: int
    size: int

    @property
    def filters(self) -> int:
        """Filters, those that only fill up included."""
        return len(self.bias)

    @property
    def pairs(self) -> int:
        """Pairs of input channels."""
        return int(self.weights.shape[3])


def pack_kernel(
    kernel: NDArray[np.int8],
    bias: NDArray[np.int32],
    unit: NDArray[np.float32],
    *,
    low: Sequence[int],
    high: Sequence[int],
    leak: float,
) -> Kernel:
    """Lay out a layer.

    Args:
        kernel: (k, k, in, out).
        bias: (out,).
        unit: (out,), what a sum is multiplied by.
        low: (out,), smallest result.
        high: (out,), largest result.
        leak: what negative results are multiplied by; 1 for no such thing.
    """
    size, _, channels, filters = kernel.shape
    ways = 24 if filters % 24 == 0 and filters % 16 else 16
    missing = -filters % ways
    padded = np.pad(kernel, ((0, 0), (0, 0), (0, channels % 2), (0, missing)))
    blocks = padded.reshape(size, size, -1, 2, padded.shape[3] // ways, ways)
    weights = blocks.transpose(4, 0, 1, 2, 5, 3).astype(np.int16)
    return Kernel(
        weights=_aligned(weights),
        quick=_aligned(_quick(weights) if size == len(_QUICK[0]) else weights[:0]),
        bias=np.pad(bias, (0, missing)).astype(np.int32),
        unit=np.pad(unit, (0, missing)).astype(np.float32),
        low=np.pad(np.asarray(low, np.int16), (0, missing)),
        high=np.pad(np.asarray(high, np.int16), (0, missing)),
        leak=leak,
        ways=ways,
        size=size,
    )


def _quick(weights: NDArray[np.int16]) -> NDArray[np.int16]:
    return np.asarray(np.einsum("py,qx,byxcwi->bpqcwi", _QUICK, _QUICK, weights), np.int16)


@dataclass(frozen=True)
class ConvTask:
    """A convolution with the arrays that it points to."""

    call: Conv
    source: Tensor
    kernel: Kernel
    out: Tensor
    skip: Tensor | None


def conv_task(
    source: Tensor,
    kernel: Kernel,
    out: Tensor,
    *,
    stride: int = 1,
    skip: Tensor | None = None,
    spread: tuple[int, int] | None = None,
) -> ConvTask:
    """A convolution of `source` into `out`.

    Args:
        source: its first channel is the kernel's.
        kernel: the layer.
        out: takes the kernel's filters from its first channel on.
        stride: 2 halves the size.
        skip: added to the result, which is clipped again.
        spread: row and column, 0 or 1, of the 2x2 block of `out` that a result goes to.
    """
    height, width = source.inside.shape[0] // stride, source.inside.shape[1] // stride
    corner = -((kernel.size - stride) // 2)  # stride 2 pads below and right only
    step = 1 if spread is None else 2
    quick = _goes_quick(source, kernel, width, stride)
    call = Conv(
        source=source.address(corner, corner), source_row=source.row, source_pixel=source.pixel,
        out=out.address(*(spread or (0, 0))), out_row=step * out.row, out_pixel=step * out.pixel,
        skip=None if skip is None else skip.address(),
        skip_row=0 if skip is None else skip.row, skip_pixel=0 if skip is None else skip.pixel,
        weights=kernel.weights.ctypes.data, quick=kernel.quick.ctypes.data if quick else None,
        bias=kernel.bias.ctypes.data,
        unit=kernel.unit.ctypes.data, low=kernel.low.ctypes.data, high=kernel.high.ctypes.data,
        leak=kernel.leak, height=height, width=width, pairs=kernel.pairs, filters=kernel.filters,
        ways=kernel.ways, kernel=kernel.size, stride=stride,
    )  # fmt: skip
    return ConvTask(call, source, kernel, out, skip)


@dataclass(frozen=True)
class ConvBlock:
    """Convolutions one after the other, with a skip over all of them.

    Attributes:
        tasks: in order.
        out: what comes out.
        spare: two arrays that the next block may write to.
    """

    tasks: list[ConvTask]
    out: Tensor
    spare: list[Tensor]


def conv_block(source: Tensor, kernels: Sequence[Kernel], spare: Sequence[Tensor]) -> ConvBlock:
    """`kernels` over `source`, which is added to the last result; two arrays by turns."""
    tasks, x = [], source
    for index, kernel in enumerate(kernels):
        out = spare[index % 2]
        skip = source if index == len(kernels) - 1 else None
        tasks.append(conv_task(x, kernel, out, skip=skip))
        x = out
    return ConvBlock(tasks, x, [each for each in (source, *spare) if each is not x])


def _goes_quick(source: Tensor, kernel: Kernel, width: int, stride: int) -> bool:
    """Whether quick_avx2.c can make a convolution."""
    aligned = source.first % _CHANNELS == 0
    return kernel.quick.size > 0 and stride == 1 and width >= _QUICK_WIDTH and aligned


def _aligned(values: NDArray[np.int16]) -> NDArray[np.int16]:
    """A copy that begins at a multiple of 64 bytes."""
    out = _aligned_zeros(values.shape)
    out[...] = values
    return out


def _aligned_zeros(shape: tuple[int, ...]) -> NDArray[np.int16]:
    """Not touched here, so that the system gives memory when it is needed."""
    size = 2 * math.prod(shape)
    room = np.zeros(size + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + size].view(np.int16).reshape(shape)
