"""The creation time of an mp4 or mov file, set after writing.

With free metadata keys libav writes the creation time twice, and reads both back as one
text that no program understands. So it is left out while muxing and put into the movie
header, its proper place, at the end.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
_BOX = struct.Struct(">I4s")
_LONG_SIZE = struct.Struct(">Q")


def set_creation_time(path: Path, text: str) -> None:
    """Write `text`, such as `2020-01-02T03:04:05.000000Z`, into the movie header.

    What is no time is left alone, and so is a file without such a header.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = int((moment - _EPOCH).total_seconds())
    with path.open("r+b") as file:
        movie = _find(file, b"moov", 0, path.stat().st_size)
        header = _find(file, b"mvhd", *movie) if movie else None
        if header:
            file.seek(header[0])
            number = ">Q" if file.read(4)[0] == 1 else ">I"
            file.write(struct.pack(number, seconds) * 2)  # created, modified


def _find(file: BinaryIO, kind: bytes, begin: int, end: int) -> tuple[int, int] | None:
    """Where the content of the first box of `kind` between two places lies."""
    while begin + _BOX.size <= end:
        file.seek(begin)
        size, name = _BOX.unpack(file.read(_BOX.size))
        content = begin + _BOX.size
        if size == 1:
            (size,) = _LONG_SIZE.unpack(file.read(_LONG_SIZE.size))
            content += _LONG_SIZE.size
        if size < content - begin:
            return None
        if name == kind:
            return content, begin + size
        begin += size
    return None
