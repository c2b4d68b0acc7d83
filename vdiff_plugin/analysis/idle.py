"""Spans in which nothing happens, for fixed cameras."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """Frames in a row, both ends included.

    Attributes:
        first, last: frame numbers.
        start: when the first one is shown, in seconds.
        stop: when the last one has been shown, in seconds.
    """

    first: int
    last: int
    start: float
    stop: float


class IdleFinder:
    """Takes frames in order and gives a span when it is over.

    Args:
        least: seconds that a span must last.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._first: tuple[int, float] | None = None

    def push(self, n: int, time: float, *, idle: bool) -> Span | None:
        """Take frame `n`, shown at `time`; the span that it ends, if it ends one."""
        if idle:
            self._first = self._first or (n, time)
            return None
        return self._end(n, time)

    def finish(self, length: int, stop: float) -> Span | None:
        """The span that the clip's end ends, if any.

        Args:
            length: frames of the clip.
            stop: when the last of them has been shown, in seconds.
        """
        return self._end(length, stop)

    def _end(self, n: int, time: float) -> Span | None:
        first, self._first = self._first, None
        if first is None or time - first[1] < self._least:
            return None
        return Span(first[0], n - 1, first[1], time)
