"""The README says what is true: its commands run, its table is the settings' own."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clips import write_clip
from vdiff_plugin.cli import main
from vdiff_plugin.cli.hooks import vdiff_commands
from vdiff_plugin.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INDENTED = re.findall(r"^    (.+?)(?:\s{2,}#.*)?$", README, re.MULTILINE)
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "old.mp4", frames=12, codec="libx264")
    return tmp_path


def test_it_opens_with_two_commands_that_exist() -> None:
    commands = INDENTED[:2]
    assert commands == ["python3 packaging/run.py demo", "python3 packaging/run.py test"]
    assert README.index(commands[0]) < 600


def test_it_names_no_download_address() -> None:
    assert "://" not in README


@pytest.mark.slow
def test_its_commands_run(folder: Path) -> None:
    commands = [shlex.split(line)[1:] for line in INDENTED if line.startswith("vdiff ")]
    assert len(commands) >= 4
    for words in commands:
        assert main.run(words) == 0, words
        for name in words:
            if name.startswith(("better", "half", "changes.csv")):
                assert (folder / name).stat().st_size
                (folder / name).unlink()


@pytest.mark.slow
@pytest.mark.parametrize("snippet", PYTHON, ids=lambda text: text.splitlines()[-1])
def test_its_python_runs(folder: Path, snippet: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", snippet], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_its_settings_are_the_settings() -> None:
    table = README.split("<!-- settings:")[1].split("## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `?([^|`]*)`? ?\|", table, re.MULTILINE)
    shown = {name: default.strip() for name, default in rows}
    assert shown == {name: _default(name) for name in Settings.model_fields}


def test_its_commands_are_the_commands() -> None:
    table = README.split("| command |")[1].split("\n\n")[0]
    named = set(re.findall(r"`vdiff (\w+)", table))
    assert named == set(vdiff_commands())


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", README))
def test_its_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def _default(name: str) -> str:
    default = Settings.model_fields[name].default
    if isinstance(default, tuple):
        return ",".join(default)
    return "" if default is None else str(default)
