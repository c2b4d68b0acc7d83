"""Checkpoints: all that a training needs to go on as if it had never stopped.

One safetensors file with the weights, the optimiser's variables and the moving average;
its metadata hold step and recipe. It replaces the one before only when it is whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.atomic import write_whole
from vdiff_plugin.errors import SettingsError, WeightsError
from vdiff_plugin.training.averaging import MovingAverage
from vdiff_plugin.training.guard import DivergedError
from vdiff_plugin.training.recipe import Recipe

_FORMAT = "vdiff-checkpoint-1"
_PARTS = ("weights", "optimiser", "mean")


@dataclass(frozen=True)
class Checkpoint:
    """A training after `step` steps.

    Attributes:
        step: steps done.
        recipe: what is trained.
        data: digest of the footage.
        tensors: `weights/0` and so on.
    """

    step: int
    recipe: Recipe
    data: str
    tensors: Mapping[str, NDArray[Any]]

    @classmethod
    def take(
        cls, model: keras.Model, average: MovingAverage, recipe: Recipe, data: str
    ) -> Checkpoint:
        """The state of `model` now.

        Raises:
            DivergedError: a weight is not a number.
        """
        step = average.count
        parts = (model.get_weights(), _variables(model.optimizer), average.mean)
        tensors = {
            f"{name}/{i}": np.array(value, order="C")
            for name, values in zip(_PARTS, parts, strict=True)
            for i, value in enumerate(values)
        }
        if not all(np.isfinite(value).all() for value in tensors.values()):
            raise DivergedError(
                f"a weight is not a number after step {step}; the last checkpoint and weights "
                "are as they were; use a lower --lr"
            )
        return cls(step, recipe, data, tensors)

    def restore(self, model: keras.Model, average: MovingAverage) -> None:
        """Bring `model`, compiled as the recipe says, to this state."""
        model.set_weights(self._part("weights"))
        model.optimizer.build(model.trainable_variables)
        pairs = zip(model.optimizer.variables, self._part("optimiser"), strict=True)
        for variable, value in pairs:
            variable.assign(value)
        average.mean = [np.array(value) for value in self._part("mean")]
        average.count = self.step

    def require(self, recipe: Recipe, data: str) -> None:
        """Raise SettingsError unless it belongs to that training."""
        mine, wanted = self.recipe.model_dump(), recipe.model_dump()
        different = sorted(name for name in mine if mine[name] != wanted[name])
        if data != self.data:
            different.append("footage")
        if different:
            raise SettingsError(
                f"the checkpoint at step {self.step} is of another training, with other "
                f"{', '.join(different)}; give the same options and footage, or another --resume"
            )

    def write(self, path: Path) -> None:
        """Write to `path`, atomically. Raises OutputError."""
        from safetensors.numpy import save

        facts = {
            _FORMAT: self.recipe.model_dump_json(),
            "step": str(self.step),
            "data": self.data,
        }
        write_whole(path, save(dict(self.tensors), facts), overwrite=True)

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """Read a checkpoint.

        Raises:
            WeightsError: damaged, or no checkpoint.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                facts = dict(file.metadata() or {})
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            recipe = Recipe.of(str(path), json.loads(facts[_FORMAT]))
            return cls(int(facts["step"]), recipe, facts["data"], tensors)
        except (OSError, SafetensorError, KeyError, ValueError, SettingsError) as error:
            reason = " ".join(str(error).split())
            raise WeightsError(
                f"{path}: no checkpoint of this version ({reason}); remove it to start again"
            ) from error

    def _part(self, name: str) -> Sequence[NDArray[Any]]:
        return list(self._values(name))

    def _values(self, name: str) -> Iterator[NDArray[Any]]:
        index = 0
        while f"{name}/{index}" in self.tensors:
            yield self.tensors[f"{name}/{index}"]
            index += 1


def _variables(optimiser: keras.Optimizer) -> list[NDArray[Any]]:
    return [np.asarray(keras.ops.convert_to_numpy(value)) for value in optimiser.variables]
