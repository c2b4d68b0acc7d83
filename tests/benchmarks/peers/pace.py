"""Frames a second of a method, from memory to memory, what it takes to start left out."""

from __future__ import annotations

import statistics
import time

from tests.benchmarks.clips import Clip, Harm
from tests.benchmarks.peers.method import Method, Setting

_SHORT, _LONG = 16, 320  # frames; the longest piece is as long as memory allows with ease
_SECONDS = 3.0  # that the longer run should take beyond the shorter


def frames_a_second(
    method: Method, setting: Setting, clip: Clip, harm: Harm, *, threads: int, runs: int
) -> float:
    """The slope between a short and a longer run; the median of `runs` of them.

    Pictures repeat, their noise does not: nothing can be kept from one for another.
    """
    short = harm.apply(clip.to_and_fro(_SHORT))
    first = _seconds(method, setting, short, threads)  # also warms up
    again = min(first, _seconds(method, setting, short, threads))
    extra = int(min(_LONG, max(_SHORT, _SHORT * _SECONDS / again)))
    long = harm.apply(clip.to_and_fro(_SHORT + extra))
    found = []
    for _ in range(runs):
        taken = [_seconds(method, setting, piece, threads) for piece in (short, long)]
        found.append(extra / max(taken[1] - taken[0], 1e-9))
    return statistics.median(found)


def _seconds(method: Method, setting: Setting, clip: Clip, threads: int) -> float:
    start = time.perf_counter()
    method.run(clip, setting, threads)
    return time.perf_counter() - start
