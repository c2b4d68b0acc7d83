"""From times in the input to times in the output: the same, unless there is a reason."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from host_adapters.media.rational import fraction

if TYPE_CHECKING:
    from av.container.core import Chapter  # stands in PyAV's types only


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """Which stretch of the input is written, and how far it moves.

    Attributes:
        shift: seconds that are taken off every time.
        start: nothing that ends before this is written; None keeps the beginning.
        stop: nothing that begins here or later is written; None keeps the end.
        from_zero: leave out copied packets that would begin before 0 (an audio codec's
            run-in), for containers that would move everything because of them.
    """

    shift: Fraction = Fraction(0)
    start: Fraction | None = None
    stop: Fraction | None = None
    from_zero: bool = False

    def pts(self, pts: int, time_base: Fraction, new_base: Fraction) -> int:
        """A time in units of `time_base` as one in units of `new_base`."""
        return round((pts * time_base - self.shift) / new_base)

    def holds(self, packet: av.Packet[Any]) -> bool:
        """True if the packet has a part in the stretch."""
        begin = packet.pts if packet.pts is not None else packet.dts
        if begin is None:
            return True
        base = fraction(packet.time_base)
        if self.from_zero and begin * base < self.shift:
            return False
        end = begin + max(packet.duration or 0, 1)
        late = self.stop is not None and begin * base >= self.stop
        return not late and (self.start is None or end * base > self.start)

    def move(self, packet: av.Packet[Any]) -> None:
        """Shift a packet's times."""
        offset = round(self.shift / fraction(packet.time_base))
        if not offset:
            return
        packet.pts = None if packet.pts is None else packet.pts - offset
        packet.dts = None if packet.dts is None else packet.dts - offset

    def chapters(self, chapters: list[Chapter]) -> list[Chapter]:
        """Chapters that have a part in the stretch, cut to it and shifted."""
        moved = [self._chapter(each) for each in chapters]
        return [each for each in moved if each is not None]

    def _chapter(self, chapter: Chapter) -> Chapter | None:
        base = fraction(chapter["time_base"])
        begin, end = chapter["start"] * base, chapter["end"] * base
        if self.start is not None:
            begin, end = max(begin, self.start), max(end, self.start)
        if self.stop is not None:
            begin, end = min(begin, self.stop), min(end, self.stop)
        if begin == end and chapter["start"] != chapter["end"]:
            return None
        moved = chapter.copy()
        moved["start"] = round((begin - self.shift) / base)
        moved["end"] = round((end - self.shift) / base)
        return moved
