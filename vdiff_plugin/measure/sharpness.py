"""Sharpness: how steep the picture is, without a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.measure.luma import luma_codes

_SIGMA = 1.0  # pixels: what a single pixel does counts little, for that is mostly noise


class Sharpness:
    """`sharpness`: root mean square slope of the lightly blurred luma, 8-bit codes a pixel.

    Noise is steep too, so a noisy clip scores high; compare it between clips of like noise.
    """

    def __init__(self, clip: ClipInfo) -> None:
        """Look at frames of `clip`."""
        self._clip = clip
        self._found: list[float] = []

    def add(self, reference: Frame, distorted: Frame) -> None:  # noqa: ARG002
        """See `Measure.add`."""
        smooth = cv2.GaussianBlur(luma_codes(distorted, self._clip), (0, 0), _SIGMA)
        slopes = (cv2.Sobel(smooth, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
        self._found.append(float(np.sqrt(sum(np.mean(np.square(one)) for one in slopes))))

    def finish(self) -> Mapping[str, Sequence[float]]:
        """See `Measure.finish`."""
        return {"sharpness": self._found}

    def close(self) -> None:
        """Nothing is held."""
