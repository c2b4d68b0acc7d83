"""RGB and Y'CbCr: the matrices of the standards, and code values to and from unit range.

ITU-R BT.601, BT.709, BT.2020 (non-constant luminance), SMPTE 240M, FCC 73.682, and YCgCo
as in ITU-T H.273.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.frame import ClipInfo, Frame, Matrix

_KR_KB: dict[Matrix, tuple[float, float]] = {
    "bt709": (0.2126, 0.0722),
    "bt601": (0.299, 0.114),
    "bt2020": (0.2627, 0.0593),
    "smpte240m": (0.212, 0.087),
    "fcc": (0.30, 0.11),
}
_YCGCO = np.array([[0.25, 0.5, 0.25], [-0.25, 0.5, -0.25], [0.5, 0.0, -0.5]])


def from_rgb(matrix: Matrix) -> NDArray[np.float64]:
    """The 3x3 matrix that turns R'G'B' (0..1) into Y' (0..1), Cb, Cr (-0.5..0.5)."""
    if matrix == "ycgco":
        return _YCGCO.copy()
    return _luma_and_differences(*_KR_KB[matrix])


def to_rgb(matrix: Matrix) -> NDArray[np.float64]:
    """The inverse of `from_rgb`."""
    return np.linalg.inv(from_rgb(matrix))


def even_from_rgb() -> NDArray[np.float64]:
    """Like `from_rgb`, with equal shares of R', G' and B' in Y'.

    White noise of RGB is as low in it as it can be: 0.58 of that in R', where BT.709's Y'
    has 0.75. Denoisers of RGB work in it (opponent colours; K. Dabov et al., "Image
    denoising by sparse 3-D transform-domain collaborative filtering", 2007).
    """
    return _luma_and_differences(1 / 3, 1 / 3)


def _luma_and_differences(red: float, blue: float) -> NDArray[np.float64]:
    luma = np.array([red, 1 - red - blue, blue])
    return np.array(
        [
            luma,
            (np.array([0, 0, 1]) - luma) / (2 * (1 - blue)),
            (np.array([1, 0, 0]) - luma) / (2 * (1 - red)),
        ]
    )


def luma_codes(clip: ClipInfo) -> tuple[float, float]:
    """(black, white - black) in code values, of luma, grey, R, G or B."""
    if clip.format.is_float:
        return 0.0, 1.0
    if clip.full_range:
        return 0.0, float(clip.format.peak)
    step = 1 << (clip.format.bits - 8)
    return 16.0 * step, 219.0 * step


def chroma_codes(clip: ClipInfo) -> tuple[float, float]:
    """(no colour, code values per unit) of the chroma planes."""
    if clip.format.is_float:
        return 0.0, 1.0
    middle = float(1 << (clip.format.bits - 1))
    if clip.full_range:
        return middle, float(clip.format.peak)
    return middle, 224.0 * (1 << (clip.format.bits - 8))


def rgb_of(frame: Frame, clip: ClipInfo) -> NDArray[np.float32]:
    """R'G'B' (H, W, 3), nominally 0..1. Subsampled chroma is repeated, grey tripled."""
    if clip.format.family == "gray":
        return np.repeat(units(frame.planes[0], luma_codes(clip))[..., None], 3, axis=2)
    if clip.format.family == "rgb":
        return np.stack([units(plane, luma_codes(clip)) for plane in frame.planes[:3]], axis=2)
    luma = units(frame.planes[0], luma_codes(clip))
    chroma = [units(_full_size(plane, clip), chroma_codes(clip)) for plane in frame.planes[1:3]]
    return np.stack(mix(to_rgb(clip.matrix), (luma, *chroma)), axis=2)


def units(plane: NDArray[Any], codes: tuple[float, float]) -> NDArray[np.float32]:
    """Code values as shares of their span: `codes` is `luma_codes` or `chroma_codes`."""
    zero, span = codes
    shares = plane.astype(np.float32, order="C")
    shares -= np.float32(zero)
    shares /= np.float32(span)
    return shares


def mix(
    weights: NDArray[np.float64], planes: tuple[NDArray[np.float32], ...]
) -> list[NDArray[np.float32]]:
    """`weights` (n, 3) applied to three planes (H, W); n planes.

    Sums of products in a fixed order, and no matrix library, whose sums depend on shapes.
    """
    return [_weighted(row, planes) for row in weights]


def _weighted(
    row: NDArray[np.float64], planes: tuple[NDArray[np.float32], ...]
) -> NDArray[np.float32]:
    first, *others = planes
    total = first * np.float32(row[0])
    product = np.empty_like(total)
    for weight, plane in zip(row[1:], others, strict=True):
        total += np.multiply(plane, np.float32(weight), out=product)
    return total


def _full_size(plane: NDArray[Any], clip: ClipInfo) -> NDArray[Any]:
    tall = np.repeat(plane, 1 << clip.format.log2_h, axis=0)
    wide = np.repeat(tall, 1 << clip.format.log2_w, axis=1)
    return wide[: clip.height, : clip.width]
