"""Pixel formats: where libav keeps each sample, and how it becomes a plane and goes back.

Planes are always separate, so packed and half-packed formats are taken apart on the way in
and put together on the way out, sample by sample, with nothing computed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import av
import numpy as np
from av.video.format import names as libav_formats
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from vdiff_plugin.errors import UnsupportedMediaError
from vdiff_plugin.frame import Family, PixelFormat, Plane

_LITTLE, _BIG = "<", ">"
_PLANAR = re.compile(
    r"(?P<family>yuva?j?|gbra?|gray)(?P<sub>4\d\d)?p?(?P<bits>\d*?)(?P<msb>msb)?(?P<end>le|be)?"
)
_SUBSAMPLING = {"444": (0, 0), "422": (1, 0), "420": (1, 1), "440": (0, 1), "411": (2, 0)} | {
    "410": (2, 2)
}

# Packed and half-packed formats: the samples' order in memory, planes separated by a space;
# x is padding. Then bits, chroma subsampling, and unused low bits of a sample.
_PACKED_8 = {
    "rgb24": "rgb",
    "bgr24": "bgr",
    "rgba": "rgba",
    "bgra": "bgra",
    "argb": "argb",
    "abgr": "abgr",
    "rgb0": "rgbx",
    "bgr0": "bgrx",
    "0rgb": "xrgb",
    "0bgr": "xbgr",
    "ya8": "ya",
    "vuya": "vuya",
    "vuyx": "vuyx",
    "uyva": "uyva",
    "ayuv": "ayuv",
    "vyu444": "vyu",
    "nv24": "y uv",
    "nv42": "y vu",
}
_PACKED_8_SUBSAMPLED = {
    "nv12": ("y uv", "420"),
    "nv21": ("y vu", "420"),
    "nv16": ("y uv", "422"),
    "yuyv422": ("yuyv", "422"),
    "yvyu422": ("yvyu", "422"),
    "uyvy422": ("uyvy", "422"),
    "uyyvyy411": ("uyyvyy", "411"),
}
_PACKED_16 = {  # order, bits, subsampling, unused low bits
    "rgb48": ("rgb", 16, "444", 0),
    "bgr48": ("bgr", 16, "444", 0),
    "rgba64": ("rgba", 16, "444", 0),
    "bgra64": ("bgra", 16, "444", 0),
    "ya16": ("ya", 16, "444", 0),
    "ayuv64": ("ayuv", 16, "444", 0),
    "nv20": ("y uv", 10, "422", 0),
    "p010": ("y uv", 10, "420", 6),
    "p012": ("y uv", 12, "420", 4),
    "p016": ("y uv", 16, "420", 0),
    "p210": ("y uv", 10, "422", 6),
    "p212": ("y uv", 12, "422", 4),
    "p216": ("y uv", 16, "422", 0),
    "p410": ("y uv", 10, "444", 6),
    "p412": ("y uv", 12, "444", 4),
    "p416": ("y uv", 16, "444", 0),
    "y210": ("yuyv", 10, "422", 6),
    "y212": ("yuyv", 12, "422", 4),
    "y216": ("yuyv", 16, "422", 0),
    "xv36": ("uyvx", 12, "444", 4),
    "xv48": ("uyvx", 16, "444", 0),
}


@dataclass(frozen=True)
class Layout:
    """Where a libav pixel format keeps its samples.

    Attributes:
        name: libav's name, such as `yuv420p10le`.
        format: what the samples are.
        planes: for each of libav's planes the components of one group in memory order,
            `("y", "uv")` for nv12; x is padding.
        shift: unused low bits below each sample.
        endian: `<` or `>`.
        jpeg: one of the old `yuvj` formats, full range by name.
    """

    name: str
    format: PixelFormat
    planes: tuple[str, ...]
    shift: int = 0
    endian: str = _LITTLE
    jpeg: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a sample in memory."""
        return np.dtype("u1") if self.format.bits == 8 else np.dtype(f"{self.endian}u2")

    @property
    def planar(self) -> bool:
        """True if each component has a plane of its own."""
        return all(len(group) == 1 for group in self.planes)


@cache
def layout_of(name: str) -> Layout:
    """The layout of libav's pixel format `name`.

    Raises:
        UnsupportedMediaError: fewer than 8 or more than 16 bits, float, Bayer, or on a GPU.
    """
    found = _planar(name) or _packed(name) or _palette(name)
    if found is None:
        raise UnsupportedMediaError(
            f"pixel format {name} is not processed (have 8 to 16-bit integer YUV, RGB and grey); "
            "convert it first, such as with: ffmpeg -i IN -pix_fmt yuv444p16le -c:v ffv1 OUT.mkv"
        )
    return found


@cache
def planar_layout(form: PixelFormat) -> Layout | None:
    """Libav's planar format for `form`, or None where it has none."""
    alpha = "a" if form.alpha else ""
    if form.family == "yuv":
        subs = {shifts: name for name, shifts in _SUBSAMPLING.items()}
        stem = f"yuv{alpha}{subs.get((form.log2_w, form.log2_h), '?')}p"
    elif form.family == "rgb":
        stem = f"gbr{alpha}p"
    else:
        stem = {"": "gray", "a": "ya"}[alpha]
    bits = "" if form.bits == 8 else f"{form.bits}le"
    name = "ya8" if stem == "ya" and form.bits == 8 else stem + bits
    return layout_of(name) if name in libav_formats and not form.is_float else None


