"""Doubling of restored frames: interpolation, and what a network adds to it.

The network works on one frame, in 4:2:0. Luma gets its change in every format; chroma in
4:2:0, and fuller chroma is interpolated. RGB takes the change of luma on each plane, as a
Y'CbCr view of it would.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.borders import borders
from vdiff_plugin.builtin.interpolation import UNIT_BITS, Taps, doubled, plane_taps
from vdiff_plugin.builtin.levels import Levels
from vdiff_plugin.builtin.planes import (
    code_unit,
    colour_kept,
    dither_pattern,
    padded_shape,
    to_pixels,
)
from vdiff_plugin.builtin.tiling import TiledUpscaler
from vdiff_plugin.contracts import Change, Doubling, Pixels, Services, Upscaler
from vdiff_plugin.frame import ClipInfo, Frame, Plane
from vdiff_plugin.model.presets import UPSCALING
from vdiff_plugin.native.library import available, kernels
from vdiff_plugin.settings import Settings

_INTERPOLATION = 2.0 ** (-2 * UNIT_BITS)  # samples a unit of what `doubled` gives
# Other rules would give other pixels.
_RULES = b"cubic 1/128, borders interpolated, clean from its source"
# Bytes a pixel of the small picture.
_CHANGE = 4 * 4 + 2 * 4  # float32 of four luma and two chroma samples
_INTERPOLATED = 128  # float64 of luma, thrice at a time, and what it is made of
_CLEAN = (1.5, 0.5, 1.5)  # codes of noise of luma, of chroma, of compression; from twice it on all
_NO_LEVELS = (0.0, 0.0, 0.0)


def worth_restoring(levels: Levels) -> float:
    """How much of a restoration is worth having before doubling, 0..1.

    None of it where a window is told to be clean: interpolation gives fine chroma as it
    was, and what a network did to it would be interpolated as well.
    """
    harm = max(level / clean for level, clean in zip(levels, _CLEAN, strict=True))
    return min(max(harm - 1.0, 0.0), 1.0)


def restoring(settings: Settings) -> Settings:
    """`settings` for the restoration alone, which doubling begins with."""
    if settings.task != UPSCALING:
        return settings
    return settings.model_copy(update={"task": "restore", "weights": None})


def open_doubler(clip: ClipInfo, settings: Settings, services: Services) -> Doubler | None:
    """What doubles the restored frames of `clip`, if `settings` ask for it.

    Raises:
        UnknownNameError: no such preset or backend.
        WeightsError: damaged or foreign weights.
    """
    if settings.task != UPSCALING:
        return None
    upscaler = services.upscaler(settings) if settings.strength else None
    return Doubler(clip, settings, upscaler)


class Doubler:
    """Doubles frames.

    Attributes:
        clip: what it gives.
        fingerprint: differs whenever the same frame could give other pixels.
    """

    def __init__(self, source: ClipInfo, settings: Settings, upscaler: Upscaler | None) -> None:
        """Double frames of `source`; without `upscaler` by interpolation alone."""
        self.clip = replace(source, width=2 * source.width, height=2 * source.height)
        self._source = source
        self._unit = settings.strength * code_unit(source)
        self._dither = settings.dither and source.format.bits == 8
        self._stride = upscaler.stride if upscaler else 0
        self._upscaler = TiledUpscaler(upscaler, settings.tile) if upscaler else None
        self._native = available() and not self._dither and not source.format.is_float
        facts = f"{replace(source, length=None)} {self._unit} {self._dither}".encode()
        self.fingerprint = b"|".join([upscaler.fingerprint if upscaler else b"", facts, _RULES])

    @property
    def render_bytes(self) -> int:
        """Memory that `double` takes beside the frames that come in and go out."""
        pixels = self._source.width * self._source.height
        interpolation = 0 if self._native else pixels * _INTERPOLATED
        if self._upscaler is None:
            return interpolation
        shape = padded_shape(self._source, self._stride)
        change = math.prod(shape) * _CHANGE
        return change + interpolation + self._upscaler.tiles.working_bytes(shape)

    def double(
        self,
        frame: Frame,
        source: Pixels | None = None,
        levels: Levels = _NO_LEVELS,
        *,
        even: bool = False,
    ) -> Frame:
        """`frame` at twice its width and height.

        Args:
            frame: restored.
            source: the same frame before that, in the network's form; None: as restored.
            levels: of the window that it was restored from.
            even: whether `source` is in the even view of RGB.
        """
        changes = self._changes(frame, source, levels, even=even)
        return Frame(
            tuple(
                self._doubled(index, plane, _within_borders(changes[index], plane))
                for index, plane in enumerate(frame.planes)
            )
        )

    def _changes(
        self, frame: Frame, source: Pixels | None, levels: Levels, *, even: bool
    ) -> list[NDArray[np.float32] | None]:
        """Of each plane, in 8-bit codes; None where it is interpolated."""
        none: list[NDArray[np.float32] | None] = [None] * len(frame.planes)
        if self._upscaler is None:
            return none
        pixels = to_pixels(frame, self._source, self._stride, even=even)[0]
        doubling = Doubling(pixels, source or pixels, levels)
        change = colour_kept(self._upscaler.upscale(doubling), pixels)
        return [*_plane_changes(change, self._source), *none][: len(none)]

    def _doubled(self, index: int, plane: Plane, change: NDArray[np.float32] | None) -> Plane:
        taps = plane_taps(self._source, index)
        shape = self.clip.plane_shapes()[index]
        if self._native:
            return self._natively(plane, taps, change, shape)
        total = doubled(plane, *taps)[: shape[0], : shape[1]] * _INTERPOLATION
        if change is not None:
            total = total + change[: shape[0], : shape[1]].astype(np.float64) * self._unit
        if self._source.format.is_float:
            return np.asarray(total, np.float32)
        if self._dither:
            total = total + dither_pattern(shape)
        codes = np.clip(np.rint(total), 0, self.clip.format.peak)
        return np.asarray(codes, self.clip.format.dtype)

    def _natively(
        self,
        plane: Plane,
        taps: tuple[Taps, Taps],
        change: NDArray[np.float32] | None,
        shape: tuple[int, int],
    ) -> Plane:
        packed: NDArray[Any] = plane if plane[0].flags.c_contiguous else np.ascontiguousarray(plane)
        out = np.empty(shape, plane.dtype)
        row, pixel = (0, 0) if change is None else (step // 4 for step in change.strides)
        kernels().upscale_plane(
            packed.ctypes.data, packed.strides[0] // packed.itemsize, packed.itemsize == 2,
            *plane.shape, *(each.ctypes.data for each in taps),
            None if change is None else change.ctypes.data, row, pixel, self._unit,
            self.clip.format.peak, *shape, out.ctypes.data,
        )  # fmt: skip
        return out


def _within_borders(change: NDArray[np.float32] | None, plane: Plane) -> NDArray[np.float32] | None:
    """`change` of the doubled `plane`, without that of its borders; None if that is all of it."""
    if change is None:
        return None
    top, bottom, left, right = borders(plane)
    height, width = plane.shape
    if top == height:
        return None
    if not (top or bottom or left or right):
        return change
    inside = np.zeros_like(change)
    here = np.s_[2 * top : 2 * (height - bottom), 2 * left : 2 * (width - right)]
    inside[here] = change[here]
    return inside


def _plane_changes(change: Change, source: ClipInfo) -> list[NDArray[np.float32] | None]:
    """What each colour plane of a doubled frame of `source` gets."""
    form = source.format
    if form.family == "rgb":
        return [change.luma] * 3
    if form.family == "yuv" and form.log2_w == form.log2_h == 1:
        return [change.luma, change.chroma[..., 0], change.chroma[..., 1]]
    return [change.luma, *[None] * (form.colour_planes - 1)]
