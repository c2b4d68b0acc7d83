"""Stops a training whose loss is no longer a number, and keeps what it choked on."""

from __future__ import annotations

import io
import math
from pathlib import Path

import keras
import numpy as np

from vdiff_plugin.atomic import write_whole
from vdiff_plugin.errors import OutputError, VdiffError
from vdiff_plugin.training.batches import SampleBatches


class DivergedError(VdiffError):
    """The loss or a weight became NaN or infinite."""


class LossGuard(keras.callbacks.Callback):
    """Raises after the first step whose loss is not finite."""

    def __init__(self, batches: SampleBatches, folder: Path) -> None:
        """Watch the steps on `batches`; the offending one goes to `folder`."""
        super().__init__()
        self._batches = batches
        self._folder = folder

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Look at the loss of one step."""
        if math.isfinite((logs or {}).get("loss", 0.0)):
            return
        step = self._batches.first + batch + 1
        kept = self._keep(batch, self._folder / f"nan-at-step-{step}.npz")
        raise DivergedError(
            f"the loss is not a number after step {step}; {kept}, and the last checkpoint and "
            "weights are as they were; use a lower --lr, or look at the batch"
        )

    def _keep(self, batch: int, path: Path) -> str:
        inputs, truth = self._batches[batch]
        data = io.BytesIO()
        np.savez_compressed(data, truth=truth, **inputs)  # type: ignore[arg-type]
        try:
            write_whole(path, data.getvalue(), overwrite=True)
        except OutputError as error:
            return f"its batch could not be kept ({error})"
        return f"its batch is in {path}"
