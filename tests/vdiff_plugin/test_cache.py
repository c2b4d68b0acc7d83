from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vdiff_plugin.cache import ENTRY_BYTES, FeatureCache, byte_size
from vdiff_plugin.frame import Frame

ENTRY = ENTRY_BYTES + 100


def block(value: int = 0) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.full(100, value, np.uint8)


@pytest.mark.parametrize("limit", [0, 1 << 20])
def test_many_threads_that_want_one_key_compute_it_once(limit: int) -> None:
    cache = FeatureCache(limit)
    started, release = threading.Event(), threading.Event()
    computed = []

    def compute() -> object:
        computed.append(threading.get_ident())
        started.set()
        assert release.wait(10)
        return object()

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(cache.get, "key", compute)
        assert started.wait(10)
        others = [pool.submit(cache.get, "key", compute) for _ in range(7)]
        while len(cache._waiting) < 7:
            pass
        release.set()
        values = {first.result(), *(future.result() for future in others)}
    assert len(values) == len(computed) == 1
    assert (cache.statistics.misses, cache.statistics.hits) == (1, 7)
    assert cache.statistics.entries == (1 if limit else 0)


def test_nothing_is_kept_at_limit_0() -> None:
    cache = FeatureCache(0)
    assert cache.get("key", lambda: 1) == 1
    assert cache.get("key", lambda: 2) == 2
    assert cache.statistics.bytes == 0


def test_a_failure_is_its_own_callers_and_is_not_kept() -> None:
    cache = FeatureCache(1 << 20)
    started, release = threading.Event(), threading.Event()

    def fail() -> int:
        started.set()
        assert release.wait(10)
        raise ValueError("no luck")

    with ThreadPoolExecutor(4) as pool:
        failing = pool.submit(cache.get, "key", fail)
        assert started.wait(10)
        others = [pool.submit(cache.get, "key", lambda: 5) for _ in range(3)]
        while len(cache._waiting) < 3:
            pass
        release.set()
        with pytest.raises(ValueError, match="no luck"):
            failing.result()
        assert [future.result() for future in others] == [5, 5, 5]
    assert cache.statistics.misses == 2
    assert not cache._flights
    assert not cache._waiting


def test_a_computation_may_ask_for_other_keys() -> None:
    cache = FeatureCache(1 << 20)

    def fibonacci(n: int) -> int:
        return cache.get(n, lambda: n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(fibonacci, [80] * 16)) == {23416728348467685}
    assert cache.statistics.misses == 81


def test_a_computation_that_needs_itself_is_an_error_and_not_a_deadlock() -> None:
    cache = FeatureCache(1 << 20)
    with pytest.raises(RuntimeError, match="cache key 'key' needs itself"):
        cache.get("key", lambda: cache.get("key", lambda: 1))
    assert cache.get("key", lambda: 2) == 2


def test_two_threads_that_need_each_other_are_an_error_and_not_a_deadlock() -> None:
    cache = FeatureCache(1 << 20)
    both = threading.Barrier(2, timeout=10)

    def half(mine: str, other: str) -> int:
        def compute() -> int:
            both.wait()
            return cache.get(other, lambda: 7)

        return cache.get(mine, compute)

    with ThreadPoolExecutor(2) as pool:
        halves = [pool.submit(half, "a", "b"), pool.submit(half, "b", "a")]
        errors = [half.exception(10) for half in halves]
    # One sees the circle; the other then computes for itself what it waited for.
    assert sorted(type(error).__name__ for error in errors) == ["NoneType", "RuntimeError"]


def test_what_was_used_longest_ago_goes_first() -> None:
    cache = FeatureCache(3 * ENTRY)
    for key in "abc":
        cache.get(key, block)
    cache.get("a", block)
    cache.get("d", block)
    assert set(cache._entries) == {"c", "a", "d"}
    assert cache.statistics.evictions == 1
    assert cache.statistics.bytes == 3 * ENTRY


def test_a_value_larger_than_the_cache_drives_nothing_out() -> None:
    cache = FeatureCache(2 * ENTRY)
    cache.get("small", block)
    cache.get("large", lambda: np.zeros(3 * ENTRY, np.uint8))
    assert set(cache._entries) == {"small"}


def test_resizing_and_clearing() -> None:
    cache = FeatureCache(4 * ENTRY)
    for key in range(4):
        cache.get(key, block)
    cache.resize(2 * ENTRY)
    assert set(cache._entries) == {2, 3}
    cache.clear()
    assert cache.statistics.bytes == cache.statistics.entries == 0


@settings(max_examples=40, deadline=None)
@given(
    limit=st.integers(0, 6 * ENTRY),
    asked=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 400)), max_size=60),
)
def test_the_limit_holds_and_values_are_right_whatever_is_asked(
    limit: int, asked: list[tuple[int, int]]
) -> None:
    cache = FeatureCache(limit)
    for key, size in asked:
        assert cache.get(key, partial(np.full, size + 1, key))[0] == key
        held = sum(value.nbytes + ENTRY_BYTES for value, _ in cache._entries.values())
        assert held == cache.statistics.bytes <= limit
    assert cache.statistics.hits + cache.statistics.misses == len(asked)


def test_threads_that_fight_over_a_tiny_cache_get_right_values() -> None:
    cache = FeatureCache(2 * ENTRY)
    keys = np.random.default_rng(3).integers(0, 6, 2000).tolist()
    with ThreadPoolExecutor(8) as pool:
        values = pool.map(lambda key: int(cache.get(key, lambda: block(key))[0]), keys)
        assert list(values) == keys
    assert cache.statistics.bytes <= 2 * ENTRY


@dataclass
class _Pair:
    first: object
    second: object


def test_sizes_are_those_of_the_arrays_inside() -> None:
    frame = Frame((block(), block()))
    assert byte_size(block()) == 100
    assert byte_size(frame) == 200
    assert byte_size((frame, [block()], {"a": block()})) == 400
    assert byte_size(_Pair(block(), (block(),))) == 200
    shared = block()
    assert byte_size((shared, [shared], _Pair(shared, (block(),)))) == 200
    assert byte_size(b"12") < ENTRY_BYTES


def test_a_peek_never_computes_nor_waits() -> None:
    cache = FeatureCache(2 * (100 + ENTRY_BYTES))
    assert cache.peek("a") is None
    for key in ("a", "b"):
        cache.get(key, lambda: np.zeros(100, np.uint8))
    assert cache.peek("a") is cache.get("a", lambda: pytest.fail("it is there"))
    cache.peek("a")
    cache.get("c", lambda: np.zeros(100, np.uint8))
    assert cache.peek("b") is None  # what was looked at last stays longest
    assert cache.peek("a") is not None
