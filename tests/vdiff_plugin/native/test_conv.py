"""The convolution kernel against a sum written out in NumPy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from vdiff_plugin.native.arrays import Tensor, conv_task, pack_kernel
from vdiff_plugin.native.library import Instructions, Kernels, available, kernels

pytestmark = pytest.mark.skipif(not available(), reason="the native kernels are not built")


@pytest.fixture(params=Instructions)
def library(request: pytest.FixtureRequest) -> Iterator[Kernels]:
    with kernels().limited(request.param) as limited:
        yield limited


def _expected(
    x: np.ndarray, kernel: np.ndarray, bias: np.ndarray, unit: np.ndarray, stride: int
) -> np.ndarray:
    """Leaky sums, clipped to -32..223."""
    size = kernel.shape[0]
    before = (size - stride) // 2
    padded = np.pad(x.astype(np.int64), ((before, 2), (before, 2), (0, 0)))
    height, width = x.shape[0] // stride, x.shape[1] // stride
    total = np.zeros((height, width, kernel.shape[3]), np.int64) + bias
    for row in range(size):
        for column in range(size):
            rows = slice(row, row + stride * height, stride)
            columns = slice(column, column + stride * width, stride)
            total += padded[rows, columns] @ kernel[row, column].astype(np.int64)
    real = total * unit.astype(np.float64)
    return np.clip(np.rint(np.maximum(real, real / 8)), -32, 223)


@pytest.mark.parametrize(
    ("size", "stride", "channels", "filters"),
    [(3, 1, 14, 16), (3, 1, 53, 32), (3, 2, 16, 32), (1, 1, 32, 16), (3, 1, 26, 24), (3, 1, 8, 9)],
)
@pytest.mark.parametrize("width", [4, 22, 34, 70])
def test_sums_scale_and_clip(
    library: Kernels, size: int, stride: int, channels: int, filters: int, width: int
) -> None:
    rng = np.random.default_rng(size * 100 + channels)
    source = Tensor.zeros(6, width, channels)
    source.inside[..., :channels] = rng.integers(-32, 224, (6, width, channels))
    weights = rng.integers(-127, 128, (size, size, channels, filters)).astype(np.int8)
    bias = rng.integers(-5000, 5000, filters).astype(np.int32)
    unit = np.ldexp(np.float32(1), -rng.integers(6, 12, filters)).astype(np.float32)
    kernel = pack_kernel(weights, bias, unit, low=[-32] * filters, high=[223] * filters, leak=0.125)
    out = Tensor.zeros(6 // stride, width // stride, kernel.filters)
    library.conv(conv_task(source, kernel, out, stride=stride).call)
    expected = _expected(source.inside[..., :channels], weights, bias, unit, stride)
    np.testing.assert_array_equal(out.inside[..., :filters], expected)
    border = np.ones(out.array.shape[:2], bool)
    border[1:-1, 1:-1] = False
    assert not out.array[border].any()


@pytest.mark.parametrize("filters", [16, 32])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_sums_are_exact(library: Kernels, sign: int, filters: int) -> None:
    """54 channels of the largest inputs and weights: just below 2**24, the bound of a layer."""
    source, out = Tensor.zeros(9, 66, 54), Tensor.zeros(9, 66, filters)
    source.inside[..., :54] = 255
    source.inside[4, :, :54] = -255
    weights = np.full((3, 3, 54, filters), 127 * sign, np.int8)
    unit = np.full(filters, np.ldexp(np.float32(1), -15), np.float32)
    bias = np.arange(filters).astype(np.int32) * 524288 // filters + 16384
    kernel = pack_kernel(weights, bias, unit, low=[-500] * filters, high=[500] * filters, leak=1.0)
    library.conv(conv_task(source, kernel, out).call)
    rows = np.pad(source.inside[..., 0].astype(np.int64), 1)
    total = sum(rows[y : y + 9, x : x + 66] for y in range(3) for x in range(3)) * 127 * 54 * sign
    assert 15_500_000 < abs(total).max() < 1 << 24
    expected = np.clip(np.rint((total[..., None] + bias) / 32768), -500, 500)
    np.testing.assert_array_equal(out.inside, expected)


def test_a_skip_is_added_and_clipped_again(library: Kernels) -> None:
    rng = np.random.default_rng(0)
    source, skip, out = (Tensor.zeros(8, 14, 16) for _ in range(3))
    for tensor in (source, skip):
        tensor.inside[...] = rng.integers(-255, 256, tensor.inside.shape)
    weights = np.zeros((1, 1, 16, 16), np.int8)
    weights[0, 0] = np.eye(16) * 2
    kernel = pack_kernel(
        weights, np.zeros(16, np.int32), np.ones(16, np.float32),
        low=[-255] * 16, high=[255] * 16, leak=1.0,
    )  # fmt: skip
    library.conv(conv_task(source, kernel, out, skip=skip).call)
    twice = np.clip(2 * source.inside.astype(int), -255, 255)
    np.testing.assert_array_equal(out.inside, np.clip(twice + skip.inside, -255, 255))


def test_results_go_to_one_place_of_each_block(library: Kernels) -> None:
    source, out = Tensor.zeros(4, 6, 16), Tensor.zeros(8, 12, 16)
    source.inside[...] = np.arange(6)[None, :, None]
    weights = np.eye(16, dtype=np.int8)[None, None]
    kernel = pack_kernel(
        weights, np.zeros(16, np.int32), np.ones(16, np.float32),
        low=[0] * 16, high=[255] * 16, leak=1.0,
    )  # fmt: skip
    library.conv(conv_task(source, kernel, out, spread=(1, 0)).call)
    np.testing.assert_array_equal(out.inside[1::2, 0::2], source.inside)
    assert not out.inside[0::2].any()
    assert not out.inside[:, 1::2].any()
