"""glibc is told to keep memory: a freed block costs no page faults when it is taken again."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_FAULTS = """
import ctypes, resource, sys
from vdiff_plugin.training.allocator import keep_memory
told = sys.argv[1] == "keep" and keep_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
def use():
    block = libc.malloc(64 << 20)
    ctypes.memset(block, 1, 64 << 20)
    libc.free(block)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    use()
print(told, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how: str, **variables: str) -> tuple[str, int]:
    done = subprocess.run(
        [sys.executable, "-c", _FAULTS, how], env=os.environ | variables, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    told, faults = done.stdout.split()
    return told, int(faults)


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="needs glibc")
def test_freed_memory_is_kept() -> None:
    told, kept = _faults("keep")
    _, returned = _faults("leave")
    assert told == "True"
    assert returned > 4 * 1000
    assert kept < returned / 10


def test_the_environment_wins() -> None:
    assert _faults("keep", MALLOC_ARENA_MAX="4")[0] == "False"
