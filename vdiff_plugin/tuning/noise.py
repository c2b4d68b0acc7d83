"""What noise the footage has, as consecutive frames tell it: how much, and how lasting."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.errors import VdiffError
from vdiff_plugin.training.footage import Sequence420
from vdiff_plugin.training.samples import RADIUS
from vdiff_plugin.tuning.targets import Target, make_target

FAR = 3  # frames; noise of encoders and grain of slow film has mostly changed by then
_LEAST = 1.0  # codes; below this 8-bit footage has next to nothing to take away
_LINGERING = 0.25  # share of noise that stays for a frame, from which on it counts
_FLAT = 0.3  # quantile of slopes; where there is little to misplace
_LOOKS = 4  # frames looked at in each take
_ENOUGH = 500  # half-size positions


class UnsuitableError(VdiffError):
    """Footage that a tuning can learn nothing from."""


@dataclass(frozen=True)
class Noise:
    """Standard deviations in 8-bit codes."""

    luma: float
    chroma: float

    def require(self) -> None:
        """Raise UnsuitableError where there is next to none."""
        if max(self.luma, self.chroma) < _LEAST:
            raise UnsuitableError(
                f"already clean: its frames differ by noise of {self.luma:.1f} codes in luma and "
                f"{self.chroma:.1f} in chroma; the bundled weights are kept"
            )


def measure_noise(records: NDArray[np.void]) -> Noise:
    """Half the variance between a frame and its target, where that counts.

    Args:
        records: of `pairs.pair_dtype`.
    """
    weight = records["weight"].astype(np.float64)[..., None]
    own = records["frames"][:, RADIUS].astype(np.float64)
    square = np.square(own - records["target"]) * weight
    sums = square.sum(axis=(0, 1, 2)) / max(weight.sum(), 1.0) / 2
    return Noise(math.sqrt(sums[:4].mean()), math.sqrt(sums[4:].mean()))


def lingering(noisy: Sequence420, restored: Sequence420) -> float:
    """Share of the noise that is still there a frame later, about 0..1.

    A frame is compared with the next and with one `FAR` away. Where the picture is flat
    and its motion known both differ by noise alone, and from the next by less if noise stays.
    """
    near, far, count = 0.0, 0.0, 0
    for n in np.linspace(0, len(noisy) - 1 - FAR, _LOOKS).astype(int):
        targets = [make_target(noisy, restored, int(n), int(n) + step) for step in (1, FAR)]
        usable = _flat(restored.luma[n]) & (targets[0].weight & targets[1].weight).astype(bool)
        squares = [_squares(noisy.luma[n], target)[usable].sum() for target in targets]
        near, far, count = near + squares[0], far + squares[1], count + int(usable.sum())
    if count < _ENOUGH or not far:
        return 0.0
    return 1.0 - near / far


def apart_for(stays: float) -> int:
    """How far targets have to lie from what the network sees."""
    return FAR if stays > _LINGERING else 1


def _squares(luma: NDArray[np.uint8], target: Target) -> NDArray[np.float64]:
    """(H/2, W/2) mean squares of 2x2 luma samples."""
    square = np.square(luma.astype(np.float64) - target.luma)
    rows, columns = (size // 2 for size in luma.shape)
    means: NDArray[np.float64] = square.reshape(rows, 2, columns, 2).mean(axis=(1, 3))
    return means


def _flat(luma: NDArray[np.uint8]) -> NDArray[np.bool_]:
    smooth = cv2.GaussianBlur(luma.astype(np.float32), (0, 0), 2.0)
    slope = cv2.magnitude(*(cv2.Sobel(smooth, cv2.CV_32F, *axes) for axes in ((1, 0), (0, 1))))
    half = slope[::2, ::2]
    flat: NDArray[np.bool_] = half <= np.quantile(half, _FLAT)
    return flat
