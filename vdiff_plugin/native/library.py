"""The compiled kernels as Python functions. Their arguments are laid out by `arrays`."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import (
    POINTER,
    Structure,
    byref,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_void_p,
)
from enum import IntEnum
from functools import cache
from typing import Any, Self

from vdiff_plugin.native.build import LIBRARY

MOST_NEIGHBOURS = 8


class Instructions(IntEnum):
    """Instructions that kernels were written for by hand, used where the processor has them."""

    PLAIN = 0
    AVX2 = 1
    AVX512 = 2  # with VNNI


class Conv(Structure):
    """One convolution with its activation; see `conv` in kernels.h."""

    _fields_ = (
        ("source", c_void_p),
        ("source_row", c_int64),
        ("source_pixel", c_int64),
        ("out", c_void_p),
        ("out_row", c_int64),
        ("out_pixel", c_int64),
        ("skip", c_void_p),
        ("skip_row", c_int64),
        ("skip_pixel", c_int64),
        ("weights", c_void_p),
        ("quick", c_void_p),
        ("bias", c_void_p),
        ("unit", c_void_p),
        ("low", c_void_p),
        ("high", c_void_p),
        ("leak", c_float),
        ("height", c_int32),
        ("width", c_int32),
        ("pairs", c_int32),
        ("filters", c_int32),
        ("ways", c_int32),
        ("kernel", c_int32),
        ("stride", c_int32),
    )


class Picture(Structure):
    """A 4:2:0 picture; see `picture` in kernels.h."""

    _fields_ = (
        ("luma", c_void_p),
        ("chroma", c_void_p),
        ("luma_row", c_int64),
        ("chroma_row", c_int64),
    )


class ChangeInput(Structure):
    """A neighbour and what gates see of it; see `change` in kernels.h."""

    _fields_ = (
        ("centre", Picture),
        ("other", Picture),
        ("features", c_void_p),
        ("other_features", c_void_p),
        ("features_row", c_int64),
        ("other_features_row", c_int64),
        ("out", c_void_p),
        ("out_row", c_int64),
        ("out_pixel", c_int64),
        ("channels", c_int32),
        ("deep", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("scale", c_float),
    )


class Diffusion(Structure):
    """A window and where its diffusion goes; see `diffusion` in kernels.h."""

    _fields_ = (
        ("centre", Picture),
        ("others", Picture * MOST_NEIGHBOURS),
        ("gates", c_void_p * MOST_NEIGHBOURS),
        ("gates_row", c_int64),
        ("gates_pixel", c_int64),
        ("features", c_void_p),
        ("features_row", c_int64),
        ("other_features", c_void_p * MOST_NEIGHBOURS),
        ("other_features_row", c_int64 * MOST_NEIGHBOURS),
        ("count", c_int32),
        ("channels", c_int32),
        ("deep", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("scale", c_float),
        ("pixels", c_void_p),
        ("pixels_row", c_int64),
        ("pixels_pixel", c_int64),
        ("extra", c_void_p),
        ("extra_row", c_int64),
        ("extra_pixel", c_int64),
        ("gain", c_void_p),
        ("detail", c_void_p),
    )


class Ending(Structure):
    """What becomes of a head's results; see `ending` in kernels.h."""

    _fields_ = (
        ("diffusion", c_void_p),
        ("head", c_void_p),
        ("head_row", c_int64),
        ("head_pixel", c_int64),
        ("luma", c_void_p),
        ("chroma", c_void_p),
    )


class StepKind(IntEnum):
    """What a step points to: a `Conv`, `ChangeInput`, `Diffusion` or `Ending`."""

    CONV = 0
    CHANGE = 1
    DIFFUSE = 2
    FINISH = 3


class Step(Structure):
    """A part of a network; see `step` in kernels.h."""

    _fields_ = (
        ("what", c_void_p),
        ("kind", c_int32),
        ("height", c_int32),
        ("band", c_int32),
        ("lag", c_int32),
    )


