"""What each task trains against, composed of degradations."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from vdiff_plugin.errors import UnknownNameError
from vdiff_plugin.model.presets import UPSCALING, architecture_of
from vdiff_plugin.training.recipe import Recipe

EPOCH = 250  # steps
_STEPS = 50_000
_SHARDS = 8  # sample files, that come one by one
_PATCHES = 200  # in the smallest of them
_HALVED = 0.15  # of the videos; what was never so sharp is taken for compressed
_GRAPHICS = 0.15  # of the clips; text that was never seen comes out pale

_MIXTURES: dict[str, dict[str, float]] = {
    "restore": {
        "gaussian": 0.26, "sensor": 0.1, "correlated": 0.1, "film": 0.08, "blotched": 0.07,
        "h264": 0.2, "mpeg": 0.05, "jpeg": 0.02, "noisy_h264": 0.06, "untouched": 0.06,
    },
    "denoise": {
        "gaussian": 0.44, "sensor": 0.16, "correlated": 0.14, "film": 0.1, "blotched": 0.08,
        "untouched": 0.08,
    },
    "deblock": {"h264": 0.65, "mpeg": 0.2, "jpeg": 0.07, "untouched": 0.08},
    "upscale2x": {
        "gaussian": 0.2, "sensor": 0.06, "correlated": 0.04, "blotched": 0.04, "h264": 0.25,
        "mpeg": 0.03, "noisy_h264": 0.08, "untouched": 0.3,
    },
}  # fmt: skip

# Some of every mixture is clean, so that clean video stays as it is.
TASKS: Mapping[str, Mapping[str, float]] = MappingProxyType(_MIXTURES)


def mixture(task: str) -> dict[str, float]:
    """Weights of the degradations of `task`.

    Raises:
        UnknownNameError: no such task.
    """
    try:
        return dict(TASKS[task])
    except KeyError:
        raise UnknownNameError("task", task, TASKS) from None


def new_recipe(where: str, given: Mapping[str, Any]) -> Recipe:
    """A recipe with our choice for all that `where` has not `given`.

    Training begins with the first sample file; the last joins halfway.

    Raises:
        SettingsError: a value outside its range.
        UnknownNameError: no such task or preset.
    """
    values = {"task": "restore", "preset": "fast", "steps": _STEPS, "samples": 24_000, **given}
    values.setdefault("degradations", mixture(values["task"]))
    architecture_of(values["task"], values["preset"])
    shards = min(_SHARDS, max(1, values["samples"] // _PATCHES))
    choice = {
        "shards": shards,
        "shard_steps": max(1, values["steps"] // (2 * shards)),
        "halved": _HALVED,
        "graphics": _GRAPHICS,
        "held_out": 0.1,
        "warmup": min(500, values["steps"] // 10),
        "epoch": EPOCH,
        "loss": "finelog" if values["task"] == UPSCALING else "log",
    }
    return Recipe.of(where, {**choice, **values})
