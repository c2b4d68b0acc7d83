"""EBML, the form of Matroska files: elements of a number, a size and a content.

Numbers and sizes say their own width by their leading zero bits (RFC 8794).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import NamedTuple

CRC = 0xBF
VOID = 0xEC
_LONGEST = 8  # bytes of a size


class Element(NamedTuple):
    """One element.

    Attributes:
        number: which element it is, its marker bits included.
        content: its bytes.
        width: bytes that its size takes at least.
    """

    number: int
    content: bytes
    width: int = 1

    def encoded(self) -> bytes:
        """The whole element."""
        size = len(self.content)
        width = max(self.width, -(-(size + 1).bit_length() // 7))  # all ones mean unknown
        length = (size | 1 << 7 * width).to_bytes(width)
        return self.number.to_bytes((self.number.bit_length() + 7) // 8) + length + self.content


class Head(NamedTuple):
    """The beginning of an element.

    Attributes:
        number: which element; 0 for what is none.
        size: bytes of its content; None where it is left open.
        width: bytes of the size.
        length: bytes of this head.
    """

    number: int
    size: int | None
    width: int
    length: int


def head(data: bytes) -> Head:
    """Read the head of the element that `data` begins with; 12 bytes are enough."""
    numbers = _width(data[:1])
    sizes = _width(data[numbers : numbers + 1])
    length = numbers + sizes
    if not numbers or not sizes or len(data) < length:
        return Head(0, None, 0, 0)
    size = int.from_bytes(data[numbers:length]) & ((1 << 7 * sizes) - 1)
    unknown = size == (1 << 7 * sizes) - 1
    return Head(int.from_bytes(data[:numbers]), None if unknown else size, sizes, length)


def children(content: bytes) -> list[Element]:
    """The elements in a row.

    Raises:
        ValueError: they are not whole.
    """
    found = []
    while content:
        begin = head(content)
        stop = begin.length + (begin.size or 0)
        if not begin.number or begin.size is None or stop > len(content):
            raise ValueError("not a row of whole elements")
        found.append(Element(begin.number, content[begin.length : stop], begin.width))
        content = content[stop:]
    return found


def joined(elements: Iterable[Element]) -> bytes:
    """The elements in a row; a checksum in front of them is made anew."""
    first, *rest = elements
    if first.number != CRC:
        return b"".join(each.encoded() for each in (first, *rest))
    content = b"".join(each.encoded() for each in rest)
    return Element(CRC, zlib.crc32(content).to_bytes(4, "little")).encoded() + content


def void(length: int) -> bytes:
    """An element of `length` bytes that says nothing, at least 2."""
    width = 1 if length <= _LONGEST else _LONGEST
    return Element(VOID, bytes(length - 1 - width), width).encoded()


def _width(first: bytes) -> int:
    """Bytes of a number, as its first byte tells; 0 if it tells none."""
    return 9 - first[0].bit_length() if first and first[0] else 0
