from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vdiff_plugin.builtin.matrix import even_from_rgb, from_rgb, rgb_of, to_rgb
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat

MATRICES = ["bt709", "bt601", "bt2020", "smpte240m", "fcc", "ycgco"]


@pytest.mark.parametrize("matrix", MATRICES)
def test_a_matrix_and_its_inverse_keep_white_grey_and_range(matrix: Any) -> None:
    forward = from_rgb(matrix)
    np.testing.assert_allclose(forward @ to_rgb(matrix), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(forward @ [1, 1, 1], [1, 0, 0], atol=1e-12)
    corners = forward @ np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1)
    np.testing.assert_allclose(corners.max(axis=1), [1, 0.5, 0.5], atol=1e-12)
    np.testing.assert_allclose(corners.min(axis=1), [0, -0.5, -0.5], atol=1e-12)


def planes(bits: int, *codes: int) -> Frame:
    dtype = PixelFormat(family="gray", bits=bits).dtype
    return Frame(tuple(np.full((2, 2), code, dtype) for code in codes))


@pytest.mark.parametrize(
    ("matrix", "full_range", "codes", "rgb"),
    [
        # Known code values of pure red and green, 8 bit.
        ("bt601", False, (81, 90, 240), (1, 0, 0)),
        ("bt709", False, (63, 102, 240), (1, 0, 0)),
        ("bt601", True, (150, 44, 21), (0, 1, 0)),
        ("bt709", False, (235, 128, 128), (1, 1, 1)),
        ("bt709", False, (16, 128, 128), (0, 0, 0)),
    ],
)
def test_colours_of_the_standards(
    matrix: Any, full_range: bool, codes: tuple[int, ...], rgb: tuple[int, ...]
) -> None:
    form = PixelFormat(family="yuv")
    clip = ClipInfo(width=2, height=2, format=form, matrix=matrix, full_range=full_range)
    picture = rgb_of(planes(8, *codes), clip)
    assert picture.shape == (2, 2, 3)
    np.testing.assert_allclose(picture[0, 0], rgb, atol=0.006)


def test_rgb_and_grey_need_no_matrix() -> None:
    rgb = ClipInfo(width=2, height=2, format=PixelFormat(family="rgb", alpha=True), full_range=True)
    np.testing.assert_allclose(rgb_of(planes(8, 255, 51, 0, 9), rgb)[1, 1], [1, 0.2, 0])
    gray = ClipInfo(width=2, height=2, format=PixelFormat(family="gray", bits=10))
    np.testing.assert_allclose(rgb_of(planes(10, 502), gray)[1, 1], [0.5] * 3)


@pytest.mark.parametrize(("log2_w", "log2_h"), [(1, 1), (1, 0), (2, 0), (2, 2)])
def test_subsampled_chroma_covers_odd_sizes(log2_w: int, log2_h: int) -> None:
    form = PixelFormat(family="yuv", bits=32, log2_w=log2_w, log2_h=log2_h)
    clip = ClipInfo(width=7, height=5, format=form)
    shapes = clip.plane_shapes()
    column = (np.arange(shapes[1][1]) / 100).astype(np.float32)
    blue = np.tile(column, (shapes[1][0], 1))
    zero = np.zeros(shapes[1], np.float32)
    picture = rgb_of(Frame((np.zeros(shapes[0], np.float32), blue, zero)), clip)
    expected = column[np.arange(7) >> log2_w] * np.float32(2 * (1 - 0.0722))
    np.testing.assert_allclose(picture[4, :, 2], expected, rtol=1e-6)


def test_the_even_mix_has_the_least_white_noise() -> None:
    even = even_from_rgb()
    np.testing.assert_allclose(even @ [1, 1, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(even[0], [1 / 3] * 3)
    assert all(np.linalg.norm(even[0]) < np.linalg.norm(from_rgb(each)[0]) for each in MATRICES[:5])  # type: ignore[arg-type]
