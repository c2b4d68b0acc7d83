"""docs/frei0r.md: its commands run as they stand there, its tables are what the code says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from host_adapters.frei0r.build import HERE as SOURCES
from tests.host_adapters.frei0r.clips import read_rgba, write_rgba
from tests.host_adapters.frei0r.declared import declared

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "frei0r.md").read_text(encoding="utf-8")


def rows(first: str) -> list[list[str]]:
    """Cells of the table whose first column is called `first`."""
    (table,) = re.findall(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_parameters_are_as_the_plug_in_declares_them(plugin: Path) -> None:
    told = [(name.strip("`"), meaning) for name, _, meaning in rows("parameter")]
    assert told == [(each.name, each.explanation) for each in declared(plugin)]


def test_variables_are_those_that_the_plug_in_reads() -> None:
    code = "".join(path.read_text(encoding="ascii") for path in SOURCES.glob("*.c"))
    read = set(re.findall(r'"(VDIFF_FREI0R_\w+)"', code))
    assert {name.strip("`") for name, *_ in rows("variable")} == read | {"FREI0R_PATH"}


def test_kinds_of_messages_are_all_there() -> None:
    header = (SOURCES / "vdiff_protocol.h").read_text(encoding="ascii")
    (kinds,) = re.findall(r"enum vdiff_kind \{(.*?)\};", header, re.DOTALL)
    names = re.findall(r"VDIFF_(\w+)", kinds)
    assert [kind for kind, *_ in rows("kind")] == [f"{n} {m}" for n, m in enumerate(names, 1)]


@pytest.mark.ffmpeg
@pytest.mark.mlt
@pytest.mark.gst
def test_every_command_runs(tmp_path: Path) -> None:
    write_rgba(tmp_path / "in.mkv", 4, (90, 64))
    program = tmp_path / "bin" / "vdiff"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m vdiff_plugin "$@"\n', encoding="ascii")
    program.chmod(0o755)
    env = os.environ | {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    env["PYTHONPATH"] = str(DOCS.parent)
    assert shutil.which("vdiff", path=env["PATH"]) == str(program)
    commands = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    assert len(commands) == 6
    for command in commands:
        done = subprocess.run(
            ["sh", "-ec", command], cwd=tmp_path, env=env, capture_output=True, text=True,
            timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == 0, command + done.stderr
    for name in ("delayed", "out", "grown", "padded"):
        assert len(read_rgba(tmp_path / f"{name}.mkv")) == 4


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (DOCS / target).exists(), target
