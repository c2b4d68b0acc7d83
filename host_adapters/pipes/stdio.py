"""Standard input and output as bytes, with nothing but frames on the output."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

_PIPE = 1 << 20  # bytes asked of the kernel: what an ordinary user may have


@contextmanager
def frames_only() -> Iterator[BinaryIO]:
    """The process's stdout, unbuffered; within the block all other output goes to stderr.

    Libraries print to stdout at will. So the descriptor is put aside, and its number given
    to stderr, until the block ends.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        widen(kept)
        with os.fdopen(os.dup(kept), "wb", buffering=0) as output:
            yield output
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def widen(descriptor: int) -> None:
    """Ask for a larger pipe buffer, where `descriptor` is a pipe at all."""
    with suppress(OSError, AttributeError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE)


def read_exactly(source: BinaryIO, size: int) -> bytearray:
    """`size` bytes, or fewer where the stream ends."""
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size and (got := source.readinto(view[done:])):  # type: ignore[attr-defined]
        done += got
    del view
    return data if done == size else data[:done]


def write_all(output: BinaryIO, data: bytes | bytearray | memoryview) -> None:
    """Write everything; an unbuffered file may take less at a time."""
    view = memoryview(data).cast("B")
    while view:
        view = view[output.write(view) :]
