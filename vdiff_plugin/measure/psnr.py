"""PSNR: how large the error is, in dB below the largest sample."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from vdiff_plugin.frame import ClipInfo, Frame, Plane
from vdiff_plugin.measure.series import weighted

CEILING = 100.0  # dB, of planes that are equal or as good as that


class Psnr:
    """`psnr_y`, `psnr_u`, `psnr_v` of each frame, and `psnr`: their mean, weighted 6:1:1.

    Of RGB `psnr_r`, `_g`, `_b`, and `psnr` from their common mean error. The peak is the
    largest code of the depth, 255 for 8 bits, also where the range is limited.
    """

    def __init__(self, clip: ClipInfo) -> None:
        """Compare frames of `clip`."""
        self._form = clip.format
        self._found: dict[str, list[float]] = defaultdict(list)

    def add(self, reference: Frame, distorted: Frame) -> None:
        """See `Measure.add`."""
        count = self._form.colour_planes
        pairs = zip(reference.planes[:count], distorted.planes[:count], strict=True)
        errors = [squared_error(*pair) for pair in pairs]
        decibels = [self._decibels(error) for error in errors]
        if self._form.family == "rgb":
            total = self._decibels(sum(errors) / count)
        else:
            total = weighted(decibels)
        self._found["psnr"].append(total)
        for name, value in zip(self._form.plane_names, decibels, strict=False):
            self._found[f"psnr_{name}"].append(value)

    def finish(self) -> Mapping[str, Sequence[float]]:
        """See `Measure.finish`."""
        return self._found

    def close(self) -> None:
        """Nothing is held."""

    def _decibels(self, error: float) -> float:
        floor = 10 ** (-CEILING / 10)
        return -10 * math.log10(max(error / self._form.peak**2, floor))


def squared_error(one: Plane, other: Plane) -> float:
    """Mean of the squared differences of two planes, in squared codes."""
    pair = (np.ascontiguousarray(one), np.ascontiguousarray(other))
    return float(cv2.norm(*pair, cv2.NORM_L2SQR)) / one.size
