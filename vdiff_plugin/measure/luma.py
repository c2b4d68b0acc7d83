"""Luma in 8-bit code values, whatever the clip's format: what most metrics look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.matrix import from_rgb
from vdiff_plugin.frame import ClipInfo, Frame


def luma_codes(frame: Frame, clip: ClipInfo) -> NDArray[np.float32]:
    """(H, W) luma, or grey, or Y' of R'G'B', 0..255: nothing is scaled but the depth."""
    unit = np.float32(_unit(clip))
    if clip.format.family != "rgb":
        return frame.planes[0].astype(np.float32) * unit
    red, green, blue = (np.float32(share) * unit for share in from_rgb(clip.matrix)[0])
    planes: list[NDArray[Any]] = list(frame.planes[:3])
    mixed = red * planes[0] + green * planes[1] + blue * planes[2]
    return np.asarray(mixed, np.float32)


def luma_bytes(frame: Frame, clip: ClipInfo) -> NDArray[np.uint8]:
    """The same, rounded to whole codes."""
    if clip.format.bits == 8 and clip.format.family != "rgb":
        return np.ascontiguousarray(frame.planes[0], np.uint8)
    return np.rint(np.clip(luma_codes(frame, clip), 0, 255)).astype(np.uint8)


def _unit(clip: ClipInfo) -> float:
    """8-bit codes a sample unit."""
    return 255.0 if clip.format.is_float else 1 / (1 << (clip.format.bits - 8))
