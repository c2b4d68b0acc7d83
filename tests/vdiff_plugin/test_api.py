from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import vdiff_plugin as vdiff

SOURCE = Path(vdiff.__file__).read_text(encoding="utf-8")


def test_every_public_name_is_there() -> None:
    for name in vdiff._HOMES:
        assert getattr(vdiff, name) is getattr(import_module(vdiff._HOMES[name]), name)
        assert name in dir(vdiff)


def test_type_checkers_see_the_names_that_run_time_gives() -> None:
    declared = re.findall(r"from (\S+) import (\w+) as \2", SOURCE)
    assert {name: home for home, name in declared} == vdiff._HOMES


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'vdiff_plugin' has no attribute 'sharpen'"):
        vdiff.sharpen  # noqa: B018


@pytest.mark.parametrize(
    ("code", "kept_out"),
    [
        ("import vdiff_plugin", "numpy pluggy pydantic tensorflow keras av cv2 openvino"),
        ("import vdiff_plugin as v; v.Engine; v.Settings", "tensorflow keras av cv2 openvino"),
        ("import vdiff_plugin as v; v.enhance; v.train", "tensorflow keras av cv2 openvino"),
        ("import vdiff_plugin as v; v.Engine()", "tensorflow keras av cv2 openvino"),
    ],
)
def test_importing_costs_nothing_that_is_not_used(code: str, kept_out: str) -> None:
    check = f"{code}; import sys; found = set({kept_out.split()!r}) & set(sys.modules); "
    check += "assert not found, found"
    subprocess.run([sys.executable, "-W", "error", "-c", check], check=True, timeout=60)