class Unclipping(Structure):
    """Rows of a plane at one end of the range; see `unclipping` in kernels.h."""

    _fields_ = (
        ("plane", c_void_p),
        ("row", c_int64),
        ("change", c_void_p),
        ("change_row", c_int64),
        ("change_pixel", c_int64),
        ("counts", c_void_p),
        ("solids", c_void_p),
        ("excess", c_void_p),
        ("spread", c_void_p),
        ("means", c_void_p),
        ("corrected", c_void_p),
        ("unit", c_float),
        ("noise", c_float),
        ("scale", c_float),
        ("deep", c_int32),
        ("end", c_int32),
        ("inwards", c_int32),
        ("height", c_int32),
        ("width", c_int32),
    )


class Kernels:
    """The library's functions. They keep no state, and let other Python threads run."""

    def __init__(self, path: str) -> None:
        """Load the library. Raises OSError."""
        library = ctypes.CDLL(path)
        self._level = c_int.in_dll(library, "kernels_level")
        picture, place = POINTER(Picture), (c_void_p, c_int64, c_int64)
        self._conv = _function(library, "conv", POINTER(Conv))
        self.feature_input = _function(
            library, "feature_input", picture, c_int, c_float, c_int, c_int, *place
        )
        self.run = _function(library, "run", POINTER(Step), c_int, c_int)
        self.motion = _function(library, "motion", c_void_p, c_int64, c_void_p)
        self.warp_picture = _function(
            library, "warp_picture", picture, c_int, c_void_p, c_int, c_int, c_void_p, c_void_p
        )
        self.warp_features = _function(
            library, "warp_features", c_void_p, c_int, c_void_p, c_int, c_int, c_void_p
        )

        self.block_noise = _function(
            library, "block_noise",
            c_void_p, c_int64, c_int64, c_int, c_int, c_int, c_void_p, c_void_p,
        )  # fmt: skip
        self.block_marks = _function(
            library, "block_marks", c_void_p, c_int64, c_int, c_int, c_int, c_int, c_void_p
        )
        self.differences = _function(
            library, "differences", c_void_p, c_int64, c_int, c_int, c_int, c_void_p
        )
        self.add_change = _function(
            library, "add_change", c_void_p, c_int64, c_int, c_void_p, c_int64, c_int64, c_float,
            c_int, c_int, c_int, c_void_p,
        )  # fmt: skip
        self.unclip = _function(library, "unclip", POINTER(Unclipping))
        self.upscale_input = _function(
            library, "upscale_input", *(picture, c_int, c_float) * 2, c_int, c_int, *place
        )
        self.upscale_change = _function(
            library, "upscale_change", *place, c_int, c_int, c_void_p, c_void_p
        )
        self.upscale_plane = _function(
            library, "upscale_plane", c_void_p, c_int64, c_int, c_int, c_int, c_void_p, c_void_p,
            c_void_p, c_int64, c_int64, c_double, c_int, c_int, c_int, c_void_p,
        )  # fmt: skip
        self.narrow = _function(library, "narrow", *place, c_int, c_int, c_int, c_void_p)

    def conv(self, task: Conv) -> None:
        """Run one convolution."""
        self._conv(byref(task))

    @contextmanager
    def limited(self, most: Instructions) -> Iterator[Self]:
        """Use no more than `most` meanwhile. Results are the same."""
        before, self._level.value = self._level.value, most
        try:
            yield self
        finally:
            self._level.value = before


def _function(library: ctypes.CDLL, name: str, *arguments: type) -> Any:
    function = library[f"vdiff_{name}"]
    function.argtypes = arguments
    function.restype = None
    return function


@cache
def kernels() -> Kernels:
    """The library, loaded once. Raises OSError where it was not built or does not fit."""
    return Kernels(str(LIBRARY))


@cache
def available() -> bool:
    """Whether the library was built, of these sources, for this machine."""
    try:
        kernels()
    except (OSError, AttributeError, ValueError):
        return False
    return True
