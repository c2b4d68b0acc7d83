"""`packaging/run.py`, short of installing anything: .ci/run does that with every run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "packaging" / "run.py"


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("words", [[], ["install"]])
def test_an_unknown_job_lists_the_known_ones(words: list[str]) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert done.stderr == "vdiff: packaging/run.py knows demo, test and vdiff; name one\n"


def test_somebody_elses_environment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    done = run("demo", VDIFF_VENV=str(tmp_path))
    assert done.returncode == 1
    assert "was not made by this script" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_an_old_python_says_so(tmp_path: Path) -> None:
    """As it would in Python 3.8, without any other Python on the PATH."""
    old = (
        "import runpy, sys; sys.version_info = (3, 8, 1); sys.argv = ['run.py', 'demo']; "
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", old],
        env={"PATH": str(tmp_path), "VDIFF_VENV": str(tmp_path / "venv")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "this is Python 3.8, and no python3.12 or python3.13 is on the PATH" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_its_syntax_is_one_that_old_pythons_read() -> None:
    compile(SCRIPT.read_text(), str(SCRIPT), "exec", flags=0, dont_inherit=True)
    import ast

    ast.parse(SCRIPT.read_text(), feature_version=(3, 8))
