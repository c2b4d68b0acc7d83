"""Telling the C library to keep the memory it has.

Every training step takes and frees the same large blocks. glibc hands them back to the
kernel and fetches them again, zeroed page by page, which is a third of a step's time.
"""

from __future__ import annotations

import ctypes
import os

# malloc.h
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_KEEP = 2**31 - 1  # bytes at the top of the heap that are never given back
_GROW = 64 * 2**20  # bytes fetched beyond what is asked for


def keep_memory() -> bool:
    """Let glibc keep freed memory and take blocks of any size from the heap.

    Call it before TensorFlow starts. The environment's MALLOC_ variables win.

    Returns:
        Whether anything was set: False for other C libraries.
    """
    if not _is_glibc() or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    wanted = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEEP), (_M_TOP_PAD, _GROW))
    answers = [mallopt(name, value) for name, value in wanted]  # all, whatever one says
    return all(answers)


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (ValueError, OSError, AttributeError):
        return False
