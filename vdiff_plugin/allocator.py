"""Telling the C library what to do with memory that is freed.

Both verbs are for the whole process and for good. They do nothing with other libraries than
glibc, and where the environment says something of its own in a MALLOC_ variable.
"""

from __future__ import annotations

import ctypes
import os

# malloc.h
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -2, -3, -4
_KEEP = 2**31 - 1  # bytes at the top of the heap that are never given back
_GROW = 64 * 2**20  # bytes fetched beyond what is asked for
_LARGE = 2**20  # bytes


def keep_memory() -> bool:
    """Let glibc keep freed memory and take blocks of any size from the heap.

    Every training step takes and frees the same large blocks. glibc hands them back to the
    kernel and fetches them again, zeroed page by page, which is a third of a step's time.
    Call it before TensorFlow starts.

    Returns:
        Whether anything was set.
    """
    return _set(((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _KEEP), (_M_TOP_PAD, _GROW)))


def hand_back_memory() -> bool:
    """Let glibc hand freed blocks of a megabyte and more back to the kernel at once.

    Unless told, it keeps those of up to 32 MiB for its own use once it has seen one freed,
    which is a plane of 8K: holes between planes then take an eighth of all memory.

    Returns:
        Whether anything was set.
    """
    return _set(((_M_MMAP_THRESHOLD, _LARGE),))


def _set(wanted: tuple[tuple[int, int], ...]) -> bool:
    if not _is_glibc() or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    answers = [mallopt(name, value) for name, value in wanted]  # all, whatever one says
    return all(answers)


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (ValueError, OSError, AttributeError):
        return False
