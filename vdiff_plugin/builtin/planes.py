"""Between native planes and network pixels, and the network's change back again.

The network works on 4:2:0 in 8-bit code values. 4:2:0 goes in as it is; other layouts
lend it an averaged chroma and RGB a Y'CbCr view. Only the network's change comes back,
so that whatever it does not touch stays as it was, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.matrix import from_rgb, luma_codes, mix, to_rgb, units
from vdiff_plugin.contracts import Change, Pixels
from vdiff_plugin.frame import ClipInfo, Frame, Plane

_FINE_BITS = 12  # deeper samples reach the network in 1/16 codes; its sums stay exact
_FINE = 1 << (_FINE_BITS - 8)
_NEUTRAL = 128  # code of no colour

# Bayer's 8x8 threshold matrix, B. E. Bayer, ICC 1973, as offsets in -0.5..0.5.
_BAYER = np.array([[0, 2], [3, 1]])
for _ in range(2):
    _BAYER = np.block([[4 * _BAYER, 4 * _BAYER + 2], [4 * _BAYER + 3, 4 * _BAYER + 1]])
_DITHER = ((_BAYER + 0.5) / 64 - 0.5).astype(np.float32)


def to_pixels(frame: Frame, clip: ClipInfo, stride: int) -> Pixels:
    """Network pixels of a frame, padded at right and bottom to multiples of `stride`."""
    height, width = (-(-size // stride) * stride for size in (clip.height, clip.width))
    luma, chroma, scale = _samples(frame, clip)
    chroma = _padded(_halved_chroma(chroma, clip), height // 2, width // 2)
    return Pixels(_padded(luma, height, width), chroma, scale)


def apply_change(
    frame: Frame, change: Change, *, clip: ClipInfo, out: ClipInfo, strength: float, dither: bool
) -> Frame:
    """Add `strength` times the network's change to the native planes.

    Args:
        frame: as decoded.
        change: for the padded picture.
        clip: of `frame`.
        out: the same picture in the same or a deeper format.
        strength: 0..1.
        dither: spread the rounding to 8 bits over a fixed pattern.
    """
    changes = _native_changes(change, clip)
    unit = np.float32(strength * _code_unit(out))
    deep = deepened(frame, clip, out).planes
    colour = [
        _added(plane, part, unit, out, dither) for plane, part in zip(deep, changes, strict=False)
    ]
    return Frame((*colour, *deep[len(colour) :]))


def deepened(frame: Frame, clip: ClipInfo, out: ClipInfo) -> Frame:
    """The same picture in the deeper samples of `out`; alpha has full range always."""
    if clip.format.bits == out.format.bits:
        return frame
    colours = clip.format.colour_planes
    return Frame(
        tuple(
            _stretched(plane, clip, out)
            if clip.full_range or index >= colours
            else plane.astype(np.uint16) << (out.format.bits - clip.format.bits)
            for index, plane in enumerate(frame.planes)
        )
    )


def deeper_clip(clip: ClipInfo, depth: int) -> ClipInfo:
    """`clip` with samples of `depth` bits."""
    return replace(clip, format=replace(clip.format, bits=depth))


def _samples(frame: Frame, clip: ClipInfo) -> tuple[NDArray[Any], Sequence[NDArray[Any]], float]:
    """Luma, two chroma planes (or none for grey) and codes a sample unit."""
    planes, form = frame.planes, clip.format
    if form.family == "rgb":
        luma, *chroma = (_fine(plane * 255 + shift) for plane, shift in _ycbcr(planes, clip))
        return luma, chroma, 1 / _FINE
    colour = planes[: form.colour_planes]
    if form.is_float:
        shifts = (0.0, 127.5, 127.5)
        luma, *chroma = (
            _fine(plane * 255 + shift) for plane, shift in zip(colour, shifts, strict=False)
        )
        return luma, chroma, 1 / _FINE
    if form.bits > _FINE_BITS:
        drop = form.bits - _FINE_BITS
        luma, *chroma = (_shortened(plane, drop) for plane in colour)
        return luma, chroma, 1 / _FINE
    return colour[0], colour[1:], 1 / (1 << (form.bits - 8))


def _ycbcr(
    planes: Sequence[Plane], clip: ClipInfo
) -> list[tuple[NDArray[np.float32], float]]:
    """Y', Cb, Cr of RGB with what makes each of them a code once times 255."""
    rgb = tuple(units(plane, luma_codes(clip)) for plane in planes[:3])
    shifts = (0.0, 127.5, 127.5)
    return list(zip(mix(from_rgb(clip.matrix), rgb), shifts, strict=True))  # type: ignore[arg-type]


