"""A curve of any length in bounded memory: what a plot of it can show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Bin:
    """Some values in a row.

    Attributes:
        start: of the first of them, in seconds.
        total: their sum.
        highest: the largest one.
        count: how many.
    """

    start: float
    total: float
    highest: float
    count: int

    @property
    def mean(self) -> float:
        """Of its values."""
        return self.total / self.count

    def joined(self, other: Bin) -> Bin:
        """This one and the one after it."""
        return Bin(
            self.start,
            self.total + other.total,
            max(self.highest, other.highest),
            self.count + other.count,
        )


class Envelope:
    """Takes values in order; whenever `most` bins are full, neighbours are joined.

    Args:
        most: bins, even.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._size = 1  # values a bin
        self.bins: list[Bin] = []

    def push(self, time: float, value: float) -> None:
        """Take the value at `time` seconds."""
        if self.bins and self.bins[-1].count < self._size:
            self.bins[-1] = self.bins[-1].joined(Bin(time, value, value, 1))
            return
        if len(self.bins) == self._most:
            pairs = zip(self.bins[::2], self.bins[1::2], strict=True)
            self.bins = [one.joined(other) for one, other in pairs]
            self._size *= 2
        self.bins.append(Bin(time, value, value, 1))
