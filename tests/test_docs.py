"""Documents that run, and documents that say what the code says."""

from __future__ import annotations

import doctest
import json
import logging
import re
from pathlib import Path

import pytest

from tests.vdiff_plugin.chain import offers_of
from vdiff_plugin import hookspecs
from vdiff_plugin.builtin.colour import ColourOptions
from vdiff_plugin.builtin.restore import RestoreOptions
from vdiff_plugin.cli.logs import json_line
from vdiff_plugin.cli.progress import JsonLines
from vdiff_plugin.options import Options
from vdiff_plugin.values import allowed

DOCS = Path(__file__).parent.parent / "docs"
HOOKS = (DOCS / "hooks.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", HOOKS, re.MULTILINE | re.DOTALL))
SPECS = {name: spec for name, spec in vars(hookspecs).items() if name.startswith("vdiff_")}


def test_the_methods_examples_are_right() -> None:
    results = doctest.testfile(str(DOCS / "method.md"), module_relative=False, encoding="utf-8")
    assert results.attempted > 25
    assert results.failed == 0


def test_every_hook_is_documented_and_every_documented_hook_exists() -> None:
    assert list(SECTIONS) == list(SPECS)


@pytest.mark.parametrize("name", SPECS)
def test_a_hooks_section_opens_with_its_own_words(name: str) -> None:
    assert SPECS[name].__doc__
    assert SECTIONS[name].strip().startswith(f"> {SPECS[name].__doc__}\n")


@pytest.mark.parametrize(
    ("hook", "catalogue"),
    [
        ("vdiff_stages", "stages"),
        ("vdiff_extractors", "extractors"),
        ("vdiff_change_detectors", "change_detectors"),
        ("vdiff_aligners", "aligners"),
        ("vdiff_backends", "backends"),
    ],
)
def test_the_names_that_are_ours_are_listed(hook: str, catalogue: str) -> None:
    found = getattr(offers_of(), catalogue)
    ours = {name for name in found if found.source(name) == "builtin of vdiff-plugin"}
    listed = re.search(r"^Ours: (.*)\.$", SECTIONS[hook], re.MULTILINE)
    assert listed
    assert set(re.findall(r"`(\w+)`", listed[1])) == ours


def table_rows(text: str, first: str) -> list[list[str]]:
    """Cells of each table whose first column is called `first`, without their backquotes."""
    found = []
    for table in re.findall(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE):
        lines = [line.strip("|").split("|") for line in table.splitlines()]
        found += [[cell.strip().strip("`") for cell in line] for line in lines]
    return found


@pytest.mark.parametrize(
    ("stage", "options"), [("vdiff", RestoreOptions), ("colour", ColourOptions)]
)
def test_a_stages_options_are_listed_as_they_are(stage: str, options: type[Options]) -> None:
    text = (DOCS / "stages.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {stage}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    rows = table_rows(section, "option")
    assert [row[0] for row in rows] == list(options.model_fields)
    for name, default, reach, meaning in rows:
        field = options.model_fields[name]
        assert default == ("" if field.default is None else f"{field.default:g}")
        assert allowed(field).endswith(f"from {reach}")
        assert meaning == field.description


def test_the_fields_of_progress_are_listed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    JsonLines("in.mkv")(1, 1)
    told = json.loads(capsys.readouterr().err)
    record = logging.LogRecord("x", logging.WARNING, "", 0, "text", None, None)
    fields = [*told, *json.loads(json_line(record))]
    text = (DOCS / "files.md").read_text(encoding="utf-8")
    assert [name for name, _ in table_rows(text, "field")] == fields
