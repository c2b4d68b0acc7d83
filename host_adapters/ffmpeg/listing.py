"""Lists of frame hashes, whose headers say a pixel shape that PyAV cannot give to the muxer."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from fractions import Fraction
from typing import BinaryIO

LISTINGS = frozenset(("framecrc", "framehash", "framemd5"))
_SHAPE = re.compile(rb"^#sar (\d+): 0/1$", re.MULTILINE)


class Listing:
    """A file for libav to write to, in which the pixel shapes are put right.

    Args:
        url: a path, or `pipe:` and a descriptor, which stays open.
        shape: gives a stream's width to height of a pixel, 0 if unknown, by its number.
    """

    def __init__(self, url: str, shape: Callable[[int], Fraction]) -> None:
        self._shape = shape
        kind, _, number = url.partition(":")
        kept = int(number) if kind == "pipe" and number.isdecimal() else None
        self._file: BinaryIO = os.fdopen(
            os.open(url, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666) if kept is None else kept,
            "wb",
            buffering=0,
            closefd=kept is None,
        )

    def write(self, data: bytes) -> int:
        """Write a part; the header comes in one."""
        view = memoryview(_SHAPE.sub(self._line, bytes(data)))
        while view:
            view = view[self._file.write(view) :]
        return len(data)

    def close(self) -> None:
        """Let go of the file. Closing twice does nothing."""
        self._file.close()

    def _line(self, found: re.Match[bytes]) -> bytes:
        number = int(found[1])
        shape = self._shape(number)
        return f"#sar {number}: {shape.numerator}/{shape.denominator}".encode()
