"""Checksums of Matroska files: where a file is damaged, even if nobody can see it.

FFmpeg's muxer begins each cluster, some seconds of packets, with a CRC-32 of the rest.
Decoders of HEVC, VP9 and others make a picture of any data, so that this is the only trace
of what a bad disk or a broken download did. libav does not look at it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from host_adapters.media.ebml import CRC, VOID, head

_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_TOP = {  # all that a segment may hold
    *(0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367),
    *(_CLUSTER, VOID, CRC),
}
_CRC_SIZE = 6  # bytes of the element: one of id, one of size, four of checksum
_PIECE = 1 << 20


class Span(NamedTuple):
    """Bytes of a file, from `start` to before `stop`."""

    start: int
    stop: int


def broken_spans(path: Path) -> list[Span]:
    """Clusters whose checksum or header is wrong, in order.

    What has no checksum is believed, and what is cut off is no matter of checksums.
    """
    with path.open("rb") as file:
        return [
            span
            for number, span in _top_elements(file, path.stat().st_size)
            if not number or (number == _CLUSTER and not _is_whole(file, span))
        ]


def missing_bytes(path: Path) -> int:
    """How many bytes a file is shorter than it says it should be; 0 if it is whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        return max(0, _segment(file, size).stop - size)


def _top_elements(file: BinaryIO, size: int) -> Iterator[tuple[int, Span]]:
    """Number and content of each part of the segment; number 0 for what cannot be a part."""
    begin, end = _segment(file, size)
    stop = min(end, size)
    while begin < stop:
        number, span = _element(file, begin, stop)
        if number not in _TOP or span.stop > stop:
            following = _find_cluster(file, begin + 1, stop)
            if following == stop and end > size:
                return  # the file is cut off
            number, span = 0, Span(begin, following)
        yield number, span
        begin = span.stop


def _find_cluster(file: BinaryIO, place: int, stop: int) -> int:
    """Where the next cluster begins, or `stop`."""
    wanted = _CLUSTER.to_bytes(4)
    while place < stop:
        file.seek(place)
        piece = file.read(min(_PIECE, stop - place))
        at = piece.find(wanted)
        if at >= 0:
            return place + at
        place += max(1, len(piece) - len(wanted) + 1)
    return stop


def _segment(file: BinaryIO, size: int) -> Span:
    """Content of the segment, which holds all else; it may be said to end behind the file."""
    number, header = _element(file, 0, size)
    if number != _EBML:
        return Span(0, 0)
    number, segment = _element(file, header.stop, size)
    return segment if number == _SEGMENT else Span(0, 0)


def _element(file: BinaryIO, place: int, stop: int) -> tuple[int, Span]:
    """Number and content of the element at `place`; one of unknown size goes to `stop`."""
    file.seek(place)
    begin = head(file.read(12))
    start = place + begin.length
    return begin.number, Span(start, stop if begin.size is None else start + begin.size)


def _is_whole(file: BinaryIO, span: Span) -> bool:
    file.seek(span.start)
    head = file.read(_CRC_SIZE)
    if head[:2] != b"\xbf\x84":
        return True
    left, checksum = span.stop - span.start - _CRC_SIZE, 0
    while left > 0 and (piece := file.read(min(left, _PIECE))):
        checksum = zlib.crc32(piece, checksum)
        left -= len(piece)
    return checksum == int.from_bytes(head[2:], "little")
