"""Training itself: samples, Keras `fit`, and integer weights at the end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.model.presets import preset_named
from vdiff_plugin.model.weights import Weights, load_weights, save_weights
from vdiff_plugin.training.batches import SampleBatches
from vdiff_plugin.training.losses import LOSSES
from vdiff_plugin.training.network import TrainableNetwork, build_network
from vdiff_plugin.training.recipe import Recipe
from vdiff_plugin.training.samples import PATCH, write_samples

logger = logging.getLogger(__name__)
EPOCH = 250  # steps between two weights files


def train_recipe(
    recipe: Recipe, roots: Sequence[Path], work: Path, out: Path, start: Path | None = None
) -> None:
    """Make samples if `work` lacks them, train, and write `out` after every epoch.

    Args:
        recipe: what to train.
        roots: folders of clean footage.
        work: folder for samples; they are used again by the next training.
        out: the weights file.
        start: weights to begin with instead of random ones.
    """
    paths = prepare_samples(recipe, roots, work)
    keras.utils.set_random_seed(recipe.seed)
    network = build_network(preset_named(recipe.preset), PATCH)
    if start is not None:
        network.thaw(load_weights(start))
    fit(network, recipe, paths, out)


def prepare_samples(recipe: Recipe, roots: Sequence[Path], work: Path) -> list[Path]:
    """Paths of the recipe's sample files, making the missing ones side by side."""
    work.mkdir(parents=True, exist_ok=True)
    paths = [work / f"{recipe.task}-{recipe.seed}-{i}.npy" for i in range(recipe.shards)]
    missing = [i for i, path in enumerate(paths) if not path.exists()]
    with ProcessPoolExecutor() as pool:
        jobs = [pool.submit(write_samples, roots, recipe.shard(i), paths[i]) for i in missing]
        for job in jobs:
            job.result()
    return paths


def fit(network: TrainableNetwork, recipe: Recipe, paths: Sequence[Path], out: Path) -> None:
    """Run Keras's `fit` for the recipe's steps."""
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        recipe.steps - recipe.warmup,
        alpha=recipe.last_rate / recipe.rate,
        warmup_target=recipe.rate,
        warmup_steps=recipe.warmup,
    )
    network.model.compile(
        optimizer=keras.optimizers.Adam(rate, clipnorm=1.0),
        loss=LOSSES[recipe.loss],
        jit_compile=True,
    )
    batches = SampleBatches(paths, batch=recipe.batch, steps=EPOCH, seed=recipe.seed)
    average = MovingAverage(network, recipe, out)
    network.model.fit(
        batches,
        epochs=-(-recipe.steps // EPOCH),
        verbose=2,
        callbacks=[average, keras.callbacks.TerminateOnNaN()],
    )


class MovingAverage(keras.callbacks.Callback):
    """Averages the weights over steps and writes the averaged network each epoch."""

    def __init__(self, network: TrainableNetwork, recipe: Recipe, out: Path) -> None:
        """Average `network` into `out`."""
        super().__init__()
        self._network = network
        self._recipe = recipe
        self._out = out
        self._mean: list[NDArray[Any]] = []
        self._count = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Add the weights after one step; early steps count more, as there are few."""
        del batch, logs
        self._count += 1
        keep = min(self._recipe.ema, self._count / (self._count + 10))
        current = self._network.model.get_weights()
        if not self._mean:
            self._mean = [np.array(value) for value in current]
        for mean, value in zip(self._mean, current, strict=True):
            mean += (1 - keep) * (value - mean)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write the averaged network."""
        del epoch
        loss = (logs or {}).get("loss", float("nan"))
        save_weights(self._out, self.averaged())
        logger.info("step %d: loss %.5f, %s written", self._count, loss, self._out.name)

    def averaged(self) -> Weights:
        """The averaged network in integers."""
        current = self._network.model.get_weights()
        self._network.model.set_weights(self._mean)
        try:
            facts = {**self._recipe.model_dump(), "steps_done": self._count}
            return self._network.freeze(self._recipe.task, facts)
        finally:
            self._network.model.set_weights(current)
