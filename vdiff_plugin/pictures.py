"""Pictures as plain arrays, (H, W) grey or (H, W, 3) RGB, to and from frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.errors import FrameError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat

Picture = NDArray[Any]
_BITS = {"uint8": 8, "uint16": 16, "float32": 32}


def clip_of(picture: Picture) -> ClipInfo:
    """A clip, of unknown length, that pictures like this one are frames of.

    Args:
        picture: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGB and alpha; uint8, uint16 or
            float32, full range: 0..255, 0..65535 or 0..1.

    Raises:
        FrameError: another shape or type.
    """
    channels = picture.shape[2] if picture.ndim == 3 else 1
    grey = picture.ndim == 2
    if not (grey or (picture.ndim == 3 and channels in (3, 4))) or picture.dtype.name not in _BITS:
        raise FrameError(
            f"a picture of shape {picture.shape} and type {picture.dtype}; give (H, W) or "
            f"(H, W, 3 or 4) of {', '.join(_BITS)}"
        )
    bits = _BITS[picture.dtype.name]
    form = PixelFormat(family="gray" if grey else "rgb", bits=bits, alpha=channels == 4)
    height, width = picture.shape[:2]
    return ClipInfo(width=width, height=height, format=form, full_range=True)


def frame_of(picture: Picture) -> Frame:
    """The picture's planes, without a copy."""
    if picture.ndim == 2:
        return Frame((picture,))
    return Frame(tuple(picture[..., channel] for channel in range(picture.shape[2])))


def picture_of(frame: Frame) -> Picture:
    """The inverse of `frame_of`."""
    if len(frame.planes) == 1:
        return frame.planes[0]
    return np.stack(frame.planes, axis=2)
