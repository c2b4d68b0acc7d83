"""FeatureCache: content-addressed memory, bounded by bytes, computed once for all threads."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import chain
from typing import Any, TypeVar, cast

T = TypeVar("T")

ENTRY_BYTES = 512  # the key, its digests and the tables' own share, so that tiny values count too


@dataclass(frozen=True, kw_only=True)
class CacheStatistics:
    """What a cache did since it was made.

    Attributes:
        hits: answers that cost nothing, or only waiting for another thread.
        misses: computations started.
        evictions: values dropped to stay within the limit.
        entries: values held now.
        bytes: their size now.
    """

    hits: int
    misses: int
    evictions: int
    entries: int
    bytes: int


class FeatureCache:
    """Least-recently-used memory of what was computed, at most `limit` bytes.

    Values are shared between threads and must not be written to. Hold no lock that a
    computation could want while calling `get`.

    Args:
        limit: bytes held at most; 0 keeps nothing, and still computes a key only once
            for all threads that ask for it at the same time.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._flights: dict[Hashable, _Flight] = {}
        self._waiting: dict[int, _Flight] = {}  # thread -> what it waits for
        self._bytes = self._hits = self._misses = self._evictions = 0

    @property
    def limit(self) -> int:
        """Bytes held at most."""
        return self._limit

    @property
    def statistics(self) -> CacheStatistics:
        """What it did until now."""
        with self._lock:
            return CacheStatistics(
                hits=self._hits,
                misses=self._misses,
                evictions=self._evictions,
                entries=len(self._entries),
                bytes=self._bytes,
            )

    def resize(self, limit: int) -> None:
        """Change the limit, dropping the values used longest ago where it shrinks."""
        with self._lock:
            self._limit = limit
            self._evict()

    def clear(self) -> None:
        """Drop every value. Computations under way go on."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def get(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value of `key`, computed at most once however many threads ask for it.

        Where `compute` fails, its caller gets the exception, nothing is kept, and a
        thread that waited for the value computes it for itself.

        Args:
            key: stands for the content: equal keys have equal values.
            compute: gives the value; may call `get` for other keys.

        Raises:
            RuntimeError: the computation of `key` asks for `key` again, which could
                never end.
        """
        while True:
            with self._lock:
                if key in self._entries:
                    self._hits += 1
                    self._entries.move_to_end(key)
                    return cast("T", self._entries[key][0])
                flight = self._flights.get(key)
                if flight is None:
                    flight = self._flights[key] = _Flight()
                    self._misses += 1
                    break
                self._wait_on(flight, key)
            if self._join(flight):
                return cast("T", flight.value)
        return cast("T", self._fly(key, flight, compute))

    def peek(self, key: Hashable) -> Any:
        """The value of `key` if it is held just now, else None; waits for nobody."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key][0]

    def _fly(self, key: Hashable, flight: _Flight, compute: Callable[[], Any]) -> Any:
        try:
            value = compute()
            size = byte_size(value) + ENTRY_BYTES
            flight.land(value)
        finally:
            with self._lock:
                del self._flights[key]
                if flight.landed:
                    self._keep(key, value, size)
                flight.over.set()
        return value

    def _wait_on(self, flight: _Flight, key: Hashable) -> None:
        """Note that this thread waits, unless the flight waits for this very thread."""
        here = threading.get_ident()
        ahead: _Flight | None = flight
        while ahead is not None and not ahead.over.is_set():
            if ahead.thread == here:
                raise RuntimeError(f"the computation of cache key {key!r} needs itself")
            ahead = self._waiting.get(ahead.thread)
        self._waiting[here] = flight

    def _join(self, flight: _Flight) -> bool:
        """Wait for another thread's computation; True if it gave a value."""
        flight.over.wait()
        with self._lock:
            del self._waiting[threading.get_ident()]
            self._hits += flight.landed
        return flight.landed

    def _keep(self, key: Hashable, value: Any, size: int) -> None:
        if size > self._limit:
            return
        self._entries[key] = (value, size)
        self._bytes += size
        self._evict()

    def _evict(self) -> None:
        while self._bytes > self._limit:
            _, (_, size) = self._entries.popitem(last=False)
            self._bytes -= size
            self._evictions += 1


class _Flight:
    """One computation under way, and the thread that does it."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.over = threading.Event()
        self.landed = False
        self.value: Any = None

    def land(self, value: Any) -> None:
        self.value = value
        self.landed = True


def byte_size(value: Any) -> int:
    """Bytes that `value` keeps alive: arrays and frames, alone or in containers, each once."""
    parts = {id(part): part for part in _parts(value)}
    return sum(getattr(part, "nbytes", None) or sys.getsizeof(part) for part in parts.values())


def _parts(value: Any) -> Iterator[Any]:
    """What `value` consists of, as far as it is known how to look inside."""
    if isinstance(getattr(value, "nbytes", None), int):
        yield value
    elif isinstance(value, tuple | list | set | frozenset):
        yield from chain.from_iterable(map(_parts, value))
    elif isinstance(value, Mapping):
        yield from chain.from_iterable(map(_parts, value.values()))
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _parts(getattr(value, field.name))
    else:
        yield value
