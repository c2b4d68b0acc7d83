"""Facts in the boxes of mp4 and mov files that libav does not hand over.

With free metadata keys libav writes the creation time twice, and reads both back as one
text that no program understands. So it is left out while muxing and put into the movie
header, its proper place, at the end.

The samples of a track have decoding times, and libav tells their distances as durations.
Where frames are reordered and not equally long, only the track header says when the last
one ends.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
_BOX = struct.Struct(">I4s")
_LONG_SIZE = struct.Struct(">Q")
_Span = tuple[int, int]  # where a box's content begins and ends in the file
_MOVIE_HEADER = {0: (">4x8xII", 20), 1: (">4x16xIQ", 32)}  # timescale, duration
_TRACK_HEADER = {0: (">4x8xI4xI", 24), 1: (">4x16xI4xQ", 36)}  # track number, duration

_UNKNOWN = (0, (1 << 32) - 1, (1 << 64) - 1)  # what a duration is while a file is written


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


def track_end(path: Path, number: int) -> Fraction | None:
    """When the track `number` of a file ends, in seconds; None where it does not say."""
    with path.open("rb") as file:
        movie = _find(file, b"moov", 0, path.stat().st_size)
        header = _find(file, b"mvhd", *movie) if movie else None
        if movie is None or header is None:
            return None
        timescale, _ = _unpack(file, header, _MOVIE_HEADER)
        for name, track in _boxes(file, *movie):
            if name == b"trak" and (own := _find(file, b"tkhd", *track)):
                found, duration = _unpack(file, own, _TRACK_HEADER)
                if found == number and timescale and duration not in _UNKNOWN:
                    return Fraction(duration, timescale)
    return None


def _unpack(file: BinaryIO, span: _Span, forms: dict[int, tuple[str, int]]) -> tuple[int, int]:
    """Two numbers of a header, which stand where its version says; zeros if it is cut off."""
    file.seek(span[0])
    data = file.read(span[1] - span[0])
    form, size = forms.get(data[0], forms[0]) if data else forms[0]
    if len(data) < size:
        return 0, 0
    first, second = struct.unpack_from(form, data)
    return int(first), int(second)


def _find(file: BinaryIO, kind: bytes, begin: int, end: int) -> _Span | None:
    """Where the content of the first box of `kind` between two places lies."""
    return next((span for name, span in _boxes(file, begin, end) if name == kind), None)


def _boxes(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[bytes, _Span]]:
    """Name and content of each box between two places; ends at the first that is no box."""
    while begin + _BOX.size <= end:
        file.seek(begin)
        head = file.read(_BOX.size + _LONG_SIZE.size)
        if len(head) < _BOX.size:
            return
        size, name = _BOX.unpack_from(head)
        content = begin + _BOX.size
        if size == 1 and len(head) > _BOX.size:
            (size,) = _LONG_SIZE.unpack_from(head.ljust(16, b"\0"), _BOX.size)
            content += _LONG_SIZE.size
        size = size or end - begin  # 0: to the end
        if size < content - begin:
            return
        yield name, (content, begin + size)
        begin += size
