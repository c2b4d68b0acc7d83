"""Event files for TensorBoard, read back with TensorBoard's own reader."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from vdiff_plugin.training.heldout import Example, Score


def test_steps_measurements_and_pictures_are_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the tensorboard extra")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from vdiff_plugin.training.board import Board

    board = Board(tmp_path, lambda step: 0.001 * (step + 1))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    board.step = 7
    data = np.ones((6, 2), np.float32), np.zeros((6, 1), np.float32)
    model.fit(*data, batch_size=2, verbose=0, callbacks=[board])
    grey = np.full((8, 8), 90, np.float32)
    board.show({"gaussian": Score(20.0, 25.0)}, {"gaussian": Example(grey, grey, grey)})
    board.close()
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    tags = events.Tags()["tensors"]
    assert {"loss", "learning rate", "steps a second", "held out/gaussian"} <= set(tags)
    assert "gaussian: before, after, truth" in tags
    assert [event.step for event in events.Tensors("loss")] == [8, 9, 10]


def test_a_missing_tensorboard_is_one_line(tmp_path: Path) -> None:
    args = ["train", str(tmp_path), "-o", str(tmp_path / "w.safetensors")]
    args += ["--tensorboard", str(tmp_path / "events")]
    code = (
        "import importlib.util as u; real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'tensorboard' else real(name, *a)\n"
        "from vdiff_plugin.cli.main import run\n"
        f"raise SystemExit(run({args!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("vdiff: TensorBoard is not installed; pip install")
    assert len(done.stderr.splitlines()) == 1
