"""`vdiff train` as a user runs it: weights, recipe and card; killed and resumed; NaN."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.vdiff_plugin.training.clips import write_stills
from vdiff_plugin.model.weights import load_weights
from vdiff_plugin.training.recipe import Recipe

_ROOT = Path(__file__).parents[3]
_SMALL = (
    "--samples=24", "--batch=2", "--patch=32", "--task=denoise", "--workers=1", "--interval=3",
)  # fmt: skip


def _command(*args: object) -> list[str]:
    return [sys.executable, "-m", "vdiff_plugin", "train", *map(str, args)]


def _train(*args: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(*args), cwd=_ROOT, env=os.environ | variables, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stills")
    write_stills(folder, 3)
    return folder


@pytest.fixture(scope="module")
def trained(stills: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A training of ten steps that nothing interrupted, and what it said."""
    out = tmp_path_factory.mktemp("trained") / "w.safetensors"
    done = _train(stills, "-o", out, "--steps=10", "--epochs=2", *_SMALL)
    assert done.returncode == 0, done.stderr
    assert not done.stdout
    return out, done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_weights_recipe_and_card_appear(trained: tuple[Path, str]) -> None:
    out, said = trained
    weights = load_weights(out)
    recipe = Recipe.read(out.with_suffix(".toml"))
    assert (weights.task, recipe.task, recipe.steps, recipe.epoch) == ("denoise", "denoise", 10, 5)
    card = out.with_suffix(".md").read_text()
    assert weights.fingerprint.hex() in card
    assert "3 stills" in card
    for kind in ("gaussian", "sensor", "correlated"):
        before, after = map(float, re.findall(rf"{kind} \| ([\d.]+) \| ([\d.]+)", card)[0])
        assert after > before > 10
    assert all(line.startswith("vdiff: ") for line in said.splitlines()), said
    assert sorted(each.name for each in out.parent.iterdir()) == [
        "w.md", "w.safetensors", "w.toml",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_and_resumed_within_an_epoch_gives_the_same_bits(
    trained: tuple[Path, str], stills: Path, tmp_path: Path
) -> None:
    out, work = tmp_path / "w.safetensors", tmp_path / "work"
    args = (stills, "-o", out, "--steps=10", "--epochs=2", "--resume", work, *_SMALL)
    process = subprocess.Popen(_command(*args), cwd=_ROOT, stderr=subprocess.DEVNULL)
    checkpoint = work / "w.checkpoint"
    while not checkpoint.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert checkpoint.exists()
    resumed = _train(*args)
    assert resumed.returncode == 0, resumed.stderr
    after = int(re.findall(r"going on after step (\d+) of 10", resumed.stderr)[0])
    assert after in (3, 6, 9)  # and none of them ends an epoch
    assert load_weights(out).fingerprint == load_weights(trained[0]).fingerprint
    assert out.with_suffix(".md").read_text() == trained[0].with_suffix(".md").read_text()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_loss_that_is_no_number_stops_and_keeps_the_batch(stills: Path, tmp_path: Path) -> None:
    out, work = tmp_path / "w.safetensors", tmp_path / "work"
    done = _train(stills, "-o", out, "--steps=9", "--lr=1e38", "--resume", work, *_SMALL)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "not a number after step" in last
    assert "--lr" in last
    assert "Traceback" not in done.stderr
    assert not out.exists()
    (kept,) = work.glob("nan-at-step-*.npz")
    with np.load(kept) as batch:
        assert batch["truth"].shape == (2, 16, 16, 7)
        assert batch["frames"].shape == (2, 5, 16, 16, 6)


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["-o", "w.bin"], 2, "weights are .safetensors"),
        (["-o", "w.safetensors", "--task", "upscale2x", "--flicker", "1"], 2, "no flicker with"),
        (["-o", "w.safetensors", "--task", "colour"], 2, "no task 'colour'; have deblock"),
        (["-o", "w.safetensors", "--patch", "50"], 2, "patch"),
        (["-o", "nowhere/w.safetensors"], 1, "no folder"),
        (["-o", "taken.safetensors"], 1, "exists already; -y"),
        (["-o", "begun.safetensors"], 2, "--resume"),
    ],
)
def test_wrong_requests_are_one_line_at_once(
    stills: Path, tmp_path: Path, args: list[str], code: int, said: str
) -> None:
    (tmp_path / "taken.safetensors").write_text("precious")
    (tmp_path / "begun.training").mkdir()
    (tmp_path / "begun.training" / "begun.checkpoint").write_text("state")
    args[1] = str(tmp_path / args[1])
    done = _train(stills, *args)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (tmp_path / "taken.safetensors").read_text() == "precious"
