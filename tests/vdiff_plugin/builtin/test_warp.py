"""Warping: it moves samples where they belong, and alike with and without the kernels."""

from __future__ import annotations

import numpy as np
import pytest

from vdiff_plugin.builtin import warp
from vdiff_plugin.builtin.warp import motion_of, warp_features, warp_pixels
from vdiff_plugin.contracts import Pixels
from vdiff_plugin.native.library import Instructions, available, kernels

needs_kernels = pytest.mark.skipif(not available(), reason="the native kernels are not built")


def _picture(height: int, width: int, dtype: type = np.uint8, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    top = 256 if dtype is np.uint8 else 4096
    luma = rng.integers(0, top, (height, width)).astype(dtype)
    chroma = rng.integers(0, top, (height // 2, width // 2, 2)).astype(dtype)
    return Pixels(luma, chroma, 1.0 if dtype is np.uint8 else 1 / 16)


def test_whole_steps_move_samples_unchanged() -> None:
    picture = _picture(64, 96)
    flow = np.full((32, 48, 2), (2, 1), np.float32)
    (moved,) = warp_pixels((picture,), motion_of(flow))
    np.testing.assert_array_equal(moved.luma[:-2, :-4], picture.luma[2:, 4:])
    np.testing.assert_array_equal(moved.chroma[:-1, :-2], picture.chroma[1:, 2:])


def test_half_a_step_is_the_mean_of_two() -> None:
    picture = _picture(16, 16)
    flow = np.full((8, 8, 2), (0.25, 0), np.float32)  # half a luma sample
    (moved,) = warp_pixels((picture,), motion_of(flow))
    left, right = picture.luma[:, :-1].astype(int), picture.luma[:, 1:].astype(int)
    np.testing.assert_array_equal(moved.luma[:, :-1], (left + right + 1) // 2)
    np.testing.assert_array_equal(moved.luma[:, -1], picture.luma[:, -1])


def test_beyond_the_border_lies_the_border() -> None:
    picture = _picture(16, 32)
    flow = np.full((8, 16, 2), (-500, 0), np.float32)
    (moved,) = warp_pixels((picture,), motion_of(flow))
    np.testing.assert_array_equal(moved.luma, np.repeat(picture.luma[:, :1], 32, axis=1))


def test_features_move_by_half_of_the_flow() -> None:
    features = np.random.default_rng(0).integers(0, 256, (60, 80, 16)).astype(np.uint8)
    flow = np.full((120, 160, 2), (4, 2), np.float32)
    moved = warp_features(features, motion_of(flow))
    np.testing.assert_array_equal(moved[:-1, :-2], features[1:, 2:])


def test_phases_share_their_luma() -> None:
    first, second = _picture(32, 32), _picture(32, 32, seed=1)
    motion = motion_of(np.random.default_rng(2).normal(0, 2, (16, 16, 2)).astype(np.float32))
    moved = warp_pixels((first, Pixels(first.luma, second.chroma, 1.0)), motion)
    assert moved[0].luma is moved[1].luma
    np.testing.assert_array_equal(moved[1].chroma, warp_pixels((second,), motion)[0].chroma)


@needs_kernels
@pytest.mark.parametrize("most", Instructions)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("reach", [0.01, 0.3, 4.0, 60.0])
def test_the_kernels_equal_numpy(
    dtype: type, reach: float, most: Instructions, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    large = _picture(80, 112, dtype)
    cut = Pixels(large.luma[16:64, 16:80], large.chroma[8:32, 8:40], large.scale)
    flow = rng.normal(0.4, reach, (24, 32, 2)).astype(np.float32)
    flow[0, 0] = (1e30, -1e30)
    motion = motion_of(flow)
    features = rng.integers(0, 256, (12, 16, 32)).astype(np.uint8)
    with kernels().limited(most):
        (fast,), fast_features = warp_pixels((cut,), motion), warp_features(features, motion)
    monkeypatch.setattr(warp, "available", lambda: False)
    np.testing.assert_array_equal(motion_of(flow), motion)
    (slow,), slow_features = warp_pixels((cut,), motion), warp_features(features, motion)
    np.testing.assert_array_equal(fast.luma, slow.luma)
    np.testing.assert_array_equal(fast.chroma, slow.chroma)
    np.testing.assert_array_equal(fast_features, slow_features)
