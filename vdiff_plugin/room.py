"""Room: how many frames may be under way at once, so that a clip fits in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MOST_WAITING = 8  # frames between two threads; more of them smooth nothing further

_SHARE = 0.8  # of the free memory; the rest is for what is not counted, and for others
_DECODER = 8  # pictures that one of H.264 holds
_ENCODER = 28  # pictures that are as much as the largest packet of FFV1


@dataclass(frozen=True, kw_only=True)
class Weight:
    """Bytes that a stage takes for frames of its clip.

    Attributes:
        render: while it makes one frame, at the peak, beside that frame and its sources.
        kept: what it looks at of each source frame, which the cache keeps.
    """

    render: int
    kept: int = 0

    def __add__(self, other: Weight) -> Weight:
        """Of stages that render one after the other."""
        return Weight(render=max(self.render, other.render), kept=self.kept + other.kept)


@dataclass(frozen=True, kw_only=True)
class Room:
    """What may be in memory at once. Pixels never depend on it.

    Attributes:
        workers: threads that render, at least 1.
        waiting: frames that wait to be rendered, and as many to be written, at least 1.
        cache: bytes.
    """

    workers: int
    waiting: int
    cache: int

    def __str__(self) -> str:
        return (
            f"{self.workers} rendered at a time, {self.waiting} waiting on either side, "
            f"cache of {megabytes(self.cache)}"
        )


@dataclass(frozen=True, kw_only=True)
class Load:
    """Bytes of a clip on its way through a session.

    Attributes:
        source: bytes of a frame that comes in.
        output: bytes of a frame that goes out.
        window: frames that a frame depends on.
        weight: of the chain.
    """

    source: int
    output: int
    window: int
    weight: Weight

    def within(self, room: Room) -> int:
        """Bytes that all of it takes when `room` is used up."""
        under_way = 2 * room.workers
        sources = self.window + under_way + 2 * room.waiting + _DECODER
        outputs = under_way + room.waiting + _ENCODER
        frames = sources * self.source + outputs * self.output
        kept = max(room.cache, self._in_use(room.workers))
        return frames + room.workers * self.weight.render + kept

    def _in_use(self, workers: int) -> int:
        """Bytes that windows under way hold of what the cache keeps, whether it does or not."""
        return (self.window + workers) * self.weight.kept

    def fit(self, wanted: Room, free: int) -> Room:
        """The largest room up to `wanted` that fits into `free` bytes, or the smallest there is.

        Frames wait in shorter queues first; then the cache shrinks to what the windows under
        way hold anyway; then fewer are rendered at a time. Where there is room, a smaller
        cache grows to that (0 does not): it would forget what is in memory, and have it made
        again.
        """
        usable = _SHARE * free
        rooms = list(self._rooms(wanted))
        return next((room for room in rooms if self.within(room) <= usable), rooms[-1])

    def _rooms(self, wanted: Room) -> Iterator[Room]:
        waits = [wanted.waiting >> halved for halved in range(wanted.waiting.bit_length())]
        for workers in range(wanted.workers, 0, -1):
            held = self._in_use(workers) if wanted.cache else 0
            for waiting in waits:
                yield Room(workers=workers, waiting=waiting, cache=max(wanted.cache, held))
            yield Room(workers=workers, waiting=1, cache=min(wanted.cache, held))


def megabytes(size: float) -> str:
    """`size` bytes for a message."""
    return f"{size / 1e6:.0f} MB"
