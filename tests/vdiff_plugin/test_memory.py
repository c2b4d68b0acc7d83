"""Free memory: of control groups as the kernel writes them, and of real limits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from vdiff_plugin import memory

MB = 10**6


def _write(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in files.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n")


def _left(tmp_path: Path, membership: str) -> list[int]:
    (tmp_path / "cgroup").write_text(membership)
    return list(memory._left_by_groups(tmp_path / "cgroup", tmp_path / "groups"))


def test_the_groups_around_count_too(tmp_path: Path) -> None:
    root = tmp_path / "groups"
    _write(root / "service" / "job", memory__max="max", memory__high="max", memory__current=5 * MB)
    _write(
        root / "service",
        memory__max=900 * MB,
        memory__current=600 * MB,
        memory__stat=f"anon {400 * MB}\ninactive_file {150 * MB}",
    )
    assert _left(tmp_path, "0::/service/job\n") == [450 * MB]


def test_what_throttles_is_a_limit(tmp_path: Path) -> None:
    _write(
        tmp_path / "groups",
        memory__max=900 * MB,
        memory__high=500 * MB,
        memory__current=200 * MB,
        memory__stat="anon 1",
    )
    assert _left(tmp_path, "0::/\n") == [700 * MB, 300 * MB]


def test_version_1_in_a_container_that_sees_only_its_own_group(tmp_path: Path) -> None:
    _write(
        tmp_path / "groups" / "memory",
        memory__limit_in_bytes=512 * MB,
        memory__usage_in_bytes=100 * MB,
        memory__stat=f"inactive_file 1\ntotal_inactive_file {20 * MB}",
    )
    membership = "9:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n"
    assert _left(tmp_path, membership) == [432 * MB]


@pytest.mark.parametrize("membership", ["", "0::/gone\n", "4:cpu:/\n"])
def test_no_group_is_no_limit(tmp_path: Path, membership: str) -> None:
    assert _left(tmp_path, membership) == []


def test_of_this_machine() -> None:
    assert 0 < memory.free_bytes() <= psutil.virtual_memory().total


LIMITED = """
import resource, psutil
from vdiff_plugin.memory import free_bytes
size = psutil.Process().memory_info()
used = size.vms if {limit!r} == "RLIMIT_AS" else size.data
resource.setrlimit(resource.{limit}, (used + 60_000_000, -1))
print(free_bytes())
block = bytearray(40_000_000)
print(free_bytes())
"""


@pytest.mark.skipif(not psutil.LINUX, reason="other systems do not enforce these limits")
@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_real_limits_count(limit: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED.format(limit=limit)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    before, after = map(int, done.stdout.split())
    assert 40 * MB < before <= 60 * MB
    assert 35 * MB < before - after < 45 * MB
