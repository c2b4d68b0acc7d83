"""Changes of depth, channels and family on the way to the encoder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_adapters.media.convert import Converter, Scale, change_depth, is_exact
from host_adapters.media.formats import layout_of, unpack
from vdiff_plugin.errors import UnsupportedMediaError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat, Plane

GREY8 = PixelFormat(family="gray")


def grey(bits: int) -> PixelFormat:
    return PixelFormat(family="gray", bits=bits)


def clip(form: PixelFormat, *, full_range: bool = False) -> ClipInfo:
    return ClipInfo(width=4, height=2, format=form, full_range=full_range)


@given(st.integers(8, 16), st.integers(8, 16), st.sampled_from(["shift", "stretch", "centre"]))
def test_deeper_and_back_is_the_same(low: int, high: int, scale: Scale) -> None:
    low, high = sorted((low, high))
    codes = np.arange(1 << low)[None, :]
    plane: Plane = codes.astype(np.uint8) if low == 8 else codes.astype(np.uint16)
    deep = change_depth(plane, grey(low), grey(high), scale)
    assert deep.dtype == grey(high).dtype
    back = change_depth(deep, grey(high), grey(low), scale)
    assert (back == plane).all()


def test_limited_range_is_shifted_and_full_range_stretched() -> None:
    plane = np.array([[0, 16, 128, 235, 255]], np.uint8)
    assert change_depth(plane, GREY8, grey(10)).tolist() == [[0, 64, 512, 940, 1020]]
    assert change_depth(plane, GREY8, grey(16), "stretch").tolist() == [
        [0, 16 * 257, 128 * 257, 235 * 257, 65535]
    ]
    assert change_depth(plane, GREY8, grey(10), "centre").tolist() == [[0, 63, 512, 941, 1021]]


def test_shallower_is_rounded_to_the_nearest_and_never_wraps() -> None:
    plane = np.array([[0, 1, 2, 5, 6, 1023]], np.uint16)
    assert change_depth(plane, grey(10), GREY8).tolist() == [[0, 0, 1, 1, 2, 255]]


def test_dither_keeps_the_mean_and_whole_codes() -> None:
    for code in (400, 401, 402, 403):
        plane = np.full((16, 24), code, np.uint16)
        spread = change_depth(plane, grey(10), GREY8, dither=True)
        assert spread.mean() == code / 4
        assert set(spread.ravel()) <= {100, 101}
    deep = change_depth(np.full((8, 8), 7, np.uint8), GREY8, grey(10), dither=True)
    assert set(deep.ravel()) == {28}


def test_neutral_chroma_and_opaque_alpha() -> None:
    frame = Frame((np.arange(8, dtype=np.uint16).reshape(2, 4) * 100,))
    picture = Converter(clip(grey(10)), layout_of("yuva420p10le")).picture(frame)
    luma, u, v, alpha = unpack(picture, layout_of("yuva420p10le"))
    assert (luma == frame.planes[0]).all()
    assert set(u.ravel()) | set(v.ravel()) == {512}
    assert set(alpha.ravel()) == {1023}


def test_full_range_scales_luma_and_keeps_neutral_chroma_neutral() -> None:
    form = PixelFormat(family="yuv", log2_w=1, log2_h=1)
    planes = (np.full((2, 4), 255, np.uint8), *(np.full((1, 2), 128, np.uint8),) * 2)
    layout = layout_of("yuv420p10le")
    picture = Converter(clip(form, full_range=True), layout).picture(Frame(planes))
    luma, u, v = unpack(picture, layout)
    assert set(luma.ravel()) == {1023}
    assert set(u.ravel()) | set(v.ravel()) == {512}


def test_alpha_is_scaled_whatever_the_range() -> None:
    form = PixelFormat(family="gray", alpha=True)
    frame = Frame((np.full((2, 4), 235, np.uint8), np.full((2, 4), 255, np.uint8)))
    layout = layout_of("ya16le")
    luma, alpha = unpack(Converter(clip(form), layout).picture(frame), layout)
    assert set(luma.ravel()) == {235 << 8}
    assert set(alpha.ravel()) == {65535}


def test_what_libav_has_no_planes_for_is_not_resampled() -> None:
    odd = PixelFormat(family="yuv", bits=14, alpha=True)
    with pytest.raises(UnsupportedMediaError, match="leave --pix-fmt out"):
        Converter(clip(odd), layout_of("gbrp16le"))


@pytest.mark.parametrize(
    ("source", "target", "exact"),
    [
        ("yuv420p", "yuv420p10le", True),
        ("yuv420p10le", "yuv420p", False),
        ("yuv420p", "yuv422p", False),
        ("gray", "yuv420p", True),
        ("yuv420p", "gray", False),
        ("yuva420p", "yuv420p", False),
        ("yuv420p", "yuva420p", True),
        ("rgb24", "gbrp", True),
        ("rgb24", "yuv444p", False),
    ],
)
def test_which_changes_can_be_undone(source: str, target: str, exact: bool) -> None:
    assert is_exact(layout_of(source).format, layout_of(target).format) is exact
