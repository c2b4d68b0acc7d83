"""The method's two words for learning, for any Keras model and any loader of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np

from vdiff_plugin.errors import FrameError
from vdiff_plugin.model.presets import preset_named
from vdiff_plugin.training.losses import LOSSES
from vdiff_plugin.training.network import TrainableNetwork, build_network
from vdiff_plugin.training.samples import PATCH

Loss = str | Callable[[Any, Any], Any]
Loader = Iterable[tuple[Any, Any]]


def optimize(model: keras.Model, batch: tuple[Any, Any], loss: Loss, rate: float = 1e-3) -> float:
    """One plain gradient step: theta <- theta - rate * dL/dtheta.

    Args:
        model: its trainable weights are moved; any Keras model.
        batch: inputs and truth.
        loss: a name of `losses.LOSSES`, or a function (truth, predicted) -> losses.
        rate: alpha.

    Returns:
        The loss before the step.
    """
    chosen = LOSSES[loss] if isinstance(loss, str) else loss
    model.compile(optimizer=keras.optimizers.SGD(rate), loss=chosen, jit_compile=False)
    inputs, truth = batch
    return float(np.asarray(model.train_on_batch(inputs, truth)).ravel()[0])


def train_model(
    loader: Loader,
    epochs: int = 10,
    *,
    preset: str = "fast",
    loss: Loss = "mse",
    rate: float = 1e-3,
    model: TrainableNetwork | None = None,
) -> TrainableNetwork:
    """Train a network on `loader` by Keras `fit` with Adam, as the method does.

    Args:
        loader: batches of inputs and truth, such as `SampleBatches`; gone through `epochs`
            times, so a list or a `keras.utils.PyDataset` and no generator.
        epochs: rounds.
        preset: network size.
        loss: as in `optimize`.
        rate: Adam's learning rate.
        model: one to train further.

    Returns:
        The network; `freeze` gives its weights file.
    """
    network = model or build_network(preset_named(preset), PATCH)
    chosen = LOSSES[loss] if isinstance(loss, str) else loss
    optimiser = keras.optimizers.Adam(rate, clipnorm=1.0)
    network.model.compile(optimizer=optimiser, loss=chosen, jit_compile=True)
    data = loader if isinstance(loader, keras.utils.PyDataset) else _Listed(loader)
    network.model.fit(data, epochs=epochs, verbose=0, shuffle=False)
    return network


class _Listed(keras.utils.PyDataset):
    """A plain list of batches, as Keras takes it."""

    def __init__(self, loader: Loader) -> None:
        super().__init__()
        self._batches = list(loader)
        if not self._batches:
            raise FrameError("the loader gave no batch; give at least one")

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._batches[index]
