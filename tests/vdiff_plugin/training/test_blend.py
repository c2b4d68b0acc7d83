"""Weights between two trainings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.vdiff_plugin.networks import random_weights_file
from vdiff_plugin.errors import WeightsError
from vdiff_plugin.model.weights import load_weights
from vdiff_plugin.training.blend import blended


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    first, second = (random_weights_file(folder, seed=n) for n, folder in enumerate(folders))
    return first, second


def test_the_ends_are_the_weights_themselves(pair: tuple[Path, Path]) -> None:
    old, new = map(load_weights, pair)
    for share, wanted in ((0.0, old), (1.0, new)):
        for name, layer in blended(old, new, share).layers.items():
            for got, real in zip(layer.real, wanted.layers[name].real, strict=True):
                np.testing.assert_array_equal(got, real)


def test_the_middle_lies_between(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "c.safetensors"
    words = [*map(str, pair), "--share", "0.25", "-o", str(out)]
    subprocess.run([sys.executable, "-m", "vdiff_plugin.training.blend", *words], check=True)
    old, new, between = map(load_weights, (*pair, out))
    for name, layer in between.layers.items():
        wanted = 0.75 * old.layers[name].real[0] + 0.25 * new.layers[name].real[0]
        step = np.ldexp(1.0, -layer.shift.astype(int))
        assert (np.abs(layer.real[0] - wanted) <= step / 2 + 1e-7).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.safetensors", "a.safetensors"], "vdiff: a.safetensors: No such file"),
        (["A", "B", "--share", "7"], "vdiff: share 7 is outside 0..1; give one within\n"),
    ],
)
def test_what_cannot_be_blended_is_said_in_a_line(
    pair: tuple[Path, Path], tmp_path: Path, words: list[str], said: str
) -> None:
    named = {"A": str(pair[0]), "B": str(pair[1])}
    done = subprocess.run(
        [sys.executable, "-m", "vdiff_plugin.training.blend", *(named.get(w, w) for w in words),
         "-o", str(tmp_path / "o.safetensors")],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "o.safetensors").exists()


def test_other_networks_are_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    other = random_weights_file(tmp_path, "quality")
    with pytest.raises(WeightsError, match="two networks cannot be blended"):
        blended(load_weights(pair[0]), load_weights(other), 0.5)
