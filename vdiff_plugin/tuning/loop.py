"""The tuning itself: a few hundred gentle steps, looked at on held-out frames all along."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from vdiff_plugin.atomic import write_whole
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import VdiffError
from vdiff_plugin.model.weights import Weights, load_weights, save_weights
from vdiff_plugin.training.averaging import MovingAverage
from vdiff_plugin.training.board import Board, require_tensorboard
from vdiff_plugin.training.guard import LossGuard
from vdiff_plugin.training.heldout import Score
from vdiff_plugin.training.loop import spans
from vdiff_plugin.training.network import TrainableNetwork, build_network
from vdiff_plugin.tuning.batches import PairBatches, weighted_square
from vdiff_plugin.tuning.card import write_card
from vdiff_plugin.tuning.judge import Gain, errors_of, gain_of
from vdiff_plugin.tuning.material import Material, make_material
from vdiff_plugin.tuning.outcome import Outcome
from vdiff_plugin.tuning.reach import distance, hold
from vdiff_plugin.tuning.recipe import TuneRecipe
from vdiff_plugin.tuning.state import State, Tensors
from vdiff_plugin.tuning.takes import Take, find_takes

logger = logging.getLogger(__name__)

_AVERAGED = 0.98  # coefficient of the moving average of the weights: some 50 steps
_ENDLESS = 20_000  # steps that nobody will wait for
_NOTHING = Gain(0.0, 0.0)

Report = Callable[[int, int | None], None]


class NoGainError(VdiffError):
    """Tuned weights that are no better on held-out frames."""


@dataclass(frozen=True, kw_only=True)
class Upkeep:
    """How a tuning is looked after.

    Attributes:
        minutes: it ends after so many, preparation included; None: no limit.
        steps: it ends after so many; None: no limit.
        resume: go on from the state in the work folder, if there is one.
        tensorboard: folder for event files.
        progress: called with steps done and to come.
    """

    minutes: float | None = 10.0
    steps: int | None = None
    resume: bool = False
    tensorboard: Path | None = None
    progress: Report = lambda _done, _total: None


def state_path(work: Path, out: Path) -> Path:
    """Where the tuning of `out` keeps its state."""
    return work / f"{out.stem}.checkpoint"


def tune(
    recipe: TuneRecipe, footage: Sequence[Path], work: Path, out: Path, upkeep: Upkeep
) -> Outcome:
    """Adapt bundled weights to `footage`; write weights and card only if that has gained.

    Args:
        recipe: what is tuned, and how.
        footage: videos, or folders of them, as noisy as they are.
        work: folder for pairs and state.
        out: the weights file; `.md` of the same name comes beside it.
        upkeep: limits, resuming, progress.

    Raises:
        MediaError: no usable video.
        UnsuitableError: clean footage, or nothing in it can be followed.
        NoGainError: no gain beyond chance; nothing is written.
        SettingsError: a state of another tuning.
        OutputError: a disk that is full or closed.
    """
    began = time.monotonic()
    if upkeep.tensorboard:
        require_tensorboard()
    takes, refused = find_takes(footage, recipe.seed)
    for line in refused:
        logger.warning("skipped %s", line)
    with Engine() as engine:
        start = load_weights(engine.offers.weights_for(recipe.task, recipe.preset).path)
        material = make_material(takes, recipe, engine, work)
    tuning = Tuning(start, recipe, material, state_path(work, out), upkeep, began)
    weights, outcome = tuning.run()
    _require_gain(outcome)
    _publish(weights, outcome, takes, work, out)
    return outcome


class Tuning:
    """One tuning under way."""

    def __init__(
        self,
        start: Weights,
        recipe: TuneRecipe,
        material: Material,
        state: Path,
        upkeep: Upkeep,
        began: float,
    ) -> None:
        """Build the network from `start`, and go to the last state if that is wanted."""
        keras.utils.set_random_seed(recipe.seed)
        self._start = start
        self._recipe = recipe
        self._material = material
        self._path = state
        self._upkeep = upkeep
        self._began = began
        self._network = _tunable(start, recipe, material)
        self._average = MovingAverage(_AVERAGED)
        self._before = self._errors()
        self._best: Tensors = self._network.model.get_weights()
        self._looks: list[tuple[int, Gain]] = []
        self._board = (
            Board(upkeep.tensorboard, lambda _step: recipe.rate) if upkeep.tensorboard else None
        )

    def run(self) -> tuple[Weights, Outcome]:
        """Tune until time is up, the steps are done, or nothing gets better."""
        if self._upkeep.resume and self._path.exists():
            self._go_on()
        steps = self._upkeep.steps or _ENDLESS
        for start, stop in spans(self._average.count, steps, self._recipe.interval):
            if self._tired() or self._late(start):
                break
            self._fit(start, stop)
            self._look(stop)
            self._state().write(self._path)
            self._upkeep.progress(stop, self._expected(stop, steps))
        if self._board:
            self._board.close()
        return self._end()

    def _fit(self, start: int, stop: int) -> None:
        batches = PairBatches(
            [self._material.learn],
            batch=self._recipe.batch,
            steps=stop - start,
            seed=self._recipe.seed,
            first=start,
        )
        callbacks: list[Any] = [LossGuard(batches, self._path.parent), self._average]
        if self._board:
            self._board.step = start
            callbacks.append(self._board)
        self._network.model.fit(batches, verbose=0, shuffle=False, callbacks=callbacks)

    def _look(self, step: int) -> None:
        """Measure the averaged network on the held-out frames, and keep it if it is best."""
        with self._average.in_place(self._network.model):
            gain = gain_of(self._before, self._errors())
        better = gain.decibels > self._best_look[1].decibels
        self._looks.append((step, gain))
        if better:
            self._best = [np.array(value) for value in self._average.mean]
        logger.info("step %d: held out %+.3f dB%s", step, gain.decibels, ", best" * better)
        if self._board:
            self._board.show({"neighbours": Score(0.0, gain.decibels)}, {})

    def _errors(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        return errors_of(self._network.model, self._material.judge, self._recipe.batch)

    @property
    def _best_look(self) -> tuple[int, Gain]:
        return max([(0, _NOTHING), *self._looks], key=lambda look: look[1].decibels)

    def _tired(self) -> bool:
        last = self._looks[-1][0] if self._looks else 0
        return last - self._best_look[0] >= self._recipe.patience * self._recipe.interval

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _late(self, step: int) -> bool:
        """Whether the next steps, at the speed so far, would end after the time allowed."""
        if self._upkeep.minutes is None:
            return False
        ahead = self._seconds() / step * self._recipe.interval if step else 0.0
        return self._seconds() + ahead > 60 * self._upkeep.minutes

    def _expected(self, done: int, steps: int) -> int:
        if self._upkeep.minutes is None:
            return steps
        return min(steps, max(done, int(done * 60 * self._upkeep.minutes / self._seconds())))

    def _same(self) -> dict[str, Any]:
        return {
            "options": self._recipe.model_dump(),
            "footage": self._material.digest,
            "weights to begin with": self._start.fingerprint.hex(),
        }

    def _state(self) -> State:
        looks = [(step, gain.decibels, gain.uncertainty) for step, gain in self._looks]
        facts = {
            **self._same(),
            "step": self._average.count,
            "seconds": self._seconds(),
            "looks": looks,
        }
        return State.take(self._network.model, self._average, self._best, facts)

    def _go_on(self) -> None:
        state = State.read(self._path)
        state.require(self._same())
        self._best = state.restore(self._network.model, self._average)
        self._began -= state.facts["seconds"]
        self._looks = [(step, Gain(gain, doubt)) for step, gain, doubt in state.facts["looks"]]
        logger.info("going on after step %d", self._average.count)

    def _end(self) -> tuple[Weights, Outcome]:
        """The best weights, and what they came to."""
        step, gain = self._best_look
        self._network.model.set_weights(list(self._best))
        facts = {
            "tuned from": self._start.fingerprint.hex(),
            "footage": self._material.digest,
            "steps": step,
            **self._recipe.model_dump(),
        }
        weights = self._network.freeze(self._recipe.task, facts)
        outcome = Outcome(
            start=self._start.fingerprint,
            noise=self._material.noise,
            stays=self._material.stays,
            steps=self._average.count,
            best_step=step,
            gain=gain,
            distance=distance(self._start, weights),
        )
        return weights, outcome


def _tunable(start: Weights, recipe: TuneRecipe, material: Material) -> TrainableNetwork:
    network = build_network(start.architecture, recipe.patch)
    network.thaw(start)
    hold(network, recipe.reach)
    network.model.compile(
        optimizer=keras.optimizers.Adam(recipe.rate, clipnorm=1.0),
        loss=weighted_square(material.noise),
        jit_compile=True,
    )
    return network


def _require_gain(outcome: Outcome) -> None:
    gain = outcome.gain
    if not gain.certain:
        raise NoGainError(
            f"no gain on held-out frames beyond chance ({gain.decibels:+.3f} dB, standard error "
            f"{gain.uncertainty:.3f}); the bundled weights fit this footage, keep them"
        )


def _publish(
    weights: Weights, outcome: Outcome, takes: Sequence[Take], work: Path, out: Path
) -> None:
    partial = work / "tuned.safetensors"
    save_weights(partial, weights)
    write_whole(out, partial.read_bytes(), overwrite=True)
    card = write_card(out, weights, outcome, takes)
    write_whole(out.with_suffix(".md"), card.encode(), overwrite=True)
