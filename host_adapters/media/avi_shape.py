"""The shape of pixels in the headers of an AVI file.

It stands in a stream's "vprp" chunk (OpenDML AVI extensions 1.02, section 5), which libav
leaves out where it knows no shape. The chunk goes behind the stream's other headers, and the
padding in front of the frames shrinks by as much, so that no frame moves.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

_CHUNK = struct.Struct("<4sI")
_KIND = 4  # bytes: what a list is of
_VPRP = struct.Struct("<5I2H2II8I")
_WIDEST = 0xFFFF  # what either number of a ratio may be


class _Chunk(NamedTuple):
    kind: bytes  # of a list what it is of
    place: int  # where its head begins
    begin: int
    stop: int


def shaped(data: bytes, shapes: Mapping[int, Fraction]) -> bytes:
    """The beginning of a file, with the shapes of pixels in it.

    Args:
        data: of the file, from its first byte to its frames or further.
        shapes: width to height of a pixel for streams by their place.

    Returns:
        As many bytes; the same where there is no room, or a chunk already.
    """
    for stream, shape in shapes.items():
        data = _with_shape(data, stream, shape)
    return data


def _with_shape(data: bytes, stream: int, shape: Fraction) -> bytes:
    parts = list(_chunks(data, _CHUNK.size + _KIND, len(data)))
    header = next((each for each in parts if each.kind == b"hdrl"), None)
    padding = next((each for each in parts if each.kind == b"JUNK"), None)
    if header is None or padding is None:
        return data
    streams = [e for e in _chunks(data, header.begin, header.stop) if e.kind == b"strl"]
    if stream >= len(streams):
        return data
    own = streams[stream]
    added = _properties(data, own, shape)
    left = padding.stop - padding.begin - len(added)
    if not added or left < 0:
        return data
    changed = bytearray(data)
    for each in (header, own):
        size = each.stop - each.place - _CHUNK.size + len(added)
        struct.pack_into("<I", changed, each.place + 4, size)
    struct.pack_into("<I", changed, padding.place + 4, left)
    return bytes(
        changed[: own.stop]
        + added
        + changed[own.stop : padding.begin]
        + changed[padding.begin + len(added) :]
    )


def _properties(data: bytes, stream: _Chunk, shape: Fraction) -> bytes:
    """The chunk that a stream needs; empty where it has one, or no picture."""
    parts = {each.kind: each for each in _chunks(data, stream.begin, stream.stop)}
    if b"vprp" in parts or not {b"strh", b"strf"} <= set(parts):
        return b""
    scale, rate = struct.unpack_from("<2I", data, parts[b"strh"].begin + 20)
    width, height = map(abs, struct.unpack_from("<2i", data, parts[b"strf"].begin + 4))
    if not width or not height:
        return b""
    across, down = _near(shape * width / height)
    field = (height, width, height, width, 0, 0, 0, 0)
    refreshed = round(rate / scale) if scale else 0
    content = _VPRP.pack(
        *(0, 0, refreshed, width, height), *(down, across), *(width, height), 1, *field
    )
    return _CHUNK.pack(b"vprp", len(content)) + content


def _near(ratio: Fraction) -> tuple[int, int]:
    """The ratio in two numbers of 16 bits."""
    if ratio <= 1:
        return ratio.limit_denominator(_WIDEST).as_integer_ratio()
    down, across = (1 / ratio).limit_denominator(_WIDEST).as_integer_ratio()
    return across, down


def _chunks(data: bytes, place: int, stop: int) -> Iterator[_Chunk]:
    """The whole chunks in a row."""
    while place + _CHUNK.size + _KIND <= stop:
        kind, size = _CHUNK.unpack_from(data, place)
        begin = place + _CHUNK.size
        if begin + size > stop:
            return
        if kind == b"LIST":
            yield _Chunk(data[begin : begin + _KIND], place, begin + _KIND, begin + size)
        else:
            yield _Chunk(kind, place, begin, begin + size)
        place = begin + size + size % 2
