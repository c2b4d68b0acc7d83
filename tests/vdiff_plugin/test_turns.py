from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from vdiff_plugin.turns import Turns


def test_no_more_than_so_many_at_a_time() -> None:
    turns, lock, inside = Turns(3), threading.Lock(), [0, 0]

    def work(_: int) -> None:
        with turns.turn():
            with lock:
                inside[0] += 1
                inside[1] = max(inside)
            time.sleep(0.002)
            with lock:
                inside[0] -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    assert inside == [0, 3]


def test_a_turn_is_given_back_by_a_failure() -> None:
    turns = Turns(1)
    for _ in range(2):
        with pytest.raises(MemoryError), turns.turn():
            raise MemoryError


def test_what_two_threads_find_too_many_is_halved_once() -> None:
    turns = Turns(64)
    with ExitStack() as taken:
        for _ in range(6):
            taken.enter_context(turns.turn())
        assert turns.halve(64)
        assert not turns.halve(64)
        assert turns.most == 3  # of the 6 that there were
    assert turns.halve(3)
    assert turns.most == 1
    assert not turns.halve(1)
