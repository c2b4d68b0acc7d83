"""Keeps encoders from making real-time threads of ours.

SVT-AV1, opened by root (in a container, say), gives the thread that opens it and those that
it starts the highest real-time priority. All that this thread starts later would inherit
it, and a machine whose cores they fill answers to nobody.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_THREADS = Path("/proc/self/task")


@contextmanager
def usual_priority() -> Iterator[None]:
    """Threads that get another scheduling policy in the block have the caller's again after it."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, share = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            for thread in _threads():
                with suppress(OSError):  # it has ended, or is not ours to change
                    os.sched_setscheduler(thread, policy, share)


def _threads() -> list[int]:
    """Of this process where the system lists them, else the caller's alone."""
    return [int(each.name) for each in _THREADS.iterdir()] if _THREADS.exists() else [0]
