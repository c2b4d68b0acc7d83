"""`vdiff tune` as a user runs it: refusals of one line, and a real tuning that gains."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Vdiff
from tests.vdiff_plugin.tuning.clips import noisy, panned, write_lossless
from vdiff_plugin.engine import Engine
from vdiff_plugin.model.weights import load_weights
from vdiff_plugin.settings import Settings
from vdiff_plugin.training.footage import Sequence420
from vdiff_plugin.tuning.restored import restored

_FRAMES = 20


@pytest.fixture(scope="module")
def clean() -> Sequence420:
    return panned(_FRAMES, step=1)


@pytest.fixture(scope="module")
def footage(clean: Sequence420, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise that the bundled network takes for weaker than it is: it has a grain."""
    return write_lossless(_grainy(clean), tmp_path_factory.mktemp("footage") / "noisy.mkv")


def _grainy(clean: Sequence420) -> Sequence420:
    import cv2

    rng = np.random.default_rng(2)
    white = rng.standard_normal(clean.luma.shape, np.float32)
    grain = np.stack([cv2.GaussianBlur(each, (0, 0), 1.2) for each in white])
    luma = clean.luma + 14 * grain / grain.std()
    bad = np.clip(np.rint(luma), 0, 255).astype(np.uint8)
    return Sequence420(bad, noisy(clean, 6.0).chroma)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nothing.mkv", "-o", "w.safetensors"), 1, "nothing.mkv: no such file"),
        (("text.mkv", "-o", "w.safetensors"), 1, "text.mkv: unreadable"),
        (("text.mkv", "-o", "w.bin"), 2, "weights are .safetensors"),
        (("text.mkv", "-o", "nowhere/w.safetensors"), 1, "no folder nowhere"),
        (("text.mkv", "-o", "w.safetensors", "--reach", "3"), 2, "reach: "),
        (("text.mkv", "-o", "w.safetensors", "--task", "upscale2x"), 2, "weights that restore;"),
    ],
)
def test_bad_requests_are_one_line(
    vdiff: Vdiff, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    (tmp_path / "text.mkv").write_text("no video")
    done = vdiff("tune", *words)
    assert done.returncode == code
    (line,) = done.stderr.splitlines()
    assert line.startswith("vdiff: ")
    assert said in line
    assert not done.stdout
    assert [each.name for each in tmp_path.iterdir()] == ["text.mkv"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_clean_footage_keeps_the_bundled_weights(
    vdiff: Vdiff, clean: Sequence420, tmp_path: Path
) -> None:
    path = write_lossless(clean, tmp_path / "clean.mkv")
    done = vdiff("tune", path, "-o", "w.safetensors", "--steps", "5", timeout=800)
    assert done.returncode == 1
    assert "already clean" in done.stderr.splitlines()[-1]
    assert [each.name for each in tmp_path.iterdir()] == ["clean.mkv"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_tuned_weights_are_better(
    vdiff: Vdiff, clean: Sequence420, footage: Path, tmp_path: Path
) -> None:
    out = tmp_path / "w.safetensors"
    words = ("--steps", "60", "--progress", "json", "--report", "page.html")
    whole = vdiff("tune", footage, "-o", out, *words, timeout=800)
    assert whole.returncode == 0, whole.stderr
    lines = [json.loads(line) for line in whole.stderr.splitlines()]
    assert [line["frame"] for line in lines if "frame" in line][-1] == 60
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "page.html", "w.md", "w.safetensors",
    ]  # fmt: skip
    page = (tmp_path / "page.html").read_text()
    assert all(name in page for name in ("noisy.mkv", "bundled weights", "tuned weights"))
    gain = float(re.findall(r"\| gain \| ([+-][\d.]+) dB", out.with_suffix(".md").read_text())[0])
    assert gain > 0.01

    bad = _grainy(clean)
    with Engine() as engine:
        bundled, tuned = (restored(engine, bad, Settings.of(weights=path)) for path in (None, out))
    assert _error(tuned, clean) < 0.95 * _error(bundled, clean)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_tuning_that_was_killed_goes_on_to_the_same_weights(
    vdiff: Vdiff, footage: Path, tmp_path: Path
) -> None:
    words = ("--steps", "60", "--progress", "json", "--resume", tmp_path / "work")
    out, whole = tmp_path / "w.safetensors", tmp_path / "whole.safetensors"
    command = [sys.executable, "-m", "vdiff_plugin", "tune", footage, "-o", out, *words]
    with subprocess.Popen(
        list(map(str, command)), stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as program:
        assert program.stderr
        for line in program.stderr:
            if json.loads(line).get("frame") == 50:
                break
        program.kill()
    assert not out.exists()
    again = vdiff("tune", footage, "-o", out, *words, timeout=800)
    assert again.returncode == 0, again.stderr
    assert "going on after step 50" in again.stderr
    done = vdiff("tune", footage, "-o", whole, "--steps", "60", timeout=800)
    assert done.returncode == 0, done.stderr
    assert load_weights(out).fingerprint == load_weights(whole).fingerprint


def _error(clip: Sequence420, truth: Sequence420) -> float:
    return float(np.square(clip.luma.astype(float) - truth.luma).mean())
