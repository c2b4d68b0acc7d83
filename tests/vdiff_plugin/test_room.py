"""How much may be under way: bounded by memory, and no less than it must be."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from vdiff_plugin.room import Load, Room, Weight

MB = 10**6
FRAME = 50 * MB  # 8K, 8-bit 4:2:0
LOAD = Load(
    source=FRAME,
    output=FRAME,
    window=5,
    weight=Weight(render=600 * MB, kept=90 * MB),
)
WANTED = Room(workers=2, waiting=8, cache=700 * MB)


def test_the_least_is_one_frame_at_a_time() -> None:
    assert LOAD.fit(WANTED, 0) == Room(workers=1, waiting=1, cache=(5 + 1) * 90 * MB)


def test_nothing_shrinks_where_there_is_enough() -> None:
    assert LOAD.fit(WANTED, 20_000 * MB) == WANTED


@settings(deadline=None)
@given(free=st.integers(0, 20_000 * MB), workers=st.integers(1, 16))
def test_what_fits_fits(free: int, workers: int) -> None:
    wanted = replace(WANTED, workers=workers)
    room = LOAD.fit(wanted, free)
    assert 1 <= room.workers <= workers
    assert 1 <= room.waiting <= 8
    assert LOAD.within(room) <= free or room == LOAD.fit(wanted, 0)


@settings(deadline=None)
@given(st.lists(st.integers(0, 20_000 * MB), min_size=2, max_size=2))
def test_more_memory_never_renders_fewer_at_a_time(frees: list[int]) -> None:
    small, large = (LOAD.fit(replace(WANTED, workers=8), free) for free in sorted(frees))
    assert small.workers <= large.workers
    assert LOAD.within(small) <= LOAD.within(large)


def test_larger_pictures_out_leave_less_room() -> None:
    free = int(LOAD.within(WANTED) / 0.8) + 1
    assert LOAD.fit(WANTED, free) == WANTED
    assert replace(LOAD, output=4 * FRAME).fit(WANTED, free).waiting < WANTED.waiting


def test_queues_shorten_before_threads_stop() -> None:
    full = LOAD.within(WANTED)
    tight = LOAD.fit(WANTED, int(full / 0.8) - 1)
    assert (tight.workers, tight.cache) == (2, WANTED.cache)
    assert tight.waiting < 8


def test_the_cache_shrinks_to_what_windows_hold_and_no_further() -> None:
    load = replace(LOAD, weight=replace(LOAD.weight, kept=20 * MB))
    caches = {load.fit(WANTED, free * MB).cache for free in range(0, 6000, 50)}
    assert caches == {(5 + 1) * 20 * MB, (5 + 2) * 20 * MB, WANTED.cache}


def test_a_small_cache_grows_to_what_windows_hold_where_there_is_room() -> None:
    for wanted, got in ((100, (5 + 2) * 90), (700, 700), (0, 0)):
        assert LOAD.fit(replace(WANTED, cache=wanted * MB), 20_000 * MB).cache == got * MB
        least = LOAD.fit(replace(WANTED, cache=wanted * MB), 0)
        assert least.cache == min(wanted, (5 + 1) * 90) * MB
