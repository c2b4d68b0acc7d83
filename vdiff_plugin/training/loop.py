"""Training itself: Keras `fit` over spans of steps, with everything kept between them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from vdiff_plugin.atomic import require_writable, unwritable, whole_file, write_whole
from vdiff_plugin.errors import SettingsError
from vdiff_plugin.model.weights import Weights, load_weights, save_weights
from vdiff_plugin.training.averaging import MovingAverage
from vdiff_plugin.training.batches import SampleBatches
from vdiff_plugin.training.board import Board, require_tensorboard
from vdiff_plugin.training.card import write_card
from vdiff_plugin.training.checkpoint import Checkpoint
from vdiff_plugin.training.growth import grown
from vdiff_plugin.training.guard import LossGuard
from vdiff_plugin.training.heldout import CEILING, Score, measure
from vdiff_plugin.training.losses import loss_of
from vdiff_plugin.training.network import TrainableNetwork, build_network
from vdiff_plugin.training.recipe import Recipe
from vdiff_plugin.training.shards import Shards

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Upkeep:
    """How a training is looked after; nothing here changes the weights.

    Attributes:
        resume: go on from the checkpoint in the work folder, if there is one.
        interval: steps between two checkpoints.
        workers: processes that make samples; None: one for each core.
        tensorboard: folder for event files.
    """

    resume: bool = False
    interval: int = 250
    workers: int | None = None
    tensorboard: Path | None = None


def checkpoint_path(work: Path, out: Path) -> Path:
    """Where the training of `out` keeps its state."""
    return work / f"{out.stem}.checkpoint"


def train_recipe(
    recipe: Recipe,
    roots: Sequence[Path],
    work: Path,
    out: Path,
    start: Path | None = None,
    *,
    upkeep: Upkeep | None = None,
) -> None:
    """Train, and write weights, recipe and card after every epoch.

    Args:
        recipe: what to train.
        roots: folders of clean footage.
        work: folder for samples, which the next training uses again, and checkpoints.
        out: the weights file; `.toml` and `.md` of the same name come beside it.
        start: weights to begin with instead of random ones.
        upkeep: resuming, checkpoints, workers, TensorBoard.

    Raises:
        MediaError: no usable footage.
        SettingsError: options that contradict each other or a checkpoint.
        OutputError: a disk that is full or closed; what was there is as it was.
        DivergedError: the loss is no longer a number.
    """
    upkeep = upkeep or Upkeep()
    if upkeep.tensorboard:
        require_tensorboard()
    require_writable(out, overwrite=True, sources=())
    keras.utils.set_random_seed(recipe.seed)
    recipe = recipe.resolved()
    network = build_network(recipe.architecture, recipe.patch)
    recipe = _begin(network, recipe, start)
    with Shards(recipe, roots, work, upkeep.workers) as shards:
        Training(network, recipe, shards, work, out, upkeep).run()


def _begin(network: TrainableNetwork, recipe: Recipe, start: Path | None) -> Recipe:
    """The recipe with the hash of the weights that `network` now starts from."""
    if start is None:
        if recipe.start:
            raise SettingsError(f"the recipe starts from weights {recipe.start}; give --start")
        return recipe
    weights = load_weights(start)
    found = weights.fingerprint.hex()
    if recipe.start not in ("", found):
        raise SettingsError(f"{start}: holds {found}, and the recipe starts from {recipe.start}")
    if weights.architecture != network.preset:
        weights = grown(weights, network.preset, recipe.seed)
    network.thaw(weights)
    return recipe.model_copy(update={"start": found})


def schedule(recipe: Recipe) -> keras.optimizers.schedules.LearningRateSchedule:
    """A warm-up and a cosine."""
    return keras.optimizers.schedules.CosineDecay(
        0.0 if recipe.warmup else recipe.rate,
        max(1, recipe.steps - recipe.warmup),
        alpha=recipe.last_rate / recipe.rate,
        warmup_target=recipe.rate if recipe.warmup else None,
        warmup_steps=recipe.warmup,
    )


def spans(first: int, steps: int, *intervals: int) -> Iterator[tuple[int, int]]:
    """Cut first .. steps-1 wherever a multiple of an interval lies; 0 cuts nothing.

    >>> list(spans(3, 10, 4, 6, 0))
    [(3, 4), (4, 6), (6, 8), (8, 10)]
    """
    while first < steps:
        ends = [first + each - first % each for each in intervals if each]
        last = min(steps, *ends)
        yield first, last
        first = last


class Training:
    """One training under way."""

    def __init__(
        self,
        network: TrainableNetwork,
        recipe: Recipe,
        shards: Shards,
        work: Path,
        out: Path,
        upkeep: Upkeep,
    ) -> None:
        """Compile `network`, and go to the last checkpoint if that is wanted."""
        self._network = network
        self._recipe = recipe
        self._shards = shards
        self._work = work
        self._out = out
        self._upkeep = upkeep
        self._average = MovingAverage(recipe.ema)
        self._scores: dict[str, Score] = {}
        rate = schedule(recipe)
        self._board = (
            Board(upkeep.tensorboard, lambda step: float(rate(step)))
            if upkeep.tensorboard
            else None
        )
        network.model.compile(
            optimizer=keras.optimizers.Adam(rate, clipnorm=1.0),
            loss=loss_of(recipe.loss, recipe.flicker),
            jit_compile=True,
        )

    @property
    def scores(self) -> Mapping[str, Score]:
        """Of the averaged network on held-out samples at the last measurement, by degradation."""
        return self._scores

    def run(self) -> None:
        """Train to the end."""
        if self._upkeep.resume:
            self._go_on()
        recipe, first = self._recipe, self._average.count
        for start, stop in spans(
            first, recipe.steps, recipe.epoch, self._upkeep.interval, recipe.shard_steps
        ):
            self._fit(start, stop)
            if stop % recipe.epoch == 0 or stop == recipe.steps:
                self._end_epoch(stop)
            if stop % self._upkeep.interval == 0 or stop == recipe.steps:
                self._state().write(self._checkpoint)
        if first >= recipe.steps:
            self._end_epoch(first)
        if self._board:
            self._board.close()

    @property
    def _checkpoint(self) -> Path:
        return checkpoint_path(self._work, self._out)

    def _state(self) -> Checkpoint:
        digest = self._shards.inventory.digest
        return Checkpoint.take(self._network.model, self._average, self._recipe, digest)

    def _go_on(self) -> None:
        if not self._checkpoint.exists():
            return
        checkpoint = Checkpoint.read(self._checkpoint)
        checkpoint.require(self._recipe, self._shards.inventory.digest)
        checkpoint.restore(self._network.model, self._average)
        logger.info("going on after step %d of %d", checkpoint.step, self._recipe.steps)

    def _fit(self, start: int, stop: int) -> None:
        batches = SampleBatches(
            self._shards.files_at(start),
            batch=self._recipe.batch,
            steps=stop - start,
            seed=self._recipe.seed,
            first=start,
            pairs=self._recipe.flicker > 0,
        )
        callbacks = [LossGuard(batches, self._work), self._average]
        if self._board:
            self._board.step = start
            callbacks.append(self._board)
        began = time.monotonic()
        history = self._network.model.fit(batches, verbose=0, shuffle=False, callbacks=callbacks)
        speed = (stop - start) / (time.monotonic() - began)
        loss = history.history["loss"][-1]
        logger.info("step %d of %d: loss %.5f, %.2f steps/s", stop, self._recipe.steps, loss, speed)

    def _end_epoch(self, step: int) -> None:
        """Measure the averaged network and write it with its recipe and card."""
        self._state()  # raises if a weight is not a number
        with self._average.in_place(self._network.model):
            facts = {**self._recipe.model_dump(), "steps_done": step}
            weights = self._network.freeze(self._recipe.task, facts)
            self._measure()
        with whole_file(self._out, overwrite=True, sources=()) as part:
            _save(part, weights)
        recipe = self._recipe.to_toml().encode()
        write_whole(self._out.with_suffix(".toml"), recipe, overwrite=True)
        card = write_card(
            self._out, weights, self._recipe, self._shards.inventory, self._scores, step
        )
        write_whole(self._out.with_suffix(".md"), card.encode(), overwrite=True)

    def _measure(self) -> None:
        files = self._shards.held_out()
        self._scores, examples = measure(self._network.model, files, self._recipe.batch)
        for name, score in self._scores.items():
            before = "equal" if score.before >= CEILING else f"{score.before:.2f} dB"
            logger.info("held out: %s %s before, %.2f dB after", name, before, score.after)
        if self._board:
            self._board.show(self._scores, examples)


def _save(part: Path, weights: Weights) -> None:
    try:
        save_weights(part, weights)
    except OSError as error:
        raise unwritable(part, error.errno) from error
    finally:
        part.with_name(part.name + ".partial").unlink(missing_ok=True)