def unpack(picture: av.VideoFrame, layout: Layout) -> tuple[Plane, ...]:
    """The samples of a decoded picture as planes of our own, in `layout.format`'s order."""
    if layout.name == "pal8":
        return _expand_palette(picture)
    form = layout.format
    found: dict[str, Plane] = {}
    for group, plane in zip(layout.planes, picture.planes, strict=True):
        for name in dict.fromkeys(group.replace("x", "")):
            shape = form.plane_shape(form.plane_names.index(name), picture.width, picture.height)
            memory = _memory(plane, layout, group, name, shape)
            found[name] = _gather(memory, group, name, shape, layout)
    return tuple(found[name] for name in form.plane_names)


def pack(planes: tuple[Plane, ...], layout: Layout, picture: av.VideoFrame) -> None:
    """Write planes of `layout.format` into a picture of that layout."""
    form = layout.format
    given = dict(zip(form.plane_names, planes, strict=True))
    for group, plane in zip(layout.planes, picture.planes, strict=True):
        for name in dict.fromkeys(group):
            source = given.get(name)
            if source is None:  # padding reads as opaque, should anybody take it for alpha
                source = np.full((picture.height, picture.width), form.peak, form.dtype)
            _scatter(source, _memory(plane, layout, group, name, source.shape), group, name, layout)


def _gather(
    memory: NDArray[Any], group: str, name: str, shape: tuple[int, int], layout: Layout
) -> Plane:
    places = [at for at, letter in enumerate(group) if letter == name]
    plane: Plane = np.empty(shape, layout.format.dtype)
    for k, at in enumerate(places):
        column = plane[:, k :: len(places)]
        samples = memory[:, at :: len(group)][:, : column.shape[1]]
        if layout.shift:
            np.right_shift(samples, layout.shift, out=column, casting="unsafe")
        else:
            column[...] = samples
    return plane


def _scatter(plane: Plane, memory: NDArray[Any], group: str, name: str, layout: Layout) -> None:
    places = [at for at, letter in enumerate(group) if letter == name]
    for k, at in enumerate(places):
        column = plane[:, k :: len(places)]
        samples = memory[:, at :: len(group)][:, : column.shape[1]]
        samples[...] = np.left_shift(column, layout.shift) if layout.shift else column


def _memory(
    plane: VideoPlane, layout: Layout, group: str, name: str, shape: tuple[int, int]
) -> NDArray[Any]:
    """The memory of a plane that holds component `name`: (rows, samples), top row first."""
    height, width = shape
    samples = -(-width // group.count(name)) * len(group)
    stride = abs(plane.line_size)
    rows: NDArray[Any] = np.ndarray(
        (height, samples), layout.dtype, plane, strides=(stride, layout.dtype.itemsize)
    )
    return rows[::-1] if plane.line_size < 0 else rows


def _expand_palette(picture: av.VideoFrame) -> tuple[Plane, ...]:
    """Red, green, blue and alpha of a paletted picture, exactly as the palette has them."""
    index, palette = picture.planes
    colours = np.frombuffer(palette, "u4")
    rows = np.ndarray(
        (picture.height, picture.width), np.uint8, index, strides=(abs(index.line_size), 1)
    )
    rows = rows[::-1] if index.line_size < 0 else rows
    channels = (((colours >> shift) & 255).astype(np.uint8) for shift in (16, 8, 0, 24))
    return tuple(channel[rows] for channel in channels)


def _planar(name: str) -> Layout | None:
    match = _PLANAR.fullmatch(name)
    if match is None or name not in libav_formats:
        return None
    letters, bits = match["family"], int(match["bits"] or 8)
    if bits > 16:
        return None
    family = _family(letters)
    alpha = letters.rstrip("j").endswith("a")
    log2_w, log2_h = _SUBSAMPLING[match["sub"] or "444"]
    form = PixelFormat(family=family, bits=bits, log2_w=log2_w, log2_h=log2_h, alpha=alpha)
    order = {"yuv": "yuv", "rgb": "gbr", "gray": "y"}[family] + "a" * alpha
    return Layout(
        name,
        form,
        tuple(order),
        shift=16 - bits if match["msb"] else 0,
        endian=_BIG if match["end"] == "be" else _LITTLE,
        jpeg=letters.endswith("j"),
    )


def _family(letters: str) -> Family:
    if letters.startswith("yuv"):
        return "yuv"
    return "rgb" if letters.startswith("gbr") else "gray"


def _packed(name: str) -> Layout | None:
    if name in _PACKED_8:
        return _of_order(name, _PACKED_8[name], 8, "444")
    if name in _PACKED_8_SUBSAMPLED:
        order, sub = _PACKED_8_SUBSAMPLED[name]
        return _of_order(name, order, 8, sub)
    stem, end = name[:-2], name[-2:]
    if stem in _PACKED_16 and end in ("le", "be"):
        order, bits, sub, shift = _PACKED_16[stem]
        return _of_order(name, order, bits, sub, shift, _BIG if end == "be" else _LITTLE)
    return None


def _of_order(
    name: str, order: str, bits: int, sub: str, shift: int = 0, endian: str = _LITTLE
) -> Layout:
    family: Family = "rgb" if "r" in order else "yuv" if "u" in order else "gray"
    log2_w, log2_h = _SUBSAMPLING[sub]
    form = PixelFormat(family=family, bits=bits, log2_w=log2_w, log2_h=log2_h, alpha="a" in order)
    return Layout(name, form, tuple(order.split()), shift=shift, endian=endian)


def _palette(name: str) -> Layout | None:
    if name != "pal8":
        return None
    return Layout(name, PixelFormat(family="rgb", alpha=True), ("i", "p"))
