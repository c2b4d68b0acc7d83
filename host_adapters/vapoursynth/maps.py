"""Strength and mask clips: how much of the effect each pixel gets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from host_adapters.vapoursynth.formats import pixel_format, planes_of
from vdiff_plugin.frame import ClipInfo, Frame, Plane

Share = NDArray[np.float32]


def share_of(frames: Sequence[vs.VideoFrame]) -> Share:
    """The share of the effect per pixel, (H, W) 0..1: the product of GRAY frames.

    Integers mean full range, 0 to peak; floats 0 to 1.
    """
    return reduce(np.multiply, map(_share, frames))


def blended(source: Frame, full: Frame, share: Share, clip: ClipInfo) -> Frame:
    """Frames of `clip` mixed per pixel: `source` where the share is 0, `full` where it is 1."""
    form = clip.format
    of_chroma = _at_chroma(share, clip) if form.log2_w or form.log2_h else share
    shares = (share, of_chroma, of_chroma)
    planes = zip(source.planes, full.planes, shares, strict=False)
    return Frame(tuple(_mixed(*each, is_float=form.is_float) for each in planes))


def _share(frame: vs.VideoFrame) -> Share:
    peak = pixel_format(frame.format).peak
    share: Share = planes_of(frame)[0].astype(np.float32) / np.float32(peak)
    return np.clip(share, 0, 1)


def _mixed(before: Plane, after: Plane, share: Share, *, is_float: bool) -> Plane:
    change = after.astype(np.float32) - before
    total: Any = before + share * change
    mixed = total if is_float else np.rint(total).astype(before.dtype)
    return np.where(share >= 1, after, np.where(share > 0, mixed, before))


def _at_chroma(share: Share, clip: ClipInfo) -> Share:
    """The share where chroma samples sit; 0 where any pixel that they colour has 0."""
    form, place = clip.format, clip.chroma_location
    columns = _Axis(1, form.log2_w, 0 if place.endswith("left") else None)
    rows = _Axis(0, form.log2_h, {"t": 0, "b": -1}.get(place[0]))  # top..., bottom...
    least = rows.least(columns.least(share))
    return np.where(least > 0, rows.mean(columns.mean(share)), np.float32(0))


class _Axis:
    """Subsampling along one axis.

    Args:
        axis: 0 for rows, 1 for columns.
        log2: 2**log2 pixels share a sample.
        sited: the one of them that the sample sits on; None for their middle.
    """

    def __init__(self, axis: int, log2: int, sited: int | None) -> None:
        self._axis = axis
        self._step = 1 << log2
        self._sited = sited

    def least(self, share: Share) -> Share:
        """The least of the pixels that share a sample."""
        least: Share = np.minimum.reduce(self._each(share, range(self._step)))
        return least

    def mean(self, share: Share) -> Share:
        """Their mean, or where the sample sits on one of them, that one's with its neighbours'."""
        if self._step == 1:
            return share
        if self._sited is None:
            return np.mean(self._each(share, range(self._step)), axis=0, dtype=np.float32)
        at = range(self._step)[self._sited]
        before, here, after = self._each(share, range(at - 1, at + 2))
        return (before + np.float32(2) * here + after) / np.float32(4)

    def _each(self, share: Share, offsets: range) -> list[Share]:
        """For each sample the pixels at `offsets` from the first that it shares."""
        size = share.shape[self._axis]
        firsts = np.arange(0, size, self._step)
        at = [np.clip(firsts + offset, 0, size - 1) for offset in offsets]
        return [share.take(where, axis=self._axis) for where in at]
