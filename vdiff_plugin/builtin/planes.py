"""Between native planes and network pixels, and the network's change back again.

The network works on 4:2:0 in 8-bit code values. 4:2:0 goes in as it is. Fuller chroma
goes in phase by phase: 4:4:4 is four 4:2:0 pictures that share a luma plane, 4:2:2 is
two, so that all of its noise is seen. RGB lends a Y'CbCr view, by its matrix or with evenly mixed
luma, grey a neutral chroma.
Only the network's change comes back, so that whatever it does not touch stays as it
was, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.borders import keep_borders
from vdiff_plugin.builtin.clipping import unclipped
from vdiff_plugin.builtin.full_chroma import interleaved
from vdiff_plugin.builtin.matrix import even_from_rgb, from_rgb, luma_codes, mix, to_rgb, units
from vdiff_plugin.contracts import Change, Pixels
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat, Plane
from vdiff_plugin.native.library import available, kernels

_FINE_BITS = 12  # deeper samples reach the network in 1/16 codes; its sums stay exact
_FINE = 1 << (_FINE_BITS - 8)
_NEUTRAL = 128  # code of no colour

# Bayer's 8x8 threshold matrix, B. E. Bayer, ICC 1973, as offsets in -0.5..0.5.
_BAYER = np.array([[0, 2], [3, 1]])
for _ in range(2):
    _BAYER = np.block([[4 * _BAYER, 4 * _BAYER + 2], [4 * _BAYER + 3, 4 * _BAYER + 1]])
_DITHER = ((_BAYER + 0.5) / 64 - 0.5).astype(np.float32)


def chroma_phases(clip: ClipInfo) -> tuple[tuple[int, int], ...]:
    """(row, column) offsets of the 4:2:0 pictures that make up a frame of `clip`."""
    form = clip.format
    if form.family == "gray":
        return ((0, 0),)
    rows, columns = (2 if log2 == 0 else 1 for log2 in (form.log2_h, form.log2_w))
    return tuple((row, column) for row in range(rows) for column in range(columns))


def noise_shares(*, even: bool) -> tuple[float, float]:
    """How much of white noise of the samples luma and chroma have, in the even view or not."""
    luma, chroma, _ = np.linalg.norm(even_from_rgb(), axis=1) if even else (1.0, 1.0, 1.0)
    return float(luma), float(chroma)


def padded_shape(clip: ClipInfo, stride: int) -> tuple[int, int]:
    """(H, W) of the network pixels of a clip, multiples of `stride`."""
    return -(-clip.height // stride) * stride, -(-clip.width // stride) * stride


def to_pixels(
    frame: Frame, clip: ClipInfo, stride: int, *, even: bool = False
) -> tuple[Pixels, ...]:
    """Network pixels of a frame, a phase each, padded to multiples of `stride`.

    The phases share one luma array. `even` asks for the even view of RGB.
    """
    height, width = padded_shape(clip, stride)
    luma, chroma, scale = _samples(frame, clip, even=even)
    luma = _padded(luma, height, width)
    return tuple(
        Pixels(luma, _padded(_phase(chroma, clip, phase), height // 2, width // 2), scale)
        for phase in chroma_phases(clip)
    )


def colour_kept(change: Change, pixels: Pixels) -> Change:
    """`change` without colour where `pixels` have none: black and white stays that.

    A chroma plane of one single value was never noisy. Judged by whole pictures, so tiles
    agree.
    """
    plain = [_is_plain(pixels.chroma[..., index]) for index in (0, 1)]
    if not any(plain):
        return change
    return Change(change.luma, np.where(plain, np.float32(0), change.chroma))


def _is_plain(plane: NDArray[Any]) -> bool:
    """Whether all samples are equal; most planes differ in the first row."""
    rows = (plane[:1], plane[1:])
    return all(bool((part == plane[0, 0]).all()) for part in rows)


def apply_change(
    frame: Frame,
    changes: Sequence[Change],
    *,
    clip: ClipInfo,
    out: ClipInfo,
    strength: float,
    dither: bool,
    noise: tuple[float, float] = (0.0, 0.0),
    even: bool = False,
) -> Frame:
    """Add `strength` times the network's change to the native planes.

    Where noise was cut off at the ends of the samples' range, the change is corrected for it.
    Borders of one colour stay as they are.

    Args:
        frame: as decoded.
        changes: for the padded picture, one a phase; luma gets their mean.
        clip: of `frame`.
        out: the same picture in the same or a deeper format.
        strength: 0..1.
        dither: spread the rounding to 8 bits over a fixed pattern.
        noise: of luma and chroma, in codes.
        even: whether the changes are for the even view of RGB.
    """
    parts = _native_changes(changes, clip, even=even)
    unit = np.float32(strength * code_unit(out))
    deep = deepened(frame, clip, out).planes
    colour = [
        _added(plane, part, unit, out, dither) for plane, part in zip(deep, parts, strict=False)
    ]
    if not clip.format.is_float:
        peak, code = clip.format.peak, code_unit(clip)
        for index, sigma in enumerate(_plane_noise(noise, clip, even=even)):
            for rows, part in unclipped(
                frame.planes[index], parts[index], sigma, peak=peak, unit=code
            ):
                colour[index][rows] = _added(deep[index][rows], part, unit, out, dither)
    for plane, source, shown in zip(colour, frame.planes, deep, strict=False):
        keep_borders(plane, source, shown)
    return Frame((*colour, *deep[len(colour) :]))


def deepened(frame: Frame, clip: ClipInfo, out: ClipInfo) -> Frame:
    """The same picture in the deeper samples of `out`; alpha has full range always."""
    if clip.format.bits == out.format.bits:
        return frame
    form, colours = clip.format, clip.format.colour_planes
    return Frame(
        tuple(
            _stretched(plane, clip, out, middle=form.family == "yuv" and 0 < index < colours)
            if clip.full_range or index >= colours
            else _shifted(plane, clip, out)
            for index, plane in enumerate(frame.planes)
        )
    )


def deeper_clip(clip: ClipInfo, depth: int) -> ClipInfo:
    """`clip` with samples of `depth` bits."""
    return replace(clip, format=replace(clip.format, bits=depth))


def _samples(
    frame: Frame, clip: ClipInfo, *, even: bool
) -> tuple[NDArray[Any], Sequence[NDArray[Any]], float]:
    """Luma, two chroma planes (or none for grey) and codes a sample unit."""
    planes, form = frame.planes, clip.format
    if form.family == "rgb":
        luma, *chroma = (
            _fine(plane * 255 + shift) for plane, shift in _ycbcr(planes, clip, even=even)
        )
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
    planes: Sequence[Plane], clip: ClipInfo, *, even: bool
) -> list[tuple[NDArray[np.float32], float]]:
    """Y', Cb, Cr of RGB with what makes each of them a code once times 255."""
    rgb = tuple(units(plane, luma_codes(clip)) for plane in planes[:3])
    shifts = (0.0, 127.5, 127.5)
    forward = even_from_rgb() if even else from_rgb(clip.matrix)
    return list(zip(mix(forward, rgb), shifts, strict=True))


