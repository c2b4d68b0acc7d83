"""Sums over pictures and what is stored of them: the kernels against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from vdiff_plugin.builtin import compression, noise, planes
from vdiff_plugin.frame import ClipInfo, PixelFormat
from vdiff_plugin.native.library import available

pytestmark = pytest.mark.skipif(not available(), reason="the native kernels are not built")


@pytest.mark.parametrize("peak", [255, 4095])
@pytest.mark.parametrize("size", [(16, 16), (33, 71), (64, 48)])
def test_noise_is_summed_alike(size: tuple[int, int], peak: int) -> None:
    rng = np.random.default_rng(peak)
    dtype = np.uint8 if peak == 255 else np.uint16
    samples = rng.integers(0, peak + 1, (*size, 2)).astype(dtype)
    samples[:16] = peak * (np.indices((16, size[1])).sum(axis=0) % 2)[..., None]  # the largest
    for plane in (np.ascontiguousarray(samples[..., 0]), samples[..., 1]):
        native, expected = noise._sums_natively(plane), noise._sums_in_numpy(plane)
        for one, other in zip(native, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("size", [(8, 32), (24, 53), (40, 640)])
def test_differences_are_summed_alike(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(size[1])
    for spread in (1, 3, 256):
        rows = rng.integers(0, spread, size).astype(np.uint8)
        sums = compression._sums_in_numpy(rows)
        assert sums[-1] == 0 or spread < 256
        np.testing.assert_array_equal(compression._sums_natively(rows), sums)


@pytest.mark.parametrize("bits", [8, 10, 16])
def test_changes_are_added_alike(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(bits)
    clip = ClipInfo(width=37, height=21, format=PixelFormat(family="gray", bits=bits))
    plane = rng.integers(0, clip.format.peak + 1, (21, 40)).astype(clip.format.dtype)[:, :37]
    change = (rng.integers(-300 * 64, 300 * 64, (21, 37, 2)) / 64).astype(np.float32)
    change[:4] = np.rint(change[:4]) + np.float32(0.5)  # halves go to even codes
    for part in (change[..., 1], np.ascontiguousarray(change[..., 0])):
        for unit in (np.float32(1 << (bits - 8)), np.float32(0.3)):
            native = planes._added(plane, part, unit, clip, dither=False)
            with monkeypatch.context() as patch:
                patch.setattr(planes, "available", lambda: False)
                expected = planes._added(plane, part, unit, clip, dither=False)
            assert native.dtype == expected.dtype
            np.testing.assert_array_equal(native, expected)
