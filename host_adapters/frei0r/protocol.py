"""Messages between the plug-in and its worker, version 1; the other side of vdiff_protocol.h.

Every message is `SIZE` bytes. Whatever does not fit its definition raises `ProtocolError`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from vdiff_plugin.errors import VdiffError

SIZE = 512
MAGIC = 0x30464456  # "VDF0"
VERSION = 1
WINDOW = 16  # most frames that a request can speak of
NAME = 64  # bytes of a name, its final NUL included

HELLO, OPEN, OPENED, RENDER, RENDERED, FAILED = range(1, 7)
RGBA8 = 1
DELAYED, CHANGE_MAP = 1, 2
PICTURE, UNCHANGED = 0, 1

_HEADER = struct.Struct("=IHHQ")
_OPEN = struct.Struct("=6I2Q")
_RENDER = struct.Struct(f"=4d2I{WINDOW}I{WINDOW}I{NAME}s{NAME}s")
_OUTCOME = struct.Struct("=I")
_LARGEST = 16384  # pixels of a side
_TEXT = SIZE - _HEADER.size


class ProtocolError(VdiffError):
    """A message that breaks the protocol."""


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """An instance's pictures and the memory they lie in.

    Attributes:
        width: pixels.
        height: pixels.
        row_bytes: from one row to the next; rows have no gaps.
        slots: that hold source frames; one more, the last, holds the answer.
        slot_bytes: from one slot to the next.
        total_bytes: of the memory.
    """

    width: int
    height: int
    row_bytes: int
    slots: int
    slot_bytes: int
    total_bytes: int


@dataclass(frozen=True, kw_only=True)
class Request:
    """One frame is wanted.

    Attributes:
        ticket: comes back with the answer.
        strength: 0..1.
        noise: 0 for auto, else code values over 100, up to 1.
        mix: share of the source picture in the result, 0..1.
        delayed: the frame wanted is the one `radius` calls ago.
        change_map: it is to show what changed.
        newest: slot of the frame of this call; the one k calls ago lies k slots before.
        ids: of the frames 0, 1, 2 ... calls ago; 0 where there is none.
        runs: of the same; frames of one run follow one another in time.
        task: name of a task.
        preset: name of a preset.
    """

    ticket: int
    strength: float
    noise: float
    mix: float
    delayed: bool
    change_map: bool
    newest: int
    ids: tuple[int, ...]
    runs: tuple[int, ...]
    task: str
    preset: str


def read_open(data: bytes) -> Geometry:
    """The geometry of an instance.

    Raises:
        ProtocolError: not an OPEN message, or sizes that contradict each other.
    """
    _require(data, OPEN)
    width, height, form, row, slots, _, slot, total = _OPEN.unpack_from(data, _HEADER.size)
    if form != RGBA8:
        raise ProtocolError(f"pixel format {form}; this worker has 1 (8-bit RGBA)")
    if not (1 <= width <= _LARGEST and 1 <= height <= _LARGEST and row == 4 * width):
        raise ProtocolError(f"a picture of {width}x{height} in rows of {row} bytes")
    if not (1 <= slots <= WINDOW and row * height <= slot and (slots + 1) * slot <= total):
        raise ProtocolError(f"{slots} slots of {slot} bytes in {total} do not hold the pictures")
    return Geometry(
        width=width, height=height, row_bytes=row, slots=slots, slot_bytes=slot, total_bytes=total
    )


def read_render(data: bytes, slots: int) -> Request:
    """A request for a frame of an instance that has `slots`.

    Raises:
        ProtocolError: not a RENDER message, or values out of their range.
    """
    ticket = _require(data, RENDER)
    fields = _RENDER.unpack_from(data, _HEADER.size)
    _, strength, noise, mix, flags, newest = fields[:6]
    if not all(0 <= value <= 1 for value in (strength, noise, mix)):  # NaN is refused too
        raise ProtocolError("a parameter is outside 0 to 1")
    if newest >= slots or flags & ~(DELAYED | CHANGE_MAP):
        raise ProtocolError(f"slot {newest} of {slots}, flags {flags}")
    return Request(
        ticket=ticket,
        strength=strength,
        noise=noise,
        mix=mix,
        delayed=bool(flags & DELAYED),
        change_map=bool(flags & CHANGE_MAP),
        newest=newest,
        ids=fields[6 : 6 + slots],
        runs=fields[6 + WINDOW : 6 + WINDOW + slots],
        task=_name(fields[-2]),
        preset=_name(fields[-1]),
    )


def hello() -> bytes:
    """The worker is ready."""
    return _message(HELLO)


def opened() -> bytes:
    """The instance is taken."""
    return _message(OPENED)


def rendered(ticket: int, outcome: int) -> bytes:
    """The frame is in the last slot (`PICTURE`), or is the source frame (`UNCHANGED`)."""
    return _message(RENDERED, ticket, _OUTCOME.pack(outcome))


def failed(ticket: int, text: str) -> bytes:
    """The frame cannot be had, and why, in one line."""
    line = " ".join(text.split()).encode("ascii", "replace")
    return _message(FAILED, ticket, line[: _TEXT - 1])


def ticket_of(data: bytes) -> int:
    """The ticket of a message of ours, 0 where it has none."""
    if len(data) != SIZE:
        return 0
    ticket: int = _HEADER.unpack_from(data)[3]
    return ticket


def _message(kind: int, ticket: int = 0, body: bytes = b"") -> bytes:
    return (_HEADER.pack(MAGIC, VERSION, kind, ticket) + body).ljust(SIZE, b"\0")


def _require(data: bytes, kind: int) -> int:
    if len(data) != SIZE:
        raise ProtocolError(f"a message of {len(data)} bytes; all have {SIZE}")
    magic, version, got, ticket = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise ProtocolError("a message that is not vdiff's")
    if version != VERSION:
        raise ProtocolError(
            f"the plug-in speaks version {version} and its worker {VERSION}; "
            "run vdiff frei0r install again"
        )
    if got != kind:
        raise ProtocolError(f"a message of kind {got} where {kind} is due")
    return int(ticket)


def _name(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace")
