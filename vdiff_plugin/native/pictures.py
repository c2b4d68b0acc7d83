"""4:2:0 pictures as the kernels take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.native.library import Picture


@dataclass(frozen=True)
class HeldPicture:
    """A picture with the arrays that it points to."""

    picture: Picture
    arrays: tuple[NDArray[Any], NDArray[Any]]

    @property
    def deep(self) -> int:
        """1 for samples of 16 bits, 0 for 8."""
        return int(self.arrays[0].itemsize == 2)


def hold_picture(luma: NDArray[Any], chroma: NDArray[Any]) -> HeldPicture:
    """Luma (H, W) and chroma (H/2, W/2, 2), uint8 or uint16; rows may lie apart."""
    luma, chroma = _packed(luma), _packed(chroma)
    size = luma.itemsize
    return HeldPicture(
        Picture(
            luma=luma.ctypes.data, luma_row=luma.strides[0] // size,
            chroma=chroma.ctypes.data, chroma_row=chroma.strides[0] // size,
        ),
        (luma, chroma),
    )  # fmt: skip


def _packed(plane: NDArray[Any]) -> NDArray[Any]:
    return plane if plane[0].flags.c_contiguous else np.ascontiguousarray(plane)
