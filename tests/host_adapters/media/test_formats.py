"""Every pixel format that libav has is taken apart and put together exactly, or refused."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.video.format import names
from numpy.typing import NDArray

from host_adapters.media.formats import Layout, layout_of, pack, planar_layout, unpack
from vdiff_plugin.errors import UnsupportedMediaError
from vdiff_plugin.frame import PixelFormat, Plane


def known() -> list[str]:
    found = []
    for name in sorted(names):
        try:
            layout_of(name)
        except UnsupportedMediaError:
            continue
        found.append(name)
    return [name for name in found if name != "pal8"]


KNOWN = known()
WITHOUT_ORACLE = {"y210be", "y212be", "y216be"}  # libswscale does not read them
ROUNDED = {name for name in KNOWN if name.startswith("gbrp") and "msb" in name}  # nor exactly


def random_planes(layout: Layout, size: tuple[int, int]) -> tuple[Plane, ...]:
    form = layout.format
    rng = np.random.default_rng(sum(map(ord, layout.name)))
    return tuple(
        rng.integers(0, form.peak, form.plane_shape(n, *size), form.dtype, endpoint=True)
        for n in range(len(form.plane_names))
    )


def test_most_formats_are_known() -> None:
    assert len(KNOWN) > 150
    assert {"yuv420p", "nv12", "p010le", "rgb24", "gbrap16be", "ya16le", "yuyv422"} <= set(KNOWN)


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (2, 2), (1, 1)])
def test_what_is_put_together_is_taken_apart_again(size: tuple[int, int]) -> None:
    for name in KNOWN:
        layout = layout_of(name)
        picture = av.VideoFrame(*size, name)
        planes = random_planes(layout, size)
        pack(planes, layout, picture)
        for before, after in zip(planes, unpack(picture, layout), strict=True):
            assert before.dtype == after.dtype
            assert (before == after).all(), name


@pytest.mark.parametrize("size", [(64, 48), (62, 46)])
def test_libswscale_finds_the_same_samples(size: tuple[int, int]) -> None:
    for name in set(KNOWN) - WITHOUT_ORACLE - ROUNDED:
        layout = layout_of(name)
        planar = planar_layout(layout.format)
        assert planar is not None, name
        picture = av.VideoFrame(*size, name)
        planes = random_planes(layout, size)
        pack(planes, layout, picture)
        full = 2 if layout.jpeg else None
        plain = picture.reformat(
            format=planar.name, interpolation="POINT", src_color_range=full, dst_color_range=full
        )
        for ours, theirs in zip(planes, unpack(plain, planar), strict=True):
            assert (ours == theirs).all(), name


def test_rows_that_run_upwards() -> None:
    """AVI's bitmaps are stored bottom up; libav gives them with a negative line size."""
    rows = np.arange(4 * 48, dtype=np.uint8).reshape(4, 48)
    context = av.Codec("rawvideo", "r").create("video")
    context.width, context.height, context.pix_fmt = 16, 4, "bgr24"
    context.extradata = b"BottomUp\0"
    (picture,) = context.decode(av.Packet(rows.tobytes()))
    assert picture.planes[0].line_size < 0
    blue = unpack(picture, layout_of("bgr24"))[2]
    assert (blue == rows[::-1, 0::3]).all()


@pytest.mark.parametrize("name", ["monob", "rgb565le", "bayer_rggb8", "grayf32le", "xyz12le"])
def test_formats_that_are_refused_say_what_to_do(name: str) -> None:
    with pytest.raises(UnsupportedMediaError, match=r"not processed .* convert it first, such as"):
        layout_of(name)


def test_a_palette_is_looked_up() -> None:
    picture = av.VideoFrame(3, 2, "pal8")
    stride = picture.planes[0].line_size
    index: NDArray[np.uint8] = np.zeros((2, stride), np.uint8)
    index[:, :3] = [[0, 1, 2], [2, 1, 0]]
    picture.planes[0].update(index.tobytes())
    colours = np.zeros(256, np.uint32)
    colours[:3] = [0xFF102030, 0x80405060, 0x00708090]
    picture.planes[1].update(colours.tobytes())
    red, green, blue, alpha = unpack(picture, layout_of("pal8"))
    assert red.tolist() == [[0x10, 0x40, 0x70], [0x70, 0x40, 0x10]]
    assert green[0].tolist() == [0x20, 0x50, 0x80]
    assert blue[0].tolist() == [0x30, 0x60, 0x90]
    assert alpha[0].tolist() == [0xFF, 0x80, 0x00]


def test_planar_names() -> None:
    assert planar_layout(PixelFormat(family="rgb", bits=12, alpha=True)) == layout_of("gbrap12le")
    assert planar_layout(PixelFormat(family="gray", alpha=True)) == layout_of("ya8")
    assert planar_layout(PixelFormat(family="yuv", bits=14, alpha=True)) is None
    assert planar_layout(PixelFormat(family="gray", bits=32)) is None
