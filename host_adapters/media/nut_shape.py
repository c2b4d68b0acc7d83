"""The shape of pixels in the header of a NUT stream.

After the format's specification of 2013, "NUT Open Container Format": a packet has a start
code, its size, its content and a checksum; that of a video says the shape behind its size.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

_STREAM = b"NS\x11\x40\x5b\xf2\xf9\xdb"
_CHECKSUM = 4  # bytes
_LARGE = 4096  # bytes above which a packet has a second checksum, which headers never need
_POLYNOMIAL = 0x04C11DB7


def shaped(data: bytes, shapes: Mapping[int, Fraction]) -> bytes:
    """The beginning of a stream, with the shapes of pixels in it.

    Args:
        data: all of the first headers, or more.
        shapes: width to height of a pixel for streams by their place.

    Returns:
        A few bytes more, where numbers need them.
    """
    place, written = 0, b""
    while (start := data.find(_STREAM, place)) >= 0:
        start += len(_STREAM)
        size, content = _number(data, start)
        stop = content + size - _CHECKSUM
        if size > _LARGE or stop + _CHECKSUM > len(data):
            break
        packet = _packet(data[content:stop], shapes)
        written += data[place:start] + packet
        place = stop + _CHECKSUM
    return written + data[place:]


def checksum(content: bytes) -> int:
    """CRC-32 of NUT: most significant bit first, begun with zero."""
    value = 0
    for byte in content:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (_POLYNOMIAL if value >> 31 else 0)) & 0xFFFFFFFF
    return value


def _packet(content: bytes, shapes: Mapping[int, Fraction]) -> bytes:
    """Size, content and checksum of a stream's header."""
    stream, place = _number(content, 0)
    kind, place = _number(content, place)
    if kind == 0 and (shape := shapes.get(stream)):
        place = _skip_bytes(content, place)  # fourcc
        for _ in range(5):  # time base, shift and distance of times, delay, flags
            _, place = _number(content, place)
        place = _skip_bytes(content, place)  # the codec's own header
        for _ in range(2):  # width and height
            _, place = _number(content, place)
        stop = place
        for _ in range(2):
            _, stop = _number(content, stop)
        said = _encoded(shape.numerator) + _encoded(shape.denominator)
        content = content[:place] + said + content[stop:]
    size = len(content) + _CHECKSUM
    return _encoded(size) + content + checksum(content).to_bytes(_CHECKSUM)


def _skip_bytes(data: bytes, place: int) -> int:
    size, place = _number(data, place)
    return place + size


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A number of 7 bits a byte, and where the next begins."""
    value = 0
    while place < len(data):
        value = value << 7 | data[place] & 127
        place += 1
        if not data[place - 1] & 128:
            break
    return value, place


def _encoded(value: int) -> bytes:
    digits = [value & 127]
    while value := value >> 7:
        digits.insert(0, value & 127 | 128)
    return bytes(digits)
