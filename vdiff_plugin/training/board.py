"""TensorBoard: loss, learning rate and speed of each step, measurements and pictures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np

from vdiff_plugin.errors import SettingsError
from vdiff_plugin.training.heldout import Example, Score


def require_tensorboard() -> None:
    """Raise SettingsError where TensorBoard is not installed."""
    if find_spec("tensorboard") is None:
        raise SettingsError(
            "TensorBoard is not installed; pip install 'vdiff-plugin[tensorboard]', "
            "or leave --tensorboard out"
        )


class Board(keras.callbacks.Callback):
    """Writes event files; Keras's own callback would count steps from 0 in every span."""

    def __init__(self, folder: Path, rate: Callable[[int], float]) -> None:
        """Write to `folder`; `rate` tells the learning rate of a step."""
        super().__init__()
        import tensorflow as tf

        self._summary: Any = tf.summary
        self._writer: Any = tf.summary.create_file_writer(str(folder))
        self._rate = rate
        self.step = 0
        self._last = time.monotonic()

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Do not count the time between spans."""
        del logs
        self._last = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Write one step's figures."""
        del batch
        now = time.monotonic()
        figures = {
            "loss": (logs or {}).get("loss", float("nan")),
            "learning rate": self._rate(self.step),
            "steps a second": 1 / max(now - self._last, 1e-9),
        }
        self.step += 1
        self._last = now
        with self._writer.as_default(step=self.step):
            for name, value in figures.items():
                self._summary.scalar(name, value)

    def show(self, scores: Mapping[str, Score], examples: Mapping[str, Example]) -> None:
        """Write held-out PSNR, and before, after and truth side by side."""
        with self._writer.as_default(step=self.step):
            for name, score in scores.items():
                self._summary.scalar(f"held out/{name}", score.after)
                self._summary.scalar(f"held out gain/{name}", score.gain)
            for name, each in examples.items():
                row = np.concatenate([each.before, each.after, each.truth], axis=1)
                picture = np.clip(np.rint(row), 0, 255).astype(np.uint8)
                self._summary.image(f"{name}: before, after, truth", picture[None, ..., None])
        self._writer.flush()

    def close(self) -> None:
        """Finish the event file."""
        self._writer.close()
