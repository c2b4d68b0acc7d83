"""From the session's frames to the encoder's pixel format, exactly where that is possible."""

from __future__ import annotations

from typing import Literal

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation
from numpy.typing import NDArray

from host_adapters.media.colour import ColourTags
from host_adapters.media.formats import Layout, pack, planar_layout
from vdiff_plugin.errors import UnsupportedMediaError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat, Plane

Scale = Literal["shift", "stretch", "centre"]

_SWS = {
    "bt709": "ITU709",
    "bt601": "ITU601",
    "bt2020": "BT2020",
    "smpte240m": "SMPTE240M",
    "fcc": "FCC",
}
_FINEST = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)


def is_exact(source: PixelFormat, target: PixelFormat) -> bool:
    """True if every sample of `source` can be had back from `target`."""
    if source.is_float or target.bits < source.bits or (source.alpha and not target.alpha):
        return False
    if source.family == "gray" and target.family == "yuv":
        return True
    return _same_grid(source, target)


def _same_grid(source: PixelFormat, target: PixelFormat) -> bool:
    return (source.family, source.log2_w, source.log2_h) == (
        target.family,
        target.log2_w,
        target.log2_h,
    )


class Converter:
    """Turns frames of a clip into pictures of one pixel format.

    Depth is changed by shifting (limited range) or scaling (full range), rounded to the
    nearest where it shrinks; grey gets neutral chroma, a missing alpha is opaque. What
    needs resampling or a matrix goes through libswscale.

    Args:
        clip: what comes in.
        layout: what the encoder takes.
        dither: spread the rounding to 8 bits over a fixed pattern.
        full_range: make full-range YUV of RGB, as JPEG has it, instead of limited-range.
    """

    def __init__(
        self, clip: ClipInfo, layout: Layout, *, dither: bool = False, full_range: bool = False
    ) -> None:
        self.layout = layout
        self._full_range = full_range
        self._dither = dither
        self._clip = clip
        source, target = clip.format, layout.format
        grey = source.family == "gray" and target.family == "yuv"
        drops_colour = source.family == "yuv" and target.family == "gray"
        self._direct = grey or drops_colour or _same_grid(source, target)
        self._planar = None if self._direct else _planar_of(clip.format)

    def tags(self, tags: ColourTags) -> ColourTags:
        """Colour tags of what comes out."""
        family = self.layout.format.family
        if self._direct or family == self._clip.format.family:
            if family != "yuv":
                return tags
            return tags.settled(self._clip.width, self._clip.height, self._clip.matrix)
        return tags.converted(family, self._clip.matrix, full_range=self._full_range)

    def picture(self, frame: Frame, carrier: av.VideoFrame | None = None) -> av.VideoFrame:
        """One frame for the encoder; `carrier` lends its side data."""
        if self._planar is not None:
            return self._resample(frame, self._planar)
        picture = _blank(self._clip.width, self._clip.height, self.layout.name, carrier)
        pack(self._planes(frame), self.layout, picture)
        return picture

    def _planes(self, frame: Frame) -> tuple[Plane, ...]:
        source, target = self._clip.format, self.layout.format
        given = dict(zip(source.plane_names, frame.planes, strict=True))
        return tuple(self._plane(name, given.get(name)) for name in target.plane_names)

    def _plane(self, name: str, plane: Plane | None) -> Plane:
        source, target = self._clip.format, self.layout.format
        if plane is None:
            index = target.plane_names.index(name)
            shape = target.plane_shape(index, self._clip.width, self._clip.height)
            value = target.peak if name == "a" else 1 << (target.bits - 1)
            blank: Plane = np.full(shape, value, target.dtype)
            return blank
        scale: Scale = "shift"
        if name == "a" or self._clip.full_range:
            scale = "centre" if name in ("u", "v") else "stretch"
        return change_depth(plane, source, target, scale, dither=self._dither)

    def _resample(self, frame: Frame, planar: Layout) -> av.VideoFrame:
        picture = av.VideoFrame(self._clip.width, self._clip.height, planar.name)
        pack(frame.planes, planar, picture)
        matrix = _SWS.get(self._clip.matrix, "ITU709")
        ours = ColorRange.JPEG if self._clip.full_range else ColorRange.MPEG
        families = (self._clip.format.family, self.layout.format.family)
        theirs = ours
        if families[0] != families[1]:
            full = families[1] == "rgb" or self._full_range
            theirs = ColorRange.JPEG if full else ColorRange.MPEG
        return picture.reformat(
            format=self.layout.name,
            src_colorspace=matrix,
            dst_colorspace=matrix,
            src_color_range=ours,
            dst_color_range=theirs,
            interpolation=_FINEST,
        )


def change_depth(
    plane: Plane,
    source: PixelFormat,
    target: PixelFormat,
    scale: Scale = "shift",
    *,
    dither: bool = False,
) -> Plane:
    """The same samples with another number of bits, rounded where it shrinks.

    Args:
        plane: samples of `source`.
        source: what they are.
        target: what they become.
        scale: `shift` multiplies by a power of two (limited range), `stretch` maps the
            highest value to the highest, `centre` does so about the middle (full-range
            chroma, whose neutral value is 128 of 8 bits and 512 of 10).
        dither: spread what is rounded away to 8 bits over a fixed 8x8 pattern.
    """
    if source.bits == target.bits:
        return plane
    up, down = (target.peak, source.peak)
    if scale == "shift":
        up = 1 << max(0, target.bits - source.bits)
        down = 1 << max(0, source.bits - target.bits)
    low, high = (1 << (source.bits - 1), 1 << (target.bits - 1)) if scale == "centre" else (0, 0)
    half: int | NDArray[np.int64] = down // 2
    if dither and target.bits == 8 < source.bits:
        half = _pattern(plane.shape) * down // 128
    wide: NDArray[np.int64] = ((plane.astype(np.int64) - low) * up + half) // down + high
    wide = np.clip(wide, 0, target.peak)
    return wide.astype(np.uint8) if target.bits == 8 else wide.astype(np.uint16)


def _pattern(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Bayer's 8x8 pattern, odd numbers 1 to 127, over a plane."""
    bayer = np.zeros((1, 1), np.int64)
    for _ in range(3):
        bayer = np.block([[4 * bayer, 4 * bayer + 2], [4 * bayer + 3, 4 * bayer + 1]])
    height, width = shape
    tiled: NDArray[np.int64] = np.tile(2 * bayer + 1, (-(-height // 8), -(-width // 8)))
    return tiled[:height, :width]


def _planar_of(form: PixelFormat) -> Layout:
    planar = planar_layout(form)
    if planar is None:
        raise UnsupportedMediaError(
            f"{form.bits}-bit {form.family} cannot be converted; leave --pix-fmt out"
        )
    return planar


def _blank(width: int, height: int, name: str, carrier: av.VideoFrame | None) -> av.VideoFrame:
    if carrier is None:
        return av.VideoFrame(width, height, name)
    # Another size or format is scaled to, fast, for what comes along; samples are replaced.
    picture = carrier.reformat(
        width=width, height=height, format=name, interpolation=Interpolation.POINT
    )
    picture.make_writable()
    picture.pict_type = 0  # the encoder decides what is a keyframe
    return picture
