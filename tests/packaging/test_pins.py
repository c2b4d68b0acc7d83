from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "packaging" / "constraints.txt").read_text().splitlines()
PINS = dict(line.split("==") for line in LINES)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL = PROJECT["optional-dependencies"]


def test_a_pin_is_a_name_and_a_version_and_nothing_else() -> None:
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line) for line in LINES)
    assert sorted(PINS) == list(PINS)
    assert len(PINS) == len(LINES)


PINNED = [name for name in OPTIONAL if name != "gpu"]  # TensorFlow pins CUDA itself


@pytest.mark.parametrize(
    "text", [*PROJECT["dependencies"], *(one for name in PINNED for one in OPTIONAL[name])]
)
def test_every_requirement_is_pinned_within_its_range(text: str) -> None:
    requirement = Requirement(text)
    pin = PINS[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pin)


def test_the_tests_run_with_what_is_pinned() -> None:
    found = {}
    for name in PINS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # of an extra that is not installed here
    assert {name: PINS[name] for name in found} == found


def test_packaging_is_no_package() -> None:
    """An __init__.py there would hide the library of that name from everything in the tree."""
    assert not (ROOT / "packaging" / "__init__.py").exists()
