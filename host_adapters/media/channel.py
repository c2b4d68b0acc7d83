"""Handing work from thread to thread, in order and bounded, so that no failure can hang.

Whoever stops first, by failing or by losing interest, wakes and stops the other side.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager


class Closed(Exception):  # noqa: N818  # a signal between our threads, not an error
    """The other side is gone."""


class Channel[T]:
    """A bounded queue that either side can close.

    Args:
        size: items held at most.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._dropped = False

    def put(self, item: T) -> None:
        """Wait for room, then add `item`. Raises Closed if nobody will take it."""
        with self._changed:
            self._changed.wait_for(lambda: self._dropped or len(self._items) < self._size)
            if self._dropped:
                raise Closed
            self._items.append(item)
            self._changed.notify_all()

    def end(self) -> None:
        """Nothing more will come; what is there can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def drop(self) -> None:
        """Nothing more will be taken."""
        with self._changed:
            self._dropped = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._ended or self._dropped)
                if self._dropped or not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item


def read_ahead[T](items: Iterable[T], size: int, name: str) -> Generator[T]:
    """The same items, produced by a thread that runs up to `size` of them ahead.

    A failure of `items` is raised here in its place. Closing the generator closes `items`,
    in its thread, and waits for that.
    """
    channel: Channel[T] = Channel(size)
    failures: list[BaseException] = []

    def produce() -> None:
        iterator = iter(items)
        try:
            for item in iterator:
                channel.put(item)
        except Closed:
            pass
        except BaseException as error:  # noqa: BLE001  # raised again in the other thread
            failures.append(error)
        finally:
            if isinstance(iterator, Generator):
                iterator.close()
            channel.end()

    thread = threading.Thread(target=produce, name=name, daemon=True)
    thread.start()
    try:
        yield from channel
    finally:
        channel.drop()
        thread.join()
    if failures:
        raise failures[0]


@contextmanager
def write_behind[T](
    write: Callable[[T], None], size: int, name: str
) -> Iterator[Callable[[T], None]]:
    """A function that has `write` called by a thread, up to `size` items behind.

    A failure of `write` is raised by the next call or at the end of the block. When the
    block fails, what is still waiting is dropped.
    """
    channel: Channel[T] = Channel(size)
    failures: list[BaseException] = []

    def consume() -> None:
        try:
            for item in channel:
                write(item)
        except BaseException as error:  # noqa: BLE001  # raised again in the other thread
            failures.append(error)
        finally:
            channel.drop()

    thread = threading.Thread(target=consume, name=name, daemon=True)
    thread.start()
    try:
        yield channel.put
        channel.end()
    except Closed:
        pass  # the reason is in `failures`
    except BaseException:
        channel.drop()
        raise
    finally:
        thread.join()
    if failures:
        raise failures[0]
