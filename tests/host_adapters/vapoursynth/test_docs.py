"""docs/vapoursynth.md: its scripts run, and its table has every keyword."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

vs = pytest.importorskip("vapoursynth")

from host_adapters.vapoursynth import vdiff
from tests.clips import write_clip
from tests.host_adapters.vapoursynth.clips import vspipe

pytestmark = pytest.mark.vapoursynth

PAGE = (Path(__file__).parents[3] / "docs" / "vapoursynth.md").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_its_scripts_run(number: int, tmp_path: Path) -> None:
    write_clip(tmp_path / "in.mkv", frames=3)
    done = vspipe(tmp_path, SCRIPTS[number], "-c", "y4m")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"FRAME\n") == 3


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) == 3


def test_its_table_has_every_keyword_and_no_other() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", PAGE, re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"\w+", row)]
    assert sorted(listed) == sorted(set(inspect.signature(vdiff).parameters) - {"clip"})
