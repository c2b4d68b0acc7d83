"""Which frames an output gets and when: ffmpeg's frame rate methods.

A float is kept where ffmpeg keeps one, so that the same frames are dropped and doubled.
"""

from __future__ import annotations

import math
from collections import deque
from fractions import Fraction
from typing import Literal, NamedTuple

Method = Literal["passthrough", "cfr", "vfr"]
METHODS = {"passthrough": "passthrough", "0": "passthrough", "cfr": "cfr", "1": "cfr"} | {
    "vfr": "vfr",
    "2": "vfr",
    "auto": "auto",
    "-1": "auto",
}
_LATE, _EARLY = 1.1, -1.1


class Shown(NamedTuple):
    """A frame for the encoder: what to show, when and how long, in its time base."""

    frame: object
    pts: int
    duration: int


def clock_time(moment: Fraction, base: Fraction) -> float:
    """A time in encoder ticks, as ffmpeg's arithmetic has it.

    Rounded to a fraction of a tick; what then is no whole number is moved a little from zero,
    so that none lies in the middle of two ticks.

    Args:
        moment: seconds.
        base: seconds of a tick.
    """
    bits = min(16, max(0, 30 - base.denominator.bit_length()))
    scaled = abs(moment / base) * (1 << bits)
    whole = math.floor(scaled + Fraction(1, 2))
    ticks = math.copysign(whole, moment) / (1 << bits)
    return ticks if ticks == round(ticks) else ticks + math.copysign(1 / 2**17, ticks)


class FrameClock:
    """Turns the times of a graph's frames into those of an encoder.

    Args:
        method: how.
    """

    def __init__(self, method: Method) -> None:
        self._method = method
        self._next = 0
        self._last: object = None
        self._doubled: deque[int] = deque([0, 0, 0], 3)
        self.dropped = 0
        self.doubled = 0

    def add(self, frame: object, pts: float, duration: float) -> list[Shown]:
        """What is shown now that a frame came, at `pts` for `duration` encoder ticks."""
        before, count, at, ticks = self._decide(pts, duration)
        self._doubled.append(before)
        if self._method != "cfr" and count:
            self._next = at
        if not count:
            self.dropped += 1
        out = []
        for n in range(count):
            shown = self._last if n < before and self._last is not None else frame
            out.append(Shown(shown, self._next, ticks))
            self._next += 1
        self.doubled += max(0, count - 1)
        self._last = frame
        return out

    def finish(self) -> list[Shown]:
        """Frames that still belong behind the last one, where the rate is constant."""
        count = sorted(self._doubled)[1] if self._method == "cfr" else 0
        out = []
        for _ in range(count if self._last is not None else 0):
            out.append(Shown(self._last, self._next, 1))
            self._next += 1
        return out

    def _decide(self, pts: float, duration: float) -> tuple[int, int, int, int]:
        """Repeats of the frame before, frames in all, pts and duration of the first."""
        drift = pts - self._next
        delta = drift + duration
        if drift < 0 < delta and self._method != "passthrough":
            pts, duration, drift = float(self._next), duration + drift, 0.0
        if self._method == "cfr":
            if delta < _EARLY:
                return 0, 0, self._next, 1
            if delta > _LATE:
                before = round(drift - 0.6) if drift > _LATE else 0
                return before, round(delta), self._next, 1
            return 0, 1, self._next, 1
        if self._method == "vfr":
            if delta <= -0.6:
                return 0, 0, self._next, 1
            return 0, 1, round(pts) if delta > 0.6 else self._next, max(0, round(duration))
        return 0, 1, round(pts), max(0, round(duration))