def _fine(codes: NDArray[np.float32]) -> NDArray[np.uint16]:
    return np.rint(np.clip(codes, 0, 255) * _FINE).astype(np.uint16)


def _shortened(plane: NDArray[Any], bits: int) -> NDArray[np.uint16]:
    top = (1 << (16 - bits)) - 1 if bits else 65535
    rounded = (plane.astype(np.uint32) + (1 << (bits - 1))) >> bits
    return np.minimum(rounded, top).astype(np.uint16)


def _halved_chroma(chroma: Sequence[NDArray[Any]], clip: ClipInfo) -> NDArray[Any]:
    """(H/2, W/2, 2) from two chroma planes of any subsampling; grey has none."""
    height, width = -(-clip.height // 2), -(-clip.width // 2)
    if not chroma:
        form = clip.format
        unit = _FINE if form.is_float or form.bits > _FINE_BITS else 1 << (form.bits - 8)
        return np.full((height, width, 2), _NEUTRAL * unit, np.uint8 if unit == 1 else np.uint16)
    return np.stack([_resampled(plane, height, width) for plane in chroma], axis=-1)


def _resampled(plane: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    rows, columns = plane.shape
    if rows > height:
        plane = _pair_means(plane)
    if columns > width:
        plane = _pair_means(plane.T).T
    elif columns < width:
        plane = np.repeat(plane, 2, axis=1)[:, :width]
    if rows < height:
        plane = np.repeat(plane, 2, axis=0)[:height]
    return plane


def _pair_means(plane: NDArray[Any]) -> NDArray[Any]:
    if plane.shape[0] % 2:
        plane = np.concatenate([plane, plane[-1:]])
    pairs = plane[0::2].astype(np.uint32) + plane[1::2] + 1
    return (pairs >> 1).astype(plane.dtype)


def _padded(plane: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    below, right = height - plane.shape[0], width - plane.shape[1]
    if not below and not right:
        return np.ascontiguousarray(plane)
    return np.pad(plane, ((0, below), (0, right), (0, 0))[: plane.ndim], mode="edge")


def _native_changes(change: Change, clip: ClipInfo) -> list[NDArray[np.float32]]:
    """The change of each colour plane, in 8-bit codes, at the plane's own size."""
    luma = change.luma[: clip.height, : clip.width]
    if clip.format.family == "gray":
        return [luma]
    chroma = [_spread(change.chroma[..., i], clip) for i in (0, 1)]
    if clip.format.family == "rgb":
        return mix(to_rgb(clip.matrix), (luma, *chroma))
    return [luma, *chroma]


def _spread(chroma: NDArray[np.float32], clip: ClipInfo) -> NDArray[np.float32]:
    """(H/2, W/2) to the size of the clip's chroma planes."""
    form = clip.format
    index = 1 if form.family == "yuv" else 0
    height, width = form.plane_shape(index, clip.width, clip.height)
    rows, columns = chroma.shape
    size = (columns * 2 >> form.log2_w, rows * 2 >> form.log2_h)
    if size != (columns, rows):
        chroma = cv2.resize(np.ascontiguousarray(chroma), size, interpolation=cv2.INTER_LINEAR)
    return chroma[:height, :width]


def _code_unit(clip: ClipInfo) -> float:
    """Sample units of one 8-bit code value."""
    if clip.format.is_float:
        return 1 / 255
    if clip.format.family == "rgb":
        return luma_codes(clip)[1] / 255
    if clip.full_range:
        return clip.format.peak / 255
    return float(1 << (clip.format.bits - 8))


def _stretched(plane: Plane, clip: ClipInfo, out: ClipInfo) -> Plane:
    peak, wider = clip.format.peak, out.format.peak
    return ((plane.astype(np.uint32) * wider + peak // 2) // peak).astype(np.uint16)


def _added(
    plane: Plane, change: NDArray[np.float32], unit: np.float32, out: ClipInfo, dither: bool
) -> Plane:
    if out.format.is_float:
        return plane + change * unit
    total = change * unit
    if dither and out.format.bits == 8:  # noqa: PLR2004
        total = total + _pattern(plane.shape) * (total != 0)
    return np.clip(np.rint(total + plane), 0, out.format.peak).astype(out.format.dtype)


def _pattern(shape: tuple[int, ...]) -> NDArray[np.float32]:
    height, width = shape
    return np.tile(_DITHER, (-(-height // 8), -(-width // 8)))[:height, :width]
