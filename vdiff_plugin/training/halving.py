"""Halving clean footage: what a doubled clip is trained and measured against.

Halved footage is also sharper, and freer of what its own encoder did, than it was before:
restoring networks learn on some of it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.training.footage import Sequence420

LEAST_SIDE = 128  # pixels a side; flow needs some picture
_REACH = 8  # samples on each side of the first of a pair
_CENTRED = 0.5  # where a small sample lies between two large ones
_LEFT = 0.25  # of chroma that lies on the left luma column, before and after (MPEG-2)

Curve = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _box(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each large sample that lies within one small one."""
    return np.clip(0.75 - np.abs(x), 0, 0.5)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """R. Keys's kernel with a = -1/2 (IEEE Trans. ASSP 29, 1981)."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x**2 + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def _soft(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-0.5 * (x / 0.42) ** 2)


def _softer(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-0.5 * (x / 0.58) ** 2)


# Of the distance in small samples: averaging, what scalers do, and a lens's blur.
CURVES: Mapping[str, Curve] = MappingProxyType(
    {"box": _box, "cubic": _cubic, "lanczos": _lanczos, "soft": _soft, "softer": _softer}
)


def halved(clip: Sequence420, curve: str) -> Sequence420:
    """`clip` at half its size; chroma stays where it lies, left of the middle.

    Args:
        clip: width and height are multiples of 4.
        curve: name of a curve in `CURVES`.
    """
    middle, left = (_taps(CURVES[curve], place) for place in (_CENTRED, _LEFT))
    luma = [_filtered(plane, middle, middle) for plane in clip.luma]
    chroma = [
        np.stack([_filtered(planes[..., i], middle, left) for i in (0, 1)], axis=-1)
        for planes in clip.chroma
    ]
    return Sequence420(np.stack(luma), np.stack(chroma))


def sometimes_halved(
    clip: Sequence420, share: float, least: int, rng: np.random.Generator
) -> Sequence420:
    """`clip` as it is or, in `share` of the cases, halved by a curve drawn at random.

    Args:
        clip: sides are multiples of 16, as they are afterwards.
        share: 0..1.
        least: clips that would have fewer pixels a side stay as they are.
        rng: decides.
    """
    height, width = (size // 32 * 32 for size in clip.luma.shape[1:])
    if rng.random() >= share or min(height, width) < 2 * least:
        return clip
    whole = Sequence420(clip.luma[:, :height, :width], clip.chroma[:, : height // 2, : width // 2])
    return halved(whole, str(rng.choice(list(CURVES))))


def _taps(curve: Curve, place: float) -> NDArray[np.float64]:
    """Weights of samples -7 .. 8 for a small one at `place`."""
    distances = (np.arange(1 - _REACH, _REACH + 1) - place) / 2
    weights = curve(distances)
    return weights / weights.sum()


def _filtered(
    plane: NDArray[np.uint8], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.uint8]:
    smooth = cv2.sepFilter2D(
        plane.astype(np.float32), cv2.CV_32F, columns, rows,
        anchor=(_REACH - 1, _REACH - 1), borderType=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(np.clip(np.rint(smooth[::2, ::2]), 0, 255), np.uint8)
