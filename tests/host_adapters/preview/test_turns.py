"""One at a time, and of those who wait only the newest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from host_adapters.preview.turns import SupersededError, Turns

PATIENCE = 20.0  # seconds


def test_of_those_who_wait_only_the_newest_of_a_kind_is_served() -> None:
    turns, served, inside, go = Turns(), list[str](), threading.Event(), threading.Event()

    def first() -> None:
        with turns.take("after"):
            inside.set()
            assert go.wait(PATIENCE)
            served.append("first")

    def later(kind: str, name: str) -> None:
        with turns.take(kind):
            served.append(name)

    with ThreadPoolExecutor(4) as pool:
        working = pool.submit(first)
        assert inside.wait(PATIENCE)
        second = pool.submit(later, "after", "second")
        other = pool.submit(later, "before", "other")
        _wait(lambda: turns._newest == {"after": 2, "before": 1})
        third = pool.submit(later, "after", "third")
        with pytest.raises(SupersededError, match="; ask again"):
            second.result(PATIENCE)  # at once, though the first one still works
        assert not working.done()
        go.set()
        for each in (working, third, other):
            each.result(PATIENCE)
    assert served[0] == "first"
    assert sorted(served[1:]) == ["other", "third"]


def test_two_are_never_in_at_once() -> None:
    turns, inside, most = Turns(), list[int](), list[int]()

    def work(number: int) -> None:
        for turn in range(20):
            with turns.take(f"kind {number} {turn}"):
                inside.append(number)
                most.append(len(inside))
                time.sleep(0)
                inside.pop()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert (len(most), set(most)) == (120, {1})


def test_a_turn_ends_also_by_an_error() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.take("after"):
        raise ZeroDivisionError
    with turns.take("after"):
        pass


def test_closing_waits_for_the_work_and_lets_nobody_in() -> None:
    turns, inside, go = Turns(), threading.Event(), threading.Event()

    def work() -> None:
        with turns.take("after"):
            inside.set()
            assert go.wait(PATIENCE)

    with ThreadPoolExecutor(2) as pool:
        working = pool.submit(work)
        assert inside.wait(PATIENCE)
        closing = pool.submit(turns.close)
        _wait(lambda: turns._closed)
        assert not closing.done()
        go.set()
        closing.result(PATIENCE)
        working.result(PATIENCE)
    with pytest.raises(SupersededError), turns.take("before"):
        pass


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
