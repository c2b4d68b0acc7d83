"""What a tuning needs to go on as if it had never stopped: one safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.atomic import write_whole
from vdiff_plugin.errors import SettingsError, WeightsError
from vdiff_plugin.training.averaging import MovingAverage

_FORMAT = "vdiff-tuning-1"
_PARTS = ("weights", "optimiser", "mean", "best")

Tensors = Sequence[NDArray[Any]]


@dataclass(frozen=True)
class State:
    """A tuning after some steps.

    Attributes:
        facts: step, seconds, decibels of each look, recipe and footage; plain JSON.
        tensors: weights, the optimiser's variables, averaged weights, the best of those.
    """

    facts: Mapping[str, Any]
    tensors: Mapping[str, Tensors]

    @classmethod
    def take(
        cls,
        model: keras.Model,
        average: MovingAverage,
        best: Tensors,
        facts: Mapping[str, Any],
    ) -> State:
        """The state of `model` now."""
        optimiser = [np.asarray(keras.ops.convert_to_numpy(v)) for v in model.optimizer.variables]
        parts = (model.get_weights(), optimiser, average.mean, best)
        return cls(facts, dict(zip(_PARTS, parts, strict=True)))

    def restore(self, model: keras.Model, average: MovingAverage) -> Tensors:
        """Bring a compiled `model` to this state; the best weights so far."""
        model.set_weights(list(self.tensors["weights"]))
        model.optimizer.build(model.trainable_variables)
        pairs = zip(model.optimizer.variables, self.tensors["optimiser"], strict=True)
        for variable, value in pairs:
            variable.assign(value)
        average.mean = [np.array(value) for value in self.tensors["mean"]]
        average.count = int(self.facts["step"])
        return self.tensors["best"]

    def require(self, wanted: Mapping[str, Any]) -> None:
        """Raise SettingsError unless recipe, start and footage are those of `wanted`."""
        different = [name for name, value in wanted.items() if self.facts.get(name) != value]
        if different:
            raise SettingsError(
                f"the tuning to go on with, at step {self.facts['step']}, has other "
                f"{', '.join(sorted(different))}; give the same options and footage, or "
                "another --resume"
            )

    def write(self, path: Path) -> None:
        """Write to `path`, atomically. Raises OutputError."""
        from safetensors.numpy import save

        tensors = {
            f"{name}/{i}": np.array(value, order="C")
            for name, values in self.tensors.items()
            for i, value in enumerate(values)
        }
        facts = {_FORMAT: json.dumps(dict(self.facts), sort_keys=True)}
        write_whole(path, save(tensors, facts), overwrite=True)

    @classmethod
    def read(cls, path: Path) -> State:
        """Read a state. Raises WeightsError: damaged, or no state of a tuning."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                facts = json.loads((file.metadata() or {})[_FORMAT])
                names = set(file.keys())
                tensors = {part: _numbered(file, names, part) for part in _PARTS}
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise WeightsError(
                f"{path}: no unfinished tuning of this version ({reason}); remove it to start again"
            ) from error
        return cls(facts, tensors)


def _numbered(file: Any, names: set[str], part: str) -> Tensors:
    count = sum(name.startswith(f"{part}/") for name in names)
    return [file.get_tensor(f"{part}/{i}") for i in range(count)]
