"""One render at a time; of those that wait for the same kind of picture only the newest."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from vdiff_plugin.errors import VdiffError


class SupersededError(VdiffError):
    """A newer request came while this one waited, or the program ends."""


class Turns:
    """Who may render. Any thread may ask."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: Counter[str] = Counter()
        self._busy = False
        self._closed = False

    @contextmanager
    def take(self, kind: str) -> Iterator[None]:
        """Wait for the turn, and have it for as long as the block lasts.

        Args:
            kind: what is made; a newer request for the same ends the waiting of older ones.

        Raises:
            SupersededError: there is a newer one, or `close` was called.
        """
        self._enter(kind)
        try:
            yield
        finally:
            self._leave()

    def close(self) -> None:
        """Let nobody in any more, and wait until whoever is in has left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._busy)

    def _enter(self, kind: str) -> None:
        with self._changed:
            self._newest[kind] += 1
            mine = self._newest[kind]
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._busy or self._is_over(kind, mine))
            if self._is_over(kind, mine):
                raise SupersededError("a newer request took its place; ask again")
            self._busy = True

    def _leave(self) -> None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()

    def _is_over(self, kind: str, mine: int) -> bool:
        return self._closed or self._newest[kind] != mine
