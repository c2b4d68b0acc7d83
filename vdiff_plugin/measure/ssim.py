"""SSIM: how alike structure, contrast and brightness are, 1 where pictures are equal.

Z. Wang et al., "Image quality assessment: from error visibility to structural similarity",
IEEE TIP 2004, in the form that FFmpeg and x264 compute: windows of 8x8 samples every four
samples, all of a window alike. So the numbers are those of `ffmpeg -lavfi ssim`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.frame import ClipInfo, Frame, Plane

_BLOCK = 4  # samples; a window is two by two blocks
_COUNT = 64  # samples of a window
_K1, _K2 = 0.01, 0.03


class Ssim:
    """`ssim_y`, `ssim_u`, `ssim_v` (or r, g, b), and `ssim`: their mean by count of samples."""

    def __init__(self, clip: ClipInfo) -> None:
        """Compare frames of `clip`."""
        self._form = clip.format
        sizes = [height * width for height, width in clip.plane_shapes()]
        self._sizes = sizes[: clip.format.colour_planes]
        self._found: dict[str, list[float]] = defaultdict(list)

    def add(self, reference: Frame, distorted: Frame) -> None:
        """See `Measure.add`."""
        planes = zip(reference.planes, distorted.planes, self._sizes, strict=False)
        values = [plane_ssim(one, other, self._form.peak) for one, other, _ in planes]
        self._found["ssim"].append(float(np.average(values, weights=self._sizes)))
        for name, value in zip(self._form.plane_names, values, strict=False):
            self._found[f"ssim_{name}"].append(value)

    def finish(self) -> Mapping[str, Sequence[float]]:
        """See `Measure.finish`."""
        return self._found

    def close(self) -> None:
        """Nothing is held."""


def plane_ssim(one: Plane, other: Plane, peak: float) -> float:
    """Mean SSIM of two planes; NaN where they are smaller than a window, 8x8.

    Args:
        one: samples (H, W).
        other: the same of another version.
        peak: the largest sample value.
    """
    if min(one.shape) < 2 * _BLOCK:
        return float("nan")
    a, b = (np.asarray(plane, np.float64) for plane in (one, other))
    sum_a, sum_b, squares, products = map(_windows, (a, b, a * a + b * b, a * b))
    both, each = sum_a * sum_b, sum_a * sum_a + sum_b * sum_b
    c1, c2 = _constants(peak)
    covariance = products * _COUNT - both
    variances = squares * _COUNT - each
    alike = (2 * both + c1) * (2 * covariance + c2) / ((each + c1) * (variances + c2))
    return float(alike.mean())


def _windows(plane: NDArray[Any]) -> NDArray[np.float64]:
    """Sums over windows of 8x8 samples, one every four samples; whole blocks only."""
    height, width = (size // _BLOCK for size in plane.shape)
    whole = plane[: height * _BLOCK, : width * _BLOCK]
    blocks = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA) * _BLOCK**2
    rows = blocks[:-1] + blocks[1:]
    windows: NDArray[np.float64] = rows[:, :-1] + rows[:, 1:]
    return windows


def _constants(peak: float) -> tuple[float, float]:
    """For sums over a window instead of means, rounded as FFmpeg rounds them."""
    c1, c2 = ((k * peak) ** 2 * _COUNT for k in (_K1, _K2))
    c2 *= _COUNT - 1
    return (c1, c2) if peak == 1 else (float(int(c1 + 0.5)), float(int(c2 + 0.5)))
