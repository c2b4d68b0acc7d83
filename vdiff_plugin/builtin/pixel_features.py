"""The `pixel` extractor: a frame's samples taken as its features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Features, Services
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.options import Options


class PixelFeatures:
    """Luma, grey or R, G, B of every pixel, in 8-bit code values."""

    stride = 1
    fingerprint = b"pixel/1"

    def extract(self, frame: Frame, clip: ClipInfo) -> Features:
        """(H, W, 3) for RGB, else (H, W, 1): uint8 of 8-bit clips, float32 of deeper ones."""
        planes = frame.planes[:3] if clip.format.family == "rgb" else frame.planes[:1]
        stacked: NDArray[Any] = np.stack(planes, axis=2)
        if stacked.dtype == np.uint8:
            return stacked
        scale = 255.0 if clip.format.is_float else 1 / (1 << (clip.format.bits - 8))
        return stacked.astype(np.float32) * np.float32(scale)


def open_extractor(services: Services, **options: str) -> PixelFeatures:  # noqa: ARG001
    """The extractor; it needs no services and has no options."""
    Options.read("feature extractor pixel", options)
    return PixelFeatures()
