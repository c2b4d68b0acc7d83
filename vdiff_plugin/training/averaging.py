"""The moving average of the weights, which is better than the weights of any step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


class MovingAverage(keras.callbacks.Callback):
    """Averages the weights over steps.

    Attributes:
        mean: averaged weights in the order of `get_weights`; empty before the first step.
        count: steps so far.
    """

    def __init__(self, keep: float) -> None:
        """Average with a coefficient that rises to `keep`."""
        super().__init__()
        self._keep = keep
        self.mean: list[NDArray[Any]] = []
        self.count = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Add the weights after one step; early steps count more, as there are few."""
        del batch, logs
        self.count += 1
        keep = min(self._keep, self.count / (self.count + 10))
        # `self.model` rather than a model of ours: JAX's state is brought over by it.
        current = self.model.get_weights()
        if not self.mean:
            self.mean = [np.array(value) for value in current]
        for mean, value in zip(self.mean, current, strict=True):
            mean += (1 - keep) * (value - mean)

    @contextmanager
    def in_place(self, model: keras.Model) -> Iterator[None]:
        """Within the block `model` has the averaged weights."""
        current = [np.array(value) for value in model.get_weights()]
        model.set_weights(self.mean or current)
        try:
            yield
        finally:
            model.set_weights(current)
