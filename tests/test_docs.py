"""Documents that run, and documents that say what the code says."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from tests.vdiff_plugin.chain import offers_of
from vdiff_plugin import hookspecs

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
