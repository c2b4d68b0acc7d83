"""Marks tell equal blocks from unequal ones, with and without the kernels."""

from __future__ import annotations

import numpy as np
import pytest

from vdiff_plugin.builtin import marks
from vdiff_plugin.builtin.marks import pixel_marks, stirred
from vdiff_plugin.contracts import Pixels
from vdiff_plugin.native.library import available


@pytest.fixture(params=["native", "hashes"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "hashes":
        monkeypatch.setattr(marks, "available", lambda: False)
    elif not available():
        pytest.skip("the native kernels are not built")


def _pixels(dtype: type, seed: int = 0) -> list[Pixels]:
    rng = np.random.default_rng(seed)
    luma = rng.integers(0, 256, (64, 48)).astype(dtype)
    return [Pixels(luma, rng.integers(0, 256, (32, 24, 2)).astype(dtype), 1.0) for _ in range(2)]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_one_sample_changes_one_mark(dtype: type) -> None:
    before = pixel_marks(_pixels(dtype))
    assert len(set(before.ravel().tolist())) == before.size == 12
    np.testing.assert_array_equal(pixel_marks(_pixels(dtype)), before)
    for y, x in ((0, 0), (17, 15), (63, 47)):
        touched = _pixels(dtype)
        touched[0].luma[y, x] ^= 1
        assert np.argwhere(pixel_marks(touched) != before).tolist() == [[y // 16, x // 16]]
        touched = _pixels(dtype)
        touched[1].chroma[y // 2, x // 2, 1] ^= 1  # of the second phase
        assert np.argwhere(pixel_marks(touched) != before).tolist() == [[y // 16, x // 16]]


def test_features_are_stirred_in() -> None:
    start = pixel_marks(_pixels(np.uint8))
    features = np.random.default_rng(1).integers(0, 256, (16, 12, 16)).astype(np.uint8)
    before = stirred(start, features)
    assert (before != start).all()
    features[5, 9, 3] ^= 128
    assert np.argwhere(stirred(start, features) != before).tolist() == [[1, 2]]


def test_equal_blocks_at_other_places_are_equal() -> None:
    tile = np.random.default_rng(2).integers(0, 256, (16, 16)).astype(np.uint8)
    pixels = Pixels(np.tile(tile, (2, 3)), np.full((16, 24, 2), 128, np.uint8), 1.0)
    assert len(set(pixel_marks([pixels]).ravel().tolist())) == 1
