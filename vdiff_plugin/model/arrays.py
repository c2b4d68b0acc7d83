"""Between the core's frames and the arrays that backends feed to their graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Change, Fusion, Pixels


@dataclass(frozen=True)
class WindowArrays:
    """A `Fusion` as arrays, batch first, samples still in their own type.

    Attributes:
        luma, chroma: centre, (1, H, W, 1) and (1, H/2, W/2, 2).
        lumas, chromas: neighbours, zeros where one is missing.
        features, neighbour_features: uint8.
        valid: (2*radius, 1, 1, 1) float32, 0 or 1.
        levels: (1, 1, 1, 3) float32.
        scale: codes a sample unit.
    """

    luma: NDArray[Any]
    chroma: NDArray[Any]
    lumas: NDArray[Any]
    chromas: NDArray[Any]
    features: NDArray[np.uint8]
    neighbour_features: NDArray[np.uint8]
    valid: NDArray[np.float32]
    levels: NDArray[np.float32]
    scale: np.float32


def window_arrays(fusion: Fusion) -> WindowArrays:
    """Stack a window's neighbours."""
    centre = fusion.centre
    pixels = [None if neighbour is None else neighbour[0] for neighbour in fusion.neighbours]
    features = [None if neighbour is None else neighbour[1] for neighbour in fusion.neighbours]
    valid = np.array([part is not None for part in pixels], np.float32)
    return WindowArrays(
        luma=centre.luma[None, ..., None],
        chroma=centre.chroma[None],
        lumas=_stacked([None if part is None else part.luma for part in pixels], centre.luma)[
            ..., None
        ],
        chromas=_stacked([None if part is None else part.chroma for part in pixels], centre.chroma),
        features=fusion.features[None],
        neighbour_features=_stacked(features, fusion.features),
        valid=valid[:, None, None, None],
        levels=level_array(fusion.levels),
        scale=np.float32(centre.scale),
    )


def frame_arrays(pixels: Pixels) -> tuple[NDArray[Any], NDArray[Any], np.float32]:
    """Luma (1, H, W, 1), chroma (1, H/2, W/2, 2) and codes a sample unit."""
    return pixels.luma[None, ..., None], pixels.chroma[None], np.float32(pixels.scale)


def level_array(levels: Sequence[float]) -> NDArray[np.float32]:
    """(1, 1, 1, 3)."""
    return np.array(levels, np.float32)[None, None, None]


def change_of(luma: NDArray[np.float32], chroma: NDArray[np.float32]) -> Change:
    """A `Change` from a graph's outputs."""
    return Change(luma=luma[0, ..., 0], chroma=chroma[0])


def _stacked(parts: Sequence[NDArray[Any] | None], like: NDArray[Any]) -> NDArray[Any]:
    out = np.empty((len(parts), *like.shape), like.dtype)
    for place, part in zip(out, parts, strict=True):
        place[...] = 0 if part is None else part
    return out
