"""Turns: how many threads may render at a time; fewer once memory has run out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Lets threads in, some at a time.

    Whoever waits for a turn must not hold what a thread that has one could wait for.

    Args:
        most: threads at a time, at least 1.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = self._busiest = 0
        self._changed = threading.Condition()

    @property
    def most(self) -> int:
        """Threads at a time, now."""
        return self._most

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and have it for the block."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken < self._most)
            self._taken += 1
            self._busiest = max(self._busiest, self._taken)
        try:
            yield
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify_all()

    def halve(self, seen: int) -> bool:
        """Let half as many in from now on as there have been at a time.

        Args:
            seen: `most` when the caller found it too many.

        Returns:
            False where nothing changes: at 1, and where another thread was first.
        """
        with self._changed:
            if seen == 1 or self._most != seen:
                return False
            self._most = max(1, min(seen, self._busiest) // 2)
            self._busiest = 0
            return True
