"""Keeps encoders from making real-time threads of ours.

SVT-AV1, opened by root (in a container, say), gives the thread that opens it and those that
it starts the highest real-time priority. All that this thread starts later would inherit
it, and a machine whose cores they fill hardly answers any more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_THREADS = Path("/proc/self/task")
_Policy = tuple[int, "os.sched_param"]


@contextmanager
def usual_priority() -> Iterator[None]:
    """After the block threads are scheduled as before it, and new ones as the caller's is.

    Threads of a host that are real-time ones on purpose stay that.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    usual, before = _policy(0), {thread: _policy(thread) for thread in _threads()}
    try:
        yield
    finally:
        for thread in _threads():
            _put_back(thread, before.get(thread, usual))


def _threads() -> list[int]:
    """Of this process where the system lists them, else the caller's alone."""
    return [int(each.name) for each in _THREADS.iterdir()] if _THREADS.exists() else [0]


def _policy(thread: int) -> _Policy | None:
    """None for a thread that has ended."""
    try:
        return os.sched_getscheduler(thread), os.sched_getparam(thread)
    except OSError:
        return None


def _put_back(thread: int, policy: _Policy | None) -> None:
    found = _policy(thread)
    if policy and found and found[0] != policy[0]:
        with suppress(OSError):  # it has just ended, or is not ours to change
            os.sched_setscheduler(thread, *policy)
