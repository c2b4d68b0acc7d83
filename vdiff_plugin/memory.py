"""How much memory this process may still take: of the machine, its control groups, its limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

_GROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
# What of a control group tells its limits, its use, and the part of it that the kernel can
# take back at once (under which name memory.stat has it); version 2, then version 1.
_UNIFIED = (("memory.max", "memory.high"), "memory.current", "inactive_file")
_LEGACY = (("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")


def free_bytes() -> int:
    """Bytes that may be taken before something fails or the machine begins to swap.

    The least of what the machine has available, what each control group around this
    process leaves (containers, services, batch jobs), and what its own limits on address
    space and data leave (`ulimit -v`, `ulimit -d`). It changes from moment to moment.
    """
    machine: int = psutil.virtual_memory().available
    return max(0, min(machine, *_left_by_groups(), *_left_by_limits()))


def _left_by_limits() -> Iterator[int]:
    """Of the limits of this very process; they count addresses, used or not."""
    if not psutil.LINUX:  # elsewhere they are absent, or nobody enforces them
        return
    process = psutil.Process()
    size = process.memory_info()
    for limit, used in ((psutil.RLIMIT_AS, size.vms), (psutil.RLIMIT_DATA, size.data)):
        soft, _ = process.rlimit(limit)
        if soft != psutil.RLIM_INFINITY:
            yield soft - used


def _left_by_groups(membership: Path = _MEMBERSHIP, root: Path = _GROUPS) -> Iterator[int]:
    """Of each control group that this process is in, and of those around them."""
    with suppress(OSError):
        for line in membership.read_text().splitlines():
            _, controllers, name = line.split(":", 2)
            if not controllers:
                yield from _left_along(root, name, *_UNIFIED)
            elif "memory" in controllers.split(","):
                yield from _left_along(root / "memory", name, *_LEGACY)


def _left_along(
    root: Path, name: str, limits: tuple[str, ...], used: str, spare: str
) -> Iterator[int]:
    """From a group up to the root of the tree, those that a container cannot see left out."""
    group = root / name.strip("/")
    for place in (group, *group.parents):
        for limit in limits:
            with suppress(OSError, ValueError):  # "max" is no number: no limit
                most = int((place / limit).read_text())
                yield most - int((place / used).read_text()) + _statistics(place).get(spare, 0)
        if place == root:
            return


def _statistics(group: Path) -> dict[str, int]:
    lines = (group / "memory.stat").read_text().splitlines()
    return {name: int(value) for name, _, value in (line.partition(" ") for line in lines)}
