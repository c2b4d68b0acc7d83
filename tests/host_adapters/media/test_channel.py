"""Threads that hand on work: in order, bounded, and never left waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from host_adapters.media.channel import Channel, Closed, read_ahead, write_behind


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [each for each in set(threading.enumerate()) - before if each.is_alive()]
    assert not left


def test_items_come_in_order_from_another_thread() -> None:
    producers: set[str] = set()

    def items() -> Iterator[int]:
        for n in range(50):
            producers.add(threading.current_thread().name)
            yield n

    assert list(read_ahead(items(), 4, "producer")) == list(range(50))
    assert producers == {"producer"}


def test_no_more_than_the_size_is_made_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for n in range(100):
            made.append(n)
            yield n

    ahead = read_ahead(items(), 3, "producer")
    assert next(ahead) == 0
    wait_until(lambda: len(made) >= 5)
    time.sleep(0.05)
    assert len(made) <= 5  # one taken, three waiting, one in hand
    ahead.close()


def test_a_failing_source_is_raised_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise ValueError("source")

    ahead = read_ahead(items(), 8, "producer")
    assert [next(ahead) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="source"):
        next(ahead)


def test_closing_early_closes_the_source_in_its_thread() -> None:
    closed: list[str] = []

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(threading.current_thread().name)

    ahead = read_ahead(items(), 2, "producer")
    next(ahead)
    ahead.close()
    assert closed == ["producer"]


def test_everything_is_written_before_the_block_ends() -> None:
    written: list[int] = []

    def write(n: int) -> None:
        time.sleep(0.001)
        written.append(n)

    with write_behind(write, 3, "consumer") as put:
        for n in range(20):
            put(n)
    assert written == list(range(20))


def test_a_failing_writer_stops_the_one_who_puts() -> None:
    def write(n: int) -> None:
        if n == 2:
            raise OSError("writer")

    taken: list[int] = []

    def block() -> None:
        with write_behind(write, 2, "consumer") as put:
            for n in range(1000):
                put(n)
                taken.append(n)

    with pytest.raises(OSError, match="writer"):
        block()
    assert len(taken) < 1000


def test_a_writer_that_fails_at_the_last_item_is_heard() -> None:
    def write(n: int) -> None:
        raise OSError("late")

    with pytest.raises(OSError, match="late"), write_behind(write, 2, "consumer") as put:
        put(1)


def test_a_failing_block_drops_what_waits() -> None:
    release = threading.Event()
    written: list[int] = []

    def write(n: int) -> None:
        release.wait(5)
        written.append(n)

    def block() -> None:
        with write_behind(write, 5, "consumer") as put:
            for n in range(5):
                put(n)
            release.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        block()
    assert len(written) < 5 or written == list(range(5))


def test_putting_into_a_dropped_channel() -> None:
    channel: Channel[int] = Channel(1)
    channel.drop()
    with pytest.raises(Closed):
        channel.put(1)
    assert list(channel) == []


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)
