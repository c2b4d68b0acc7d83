from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.vdiff_plugin.chain import engine_with
from vdiff_plugin.builtin.change import AbsoluteChange
from vdiff_plugin.builtin.pixel_features import PixelFeatures
from vdiff_plugin.errors import FrameError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat

detect = AbsoluteChange().detect


def test_the_methods_worked_example() -> None:
    first = np.arange(1, 10, dtype=np.float32).reshape(3, 3, 1)
    np.testing.assert_array_equal(detect(first, first + 1), np.ones((3, 3), np.float32))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_bytes_are_summed_exactly_and_never_wrap(data: st.DataObject) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=3, max_dims=3, max_side=5))
    maps = [data.draw(hnp.arrays(np.uint8, shape)) for _ in range(2)]
    change = detect(*maps)
    expected = np.abs(maps[0].astype(int) - maps[1].astype(int)).sum(axis=2)
    np.testing.assert_array_equal(change, expected)
    np.testing.assert_array_equal(change, detect(*maps[::-1]))
    assert change.dtype == np.float32


@pytest.mark.parametrize(
    ("previous", "current"), [((2, 3, 1), (2, 3, 2)), ((2, 3, 1), (3, 2, 1)), ((2, 3), (2, 3))]
)
def test_maps_of_different_shapes_are_refused(
    previous: tuple[int, ...], current: tuple[int, ...]
) -> None:
    with pytest.raises(FrameError, match="cannot be compared"):
        detect(np.zeros(previous, np.uint8), np.zeros(current, np.uint8))


def test_it_is_offered_by_name() -> None:
    with engine_with() as engine:
        assert isinstance(engine.change_detector("absolute"), AbsoluteChange)
        assert isinstance(engine.extractor("pixel"), PixelFeatures)


@pytest.mark.parametrize(
    ("family", "bits", "value", "feature", "dtype"),
    [
        ("yuv", 8, 77, 77, np.uint8),
        ("gray", 10, 310, 77.5, np.float32),
        ("rgb", 16, 257, 1.00390625, np.float32),
        ("rgb", 32, 0.2, 51, np.float32),
    ],
)
def test_pixels_as_features_are_8_bit_codes(
    family: Any, bits: int, value: float, feature: float, dtype: Any
) -> None:
    form = PixelFormat(family=family, bits=bits, alpha=True)
    clip = ClipInfo(width=4, height=2, format=form)
    frame = Frame(tuple(np.full(shape, value, form.dtype) for shape in clip.plane_shapes()))
    features = PixelFeatures().extract(frame, clip)
    assert features.shape == (2, 4, 3 if family == "rgb" else 1)
    assert features.dtype == dtype
    np.testing.assert_allclose(features, feature, rtol=1e-6)
