"""What glibc does with freed memory: page faults tell whether a block was handed back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_FAULTS = """
import ctypes, resource, sys
from vdiff_plugin import allocator
how, size = sys.argv[1], int(sys.argv[2]) << 20
told = getattr(allocator, how)() if how else None
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
def use():
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    libc.free(block)
use()
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    use()
print(told, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
needs_glibc = pytest.mark.skipif(
    "CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="needs glibc"
)


def _faults(how: str, size: int, **variables: str) -> tuple[str, int]:
    """What was answered, and pages fetched for four blocks of `size` MiB one after another."""
    done = subprocess.run(
        [sys.executable, "-c", _FAULTS, how, str(size)], env=os.environ | variables,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told, faults = done.stdout.split()
    return told, int(faults)


@needs_glibc
def test_freed_memory_is_kept() -> None:
    told, kept = _faults("keep_memory", 64)
    _, returned = _faults("", 64)
    assert told == "True"
    assert returned > 4 * 1000
    assert kept < returned / 10


@needs_glibc
def test_freed_memory_is_handed_back() -> None:
    told, returned = _faults("hand_back_memory", 20)
    _, kept = _faults("", 20)
    assert told == "True"
    assert returned > 4 * 1000
    assert kept < returned / 10


@pytest.mark.parametrize("how", ["keep_memory", "hand_back_memory"])
def test_the_environment_wins(how: str) -> None:
    assert _faults(how, 64, MALLOC_ARENA_MAX="4")[0] == "False"
