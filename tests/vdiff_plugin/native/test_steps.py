"""Bands: parts of a network run some rows at a time, and give what they give at once."""

from __future__ import annotations

import numpy as np
import pytest

from vdiff_plugin.native import steps
from vdiff_plugin.native.arrays import Kernel, Tensor, conv_block, conv_task, pack_kernel
from vdiff_plugin.native.library import available, kernels
from vdiff_plugin.native.steps import Steps

pytestmark = pytest.mark.skipif(not available(), reason="the native kernels are not built")


def _kernel(size: int, seed: int) -> Kernel:
    rng = np.random.default_rng(seed)
    return pack_kernel(
        rng.integers(-127, 128, (size, size, 16, 16)).astype(np.int8),
        rng.integers(-500, 500, 16).astype(np.int32),
        np.full(16, 2.0**-10, np.float32),
        low=[-32] * 16, high=[223] * 16, leak=0.125,
    )  # fmt: skip


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("blocks", [1, 3])
def test_blocks_by_turns_in_bands_equal_arrays_of_their_own(
    depth: int, blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "_BAND", 1)
    source = Tensor.zeros(36, 40, 16)
    rng = np.random.default_rng(1)
    source.inside[...] = rng.integers(-32, 224, source.inside.shape)
    sets = [[_kernel(3, 10 * b + d) for d in range(depth)] for b in range(blocks)]
    x = source
    for each in sets:
        arrays = [Tensor.zeros(36, 40, 16) for _ in each]
        for task in _apart(x, each, arrays):
            kernels().conv(task.call)
        x = arrays[-1]
    first = Tensor.zeros(36, 40, 16)
    first.inside[...] = source.inside
    banded, y, spare = Steps(36, 40), first, [Tensor.zeros(36, 40, 16) for _ in range(2)]
    for each in sets:
        block = conv_block(y, each, spare)
        for task in block.tasks:
            banded.add_conv(task)
        y, spare = block.out, block.spare
        assert len({id(one) for one in (y, *spare)}) == 3
    banded.run(kernels())
    np.testing.assert_array_equal(y.inside, x.inside)


def _apart(source: Tensor, each: list[Kernel], arrays: list[Tensor]) -> list:  # type: ignore[type-arg]
    ends = [None] * (len(each) - 1) + [source]
    places = [source, *arrays[:-1]]
    return [
        conv_task(x, kernel, out, skip=skip)
        for x, kernel, out, skip in zip(places, each, arrays, ends, strict=True)
    ]


def test_writing_over_what_is_still_read_is_refused() -> None:
    one, two = Tensor.zeros(16, 32, 16), Tensor.zeros(16, 32, 16)
    parts = Steps(16, 32)
    parts.add_conv(conv_task(one, _kernel(3, 0), two))
    with pytest.raises(ValueError, match="still reads"):
        parts.add_conv(conv_task(two, _kernel(1, 1), one))


@pytest.mark.parametrize("before", [0, 1, 2])
def test_halving_waits_for_the_row_below(before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind parts of lag 0, 1 and 2, and where a skip lags more than the source."""
    monkeypatch.setattr(steps, "_BAND", 1)
    rng = np.random.default_rng(2)
    arrays = [Tensor.zeros(32, 40, 16) for _ in range(before + 1)]
    arrays[0].inside[...] = rng.integers(-32, 224, arrays[0].inside.shape)
    half, late, out = Tensor.zeros(16, 20, 16), Tensor.zeros(16, 20, 16), Tensor.zeros(16, 20, 16)
    tasks = [conv_task(arrays[i], _kernel(3, i), arrays[i + 1]) for i in range(before)]
    tasks += [
        conv_task(arrays[-1], _kernel(3, 7), half, stride=2),
        conv_task(half, _kernel(3, 8), late),
        conv_task(half, _kernel(1, 9), out, skip=late),
    ]
    for task in tasks:
        kernels().conv(task.call)
    expected = out.inside.copy()
    for tensor in (*arrays[1:], half, late, out):
        tensor.inside[...] = 99  # what an earlier picture left
    banded = Steps(32, 40)
    for task in tasks:
        banded.add_conv(task)
    banded.run(kernels())
    np.testing.assert_array_equal(out.inside, expected)
