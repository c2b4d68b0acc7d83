from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.vdiff_plugin.training import clips
from vdiff_plugin.errors import MediaError
from vdiff_plugin.training.compression import Rows, fit, gather


def test_footage_is_described_before_and_after_encoders(tmp_path: Path) -> None:
    clips.write_video(tmp_path / "a.mkv", [clips.clip(24)])
    rows = gather([tmp_path], clips=2, seed=3)
    assert len(rows.descriptions) == len(rows.errors)
    assert np.isfinite(rows.descriptions).all()
    assert (rows.errors == 0).any()
    assert (rows.errors > 1).any()
    again = gather([tmp_path], clips=2, seed=3)
    np.testing.assert_array_equal(rows.descriptions, again.descriptions)


def test_footage_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"not a video")
    with pytest.raises(MediaError, match="cannot be read"):
        gather([tmp_path], clips=1, seed=1)


@pytest.mark.slow
def test_a_perceptron_learns_what_the_descriptions_tell() -> None:
    rng = np.random.default_rng(0)
    descriptions = rng.normal(0, 1, (400, 3))
    errors = np.where(descriptions[:, 0] > 0, 6.0, 0.0)
    perceptron = fit(Rows(descriptions, errors), seed=1)
    assert 2 ** perceptron(np.array([1.0, 0, 0])) == pytest.approx(6.3, rel=0.3)
    assert 2 ** perceptron(np.array([-1.0, 0, 0])) == pytest.approx(0.3, rel=0.3)


@pytest.mark.parametrize(
    ("module", "words", "said"),
    [
        ("compression", ["missing", "-o", "x.st"], "vdiff: no videos or stills in missing; give"),
        ("compression", ["missing", "-o", "no/x.st"], "vdiff: "),
        ("", ["missing.toml", ".", "-o", "x.st"], "vdiff: missing.toml: "),
    ],
)
def test_wrong_words_are_one_line(tmp_path: Path, module: str, words: list[str], said: str) -> None:
    name = f"vdiff_plugin.training.{module}".rstrip(".")
    done = subprocess.run(
        [sys.executable, "-m", name, *words],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode > 0
    assert done.stderr.startswith(said), done.stderr
    assert done.stderr.count("\n") == 1
