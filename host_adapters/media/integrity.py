"""Signs of damage that decoders do not tell of, or hide.

They patch what they can and hand out a picture as if nothing had been. What is checked
here needs no decoding: checksums that FFV1 keeps, bytes that H.264 and HEVC never write,
and times that are missing where a file is known to be damaged.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from host_adapters.media.matroska import Span

Times = NDArray[np.int64]
Check = Callable[[bytes], bool]  # False for a damaged packet

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FFV1_TAIL = 8  # bytes behind each slice: three of its size, one of state, four of checksum
_NEVER = re.compile(rb"\0\0[\0\1\2]")  # a byte 3 is put in between, lest it look like a start
_LENGTH_AT = {"h264": 4, "hevc": 21}  # where the header says how many bytes a length takes


@dataclass
class Verdicts:
    """What a check said of a stream's packets.

    A check is believed only where it holds for most packets: encoders have habits, and
    FFV1 may do without checksums.
    """

    check: Check | None
    passed: int = 0
    failed: list[int] = field(default_factory=list)  # pts

    def look_at(self, packet: av.Packet[Any], pts: int) -> None:
        """Check one packet, which is copied only if there is something to check."""
        if self.check is None or self.check(bytes(packet)):
            self.passed += 1
        else:
            self.failed.append(pts)

    @property
    def damaged(self) -> frozenset[int]:
        """Pts of the packets that are damaged."""
        return frozenset(self.failed if self.passed > len(self.failed) else ())


class Doubt(NamedTuple):
    """A stretch of a file in which something is damaged.

    Attributes:
        first: pts of its first frame; where nothing is left of it, of the frame before.
        last: pts of its last frame; where some are lost, of the one behind them.
        lost: frames of a constant rate that are not there any more.
    """

    first: int
    last: int
    lost: int


def doubts(spans: Sequence[Span], places: Sequence[int], pts: Sequence[int]) -> tuple[Doubt, ...]:
    """Which frames lie in damaged `spans` of a file.

    Args:
        spans: bytes of the file.
        places: of the packets in the file.
        pts: of the same packets.
    """
    at, times = np.array(places, np.int64), np.array(pts, np.int64)
    return tuple(_doubt(span, at, times) for span in spans) if len(pts) > 1 else ()


def _doubt(span: Span, at: Times, times: Times) -> Doubt:
    before, behind = times[at < span.start], times[at >= span.stop]
    within = times[(at >= span.start) & (at < span.stop)]
    nearest = before[before == before.max()] if len(before) else before
    near = np.sort(np.concatenate([nearest, within, behind]))
    first = within.min() if len(within) else near[0]
    upto = behind.min() if len(behind) else near[-1]
    lost = _lost(np.sort(times), int(near[0]), int(upto))
    last = within.max() if len(within) and not lost else upto
    return Doubt(int(first), int(last), lost)


def _lost(times: Times, low: int, high: int) -> int:
    """Frames missing between two times of a clip whose rate is constant elsewhere; else 0."""
    steps, begins = np.diff(times), times[:-1]
    here = (begins >= low) & (begins < high)
    step = float(np.median(steps))
    wide = steps > 1.5 * step
    if (wide & ~here).any() or step <= 0:
        return 0
    return int(np.rint(steps[wide & here] / step - 1).sum())


def check_for(codec: str, header: bytes) -> Check | None:
    """The check of a codec's packets; None if there is none.

    Args:
        codec: libav's name of the decoder.
        header: what the container keeps beside the packets.
    """
    if codec == "ffv1":
        return _ffv1_is_whole
    at = _LENGTH_AT.get(codec, len(header))
    if at < len(header) and header[0] == 1:  # with lengths, not start codes
        width = (header[at] & 3) + 1
        return lambda packet: _units_are_whole(packet, width)
    return None


def _ffv1_is_whole(packet: bytes) -> bool:
    """Each slice with its checksum leaves no remainder. The chain of slices starts at the end."""
    mirrored = packet.translate(_MIRRORED)  # zlib counts bits the other way round
    stop = len(packet)
    while stop > 0:
        size = int.from_bytes(packet[max(0, stop - _FFV1_TAIL) : stop - 5]) + _FFV1_TAIL
        if stop < _FFV1_TAIL or size > stop:
            return False
        if zlib.crc32(mirrored[stop - size : stop], 0xFFFFFFFF) != 0xFFFFFFFF:
            return False
        stop -= size
    return True


def _units_are_whole(packet: bytes, width: int) -> bool:
    """Lengths that add up, and in no unit what has to be escaped."""
    place = 0
    while place < len(packet):
        start = place + width
        place = start + int.from_bytes(packet[place:start])
        if place > len(packet) or place == start:
            return False
        # Some encoders leave a few zeros behind a unit.
        body = packet[start:place]
        if _NEVER.search(body, 0, max(len(body.rstrip(b"\0")), len(body) - 8)):
            return False
    return True
