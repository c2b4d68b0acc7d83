"""Standard streams that are closed, full or gone, as schedulers and shells hand them over."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clips import count_frames, write_clip

VDIFF = f"{shlex.quote(sys.executable)} -m vdiff_plugin"
ENHANCE = f"{VDIFF} enhance in.mkv out.mkv --stages colour:gamma=1.1"
CHANGES = f"{VDIFF} changes in.mkv --features pixel"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_clip(tmp_path / "in.mkv")
    return tmp_path


def shell(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize("progress", ["none", "json", "bar"])
def test_a_lost_stderr_does_not_fail_the_work(folder: Path, stderr: str, progress: str) -> None:
    done = shell(folder, f"{ENHANCE} --progress {progress} {stderr}")
    assert done.returncode == 0
    assert count_frames(folder / "out.mkv") == 8
    assert {path.name for path in folder.iterdir()} == {"in.mkv", "out.mkv"}


def test_a_reader_of_progress_that_leaves_does_not_fail_the_work(folder: Path) -> None:
    done = shell(folder, f"({ENHANCE} --progress json; echo $? >code) 2>&1 >/dev/null | true")
    assert done.stderr == ""
    assert (folder / "code").read_text() == "0\n"
    assert count_frames(folder / "out.mkv") == 8


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_an_error_nobody_can_read_keeps_its_exit_code(folder: Path, stderr: str) -> None:
    assert shell(folder, f"{VDIFF} enhance no.mkv out.mkv {stderr}").returncode == 1
    assert shell(folder, f"{VDIFF} enhance in.mkv out.mkv --tile 3 {stderr}").returncode == 2


def test_no_output_lands_in_a_closed_stream(folder: Path) -> None:
    """Else the output file gets number 2, and whatever libraries write to stderr."""
    program = (
        "import os\nfrom vdiff_plugin.cli.streams import fill_closed\nfill_closed()\n"
        "handle = os.open('file', os.O_CREAT | os.O_WRONLY)\n"
        "assert handle > 2, handle\n"
        "os.write(2, b'from a library')\n"
    )
    (folder / "program.py").write_text(program)
    done = shell(folder, f"{shlex.quote(sys.executable)} program.py <&- >&- 2>&-")
    assert done.returncode == 0
    assert (folder / "file").read_bytes() == b""


def test_closed_streams_are_no_matter_to_work_without_results(folder: Path) -> None:
    assert shell(folder, f"{ENHANCE} <&- >&- 2>&-").returncode == 0
    assert count_frames(folder / "out.mkv") == 8


@pytest.mark.parametrize(
    ("redirect", "told"),
    [(">&-", "open stdout, or send it to a file"), (">/dev/full", "make room")],
)
def test_lost_results_are_said_in_one_line(folder: Path, redirect: str, told: str) -> None:
    done = shell(folder, f"{CHANGES} {redirect}")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("vdiff: the output cannot be written (")
    assert told in line


def test_results_with_nobody_to_read_them_are_no_fuss(folder: Path) -> None:
    done = shell(folder, f"({CHANGES}; echo $? >code) | true")
    assert (done.stdout, done.stderr) == ("", "")
    assert (folder / "code").read_text() == "1\n"
