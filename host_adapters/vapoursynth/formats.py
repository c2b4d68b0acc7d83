"""VapourSynth's formats and frames as the core's, and back.

Samples are never changed on the way: 8 to 16-bit integers and single floats are views of
VapourSynth's own memory. Half floats become single ones, which hold each of them exactly,
and are rounded once on the way back; a sample that nothing touched comes back as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import vapoursynth as vs

from vdiff_plugin.errors import UnsupportedMediaError
from vdiff_plugin.frame import Family, PixelFormat, Plane

_FAMILIES: dict[Any, Family] = {vs.YUV: "yuv", vs.RGB: "rgb", vs.GRAY: "gray"}
_COLOR_FAMILIES = {name: family for family, name in _FAMILIES.items()}
_SINGLE = 32


def pixel_format(form: vs.VideoFormat) -> PixelFormat:
    """The core's format for the samples of a clip.

    Raises:
        UnsupportedMediaError: integers of more than 16 bits.
    """
    is_float = form.sample_type == vs.FLOAT
    if not is_float and form.bits_per_sample > 16:
        raise UnsupportedMediaError(
            f"{form.name} has integers of {form.bits_per_sample} bits; convert it to 16 bits or "
            "single float with core.resize first"
        )
    return PixelFormat(
        family=_FAMILIES[form.color_family],
        bits=_SINGLE if is_float else form.bits_per_sample,
        log2_w=form.subsampling_w,
        log2_h=form.subsampling_h,
    )


def video_format(form: PixelFormat, like: vs.VideoFormat) -> vs.VideoFormat:
    """VapourSynth's format for the core's: `like` itself where its samples become these."""
    if form == pixel_format(like):
        return like
    return vs.core.query_video_format(
        _COLOR_FAMILIES[form.family],
        vs.FLOAT if form.is_float else vs.INTEGER,
        form.bits,
        form.log2_w,
        form.log2_h,
    )


def planes_of(frame: vs.VideoFrame) -> tuple[Plane, ...]:
    """Read-only views of a frame's planes; half floats as single ones."""
    planes = (np.asarray(frame[index]) for index in range(frame.format.num_planes))
    return tuple(p.astype(np.float32) if p.dtype == np.float16 else p for p in planes)


def new_frame(planes: Sequence[Plane], form: vs.VideoFormat) -> vs.VideoFrame:
    """A frame of `form` with these samples, and without properties."""
    height, width = planes[0].shape
    frame = vs.core.create_video_frame(form, width, height)
    for index, plane in enumerate(planes):
        np.copyto(np.asarray(frame[index]), plane, casting="same_kind")
    return frame