def _fine(codes: NDArray[np.float32]) -> NDArray[np.uint16]:
    return np.rint(np.clip(codes, 0, 255) * _FINE).astype(np.uint16)


def _shortened(plane: NDArray[Any], bits: int) -> NDArray[np.uint16]:
    top = (1 << (16 - bits)) - 1 if bits else 65535
    rounded = (plane.astype(np.uint32) + (1 << (bits - 1))) >> bits
    return np.asarray(np.minimum(rounded, top), np.uint16)


def _phase(chroma: Sequence[NDArray[Any]], clip: ClipInfo, phase: tuple[int, int]) -> NDArray[Any]:
    """(H/2, W/2, 2): one 4:2:0 picture's chroma; neutral for grey."""
    height, width = -(-clip.height // 2), -(-clip.width // 2)
    form = clip.format
    if not chroma:
        unit = _FINE if form.is_float or form.bits > _FINE_BITS else 1 << (form.bits - 8)
        return np.full((height, width, 2), _NEUTRAL * unit, np.uint8 if unit == 1 else np.uint16)
    parts = [_subsampled(plane, form, phase, height, width) for plane in chroma]
    return np.stack(parts, axis=-1)


def _subsampled(
    plane: NDArray[Any], form: PixelFormat, phase: tuple[int, int], height: int, width: int
) -> NDArray[Any]:
    for axis, (log2, size) in enumerate(((form.log2_h, height), (form.log2_w, width))):
        if log2 == 0:
            start = min(phase[axis], plane.shape[axis] - 1)
            plane = plane[start::2] if axis == 0 else plane[:, start::2]
        elif log2 == 2:
            plane = np.repeat(plane, 2, axis=axis)
        plane = plane[:size] if axis == 0 else plane[:, :size]
        missing = size - plane.shape[axis]  # odd sizes: the second phase has one less
        if missing:
            pads = [(0, 0), (0, 0)]
            pads[axis] = (0, missing)
            plane = np.pad(plane, pads, mode="edge")
    return plane


def _padded(plane: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    below, right = height - plane.shape[0], width - plane.shape[1]
    if not below and not right:
        return np.ascontiguousarray(plane)
    return np.pad(plane, ((0, below), (0, right), (0, 0))[: plane.ndim], mode="edge")


def _native_changes(
    changes: Sequence[Change], clip: ClipInfo, *, even: bool
) -> list[NDArray[np.float32]]:
    """The change of each colour plane, in 8-bit codes, at the plane's own size."""
    luma = _mean_luma(changes)[: clip.height, : clip.width]
    if clip.format.family == "gray":
        return [luma]
    chroma = [_joined([each.chroma[..., i] for each in changes], clip) for i in (0, 1)]
    if clip.format.family == "rgb":
        back = np.linalg.inv(even_from_rgb()) if even else to_rgb(clip.matrix)
        return mix(back, (luma, *chroma))
    return [luma, *chroma]


def _mean_luma(changes: Sequence[Change]) -> NDArray[np.float32]:
    """Of all phases, which saw the same luma beside other chroma: nearer to the truth than one."""
    if len(changes) == 1:
        return changes[0].luma
    total = changes[0].luma + changes[1].luma
    for each in changes[2:]:
        total += each.luma
    total *= np.float32(1 / len(changes))
    return total


def _plane_noise(noise: tuple[float, float], clip: ClipInfo, *, even: bool) -> list[float]:
    """Deviation of the noise of each colour plane, in codes, from that of luma and chroma."""
    luma, chroma = noise
    if clip.format.family != "rgb":
        return [luma, chroma, chroma][: clip.format.colour_planes]
    if even:
        return [luma / noise_shares(even=True)[0]] * 3
    parts = np.array([luma, chroma, chroma])
    return [float(each) for each in np.sqrt(np.square(to_rgb(clip.matrix)) @ np.square(parts))]


def _joined(phases: Sequence[NDArray[np.float32]], clip: ClipInfo) -> NDArray[np.float32]:
    """Changes of all phases, (H/2, W/2) each, as one plane of the clip's chroma size."""
    form = clip.format
    offsets = chroma_phases(clip)
    if len(offsets) == 1 and form.log2_w == form.log2_h == 1:
        height, width = form.plane_shape(1, clip.width, clip.height)
        return phases[0][:height, :width]
    whole = interleaved(phases, offsets)
    if form.log2_w == 2:
        whole = (whole[:, 0::2] + whole[:, 1::2]) * np.float32(0.5)
    if form.log2_h == 2:
        whole = (whole[0::2] + whole[1::2]) * np.float32(0.5)
    height, width = form.plane_shape(1, clip.width, clip.height)
    return whole[:height, :width]


def code_unit(clip: ClipInfo) -> float:
    """Sample units of one 8-bit code value."""
    if clip.format.is_float:
        return 1 / 255
    if clip.format.family == "rgb":
        return luma_codes(clip)[1] / 255
    if clip.full_range:
        return clip.format.peak / 255
    return float(1 << (clip.format.bits - 8))


def _shifted(plane: Plane, clip: ClipInfo, out: ClipInfo) -> NDArray[np.uint16]:
    samples = plane.astype(np.uint16)
    return np.left_shift(samples, np.uint16(out.format.bits - clip.format.bits))


def _stretched(plane: Plane, clip: ClipInfo, out: ClipInfo, *, middle: bool) -> Plane:
    """Full range to full range; chroma stretches about its middle, so that grey stays grey."""
    factor = out.format.peak / clip.format.peak
    zero, wider_zero = (
        (1 << (form.bits - 1) if middle else 0) for form in (clip.format, out.format)
    )
    samples = np.rint((plane.astype(np.float64) - zero) * factor) + wider_zero
    return np.asarray(np.clip(samples, 0, out.format.peak), np.uint16)


def _added(
    plane: Plane, change: NDArray[np.float32], unit: np.float32, out: ClipInfo, dither: bool
) -> Plane:
    if out.format.is_float:
        return plane + change * unit
    if available() and not dither:
        return _added_natively(plane, change, unit, out)
    total = change * unit
    if dither and out.format.bits == 8:
        total = total + dither_pattern(plane.shape) * (total != 0)
    rounded: NDArray[np.float32] = np.clip(np.rint(total + plane), 0, out.format.peak)
    if out.format.bits == 8:
        return rounded.astype(np.uint8)
    return rounded.astype(np.uint16)


def _added_natively(
    plane: Plane, change: NDArray[np.float32], unit: np.float32, out: ClipInfo
) -> Plane:
    packed: NDArray[Any] = plane if plane[0].flags.c_contiguous else np.ascontiguousarray(plane)
    added = np.empty_like(plane, order="C")
    row, pixel = (stride // change.itemsize for stride in change.strides)
    kernels().add_change(
        packed.ctypes.data, packed.strides[0] // packed.itemsize, packed.itemsize == 2,
        change.ctypes.data, row, pixel, unit, out.format.peak, *plane.shape, added.ctypes.data,
    )  # fmt: skip
    return added


def dither_pattern(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """What dither adds to a plane of `shape`, in 8-bit codes."""
    height, width = shape
    return np.tile(_DITHER, (-(-height // 8), -(-width // 8)))[:height, :width]
