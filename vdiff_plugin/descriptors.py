"""File descriptors below Python's streams, which C libraries write to by themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

STDERR = 2


@contextmanager
def silenced(number: int = STDERR) -> Iterator[None]:
    """What anybody writes to the descriptor `number` meanwhile leads nowhere.

    It holds for the whole process, so keep it short.
    """
    try:
        kept = os.dup(number)
    except OSError:  # closed: nobody listens anyway
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, number)
        yield
    finally:
        os.dup2(kept, number)
        os.close(kept)
        os.close(nowhere)
