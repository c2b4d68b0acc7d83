"""The change map as pictures: grey by itself, and as heat over the frame."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.analysis.watch import Moment
from vdiff_plugin.builtin.levels import eight_bit
from vdiff_plugin.builtin.matrix import chroma_codes, from_rgb, luma_codes, mix
from vdiff_plugin.builtin.planes import to_pixels
from vdiff_plugin.contracts import Pixels
from vdiff_plugin.frame import ClipInfo, Frame, Matrix, PixelFormat

USUAL_GAIN = 4.0  # a mean difference of 64 code values a channel is as bright as can be
_STRONGEST = 0.85  # share of heat where it is hottest: the picture stays visible
_BOX = 235  # luma of boxes


def mask_clip(source: ClipInfo) -> ClipInfo:
    """8-bit full-range grey of the source's size."""
    grey = PixelFormat(family="gray")
    return replace(source, format=grey, full_range=True, chroma_location="left")


def overlay_clip(source: ClipInfo) -> ClipInfo:
    """8-bit 4:2:0 of the source's size and colours; RGB is written as limited range."""
    full = source.full_range and source.format.family != "rgb" and not source.format.is_float
    form = PixelFormat(family="yuv", log2_w=1, log2_h=1)
    return replace(source, format=form, full_range=full, chroma_location="left")


def mask(moment: Moment, stride: int, clip: ClipInfo, gain: float = USUAL_GAIN) -> Frame:
    """The map's mean over channels times `gain`, at most 255; black is unchanged.

    Args:
        moment: whose map.
        stride: pixels a position of the map.
        clip: size of the picture.
        gain: code values a code value of change.
    """
    codes = np.minimum(moment.seen.change * np.float32(gain / moment.seen.channels), 255)
    large = np.rint(codes).astype(np.uint8).repeat(stride, axis=0).repeat(stride, axis=1)
    return Frame((np.ascontiguousarray(large[: clip.height, : clip.width]),))


def overlay(moment: Moment, heat: Frame, clip: ClipInfo) -> Frame:
    """The frame with its heat over it, and boxes around what moves; a frame of `overlay_clip`.

    Args:
        moment: the frame and its regions.
        heat: its `mask`.
        clip: the source.
    """
    out = overlay_clip(clip)
    planes = [plane.astype(np.float32) for plane in _view(moment.seen.frame, clip, out)]
    share = _heat_share(heat.planes[0])
    colours = _palette(clip.matrix, out)[heat.planes[0]]
    mixed = []
    for index, plane in enumerate(planes):
        weight, colour = (_sized(each, plane.shape) for each in (share, colours[..., index]))
        mixed.append(np.rint(plane + weight * (colour - plane)).astype(np.uint8))
    for region in moment.regions:
        far = (region.x + region.width - 1, region.y + region.height - 1)
        cv2.rectangle(mixed[0], (region.x, region.y), far, _BOX, 1)
    return Frame(tuple(mixed))


def _view(frame: Frame, clip: ClipInfo, out: ClipInfo) -> tuple[NDArray[np.uint8], ...]:
    """Y, Cb and Cr in 8 bits, 4:2:0: as the network sees the frame."""
    pixels = to_pixels(frame, clip, 2)[0]
    chroma = np.rint(pixels.chroma * np.float32(pixels.scale)).astype(np.uint8)
    planes = (_ranged(pixels, clip, out), chroma[..., 0], chroma[..., 1])
    shapes = out.plane_shapes()
    return tuple(plane[:h, :w] for plane, (h, w) in zip(planes, shapes, strict=True))


def _ranged(pixels: Pixels, clip: ClipInfo, out: ClipInfo) -> NDArray[np.uint8]:
    """Luma in the range of `out`: the network sees RGB and floats as full range."""
    codes = eight_bit(pixels)
    if out.full_range or (clip.format.family != "rgb" and not clip.format.is_float):
        return codes
    return np.rint(16 + codes * np.float32(219 / 255)).astype(np.uint8)


def _heat_share(codes: NDArray[np.generic]) -> NDArray[np.float32]:
    """How much heat covers a pixel: rises quickly, so that small changes show."""
    return np.sqrt(codes.astype(np.float32) / 255) * np.float32(_STRONGEST)


def _sized(values: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    if values.shape == shape:
        return values
    small = cv2.resize(values, shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).reshape(shape)


@cache
def _palette(matrix: Matrix, out: ClipInfo) -> NDArray[np.float32]:
    """(256, 3) Y, Cb and Cr codes: from black through red to yellow."""
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    colours = np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO), np.float32)[:, 0] / 255
    blue, green, red = (colours[:, index].astype(np.float32) for index in range(3))
    y, cb, cr = mix(from_rgb(matrix), (red, green, blue))
    (black, white), (grey, span) = luma_codes(out), chroma_codes(out)
    return np.stack([black + y * white, grey + cb * span, grey + cr * span], -1).astype(np.float32)
