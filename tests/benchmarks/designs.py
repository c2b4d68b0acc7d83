"""Designs of the network, trained from nothing on the same batches, as a Markdown table.

    python -m tests.benchmarks.designs FOOTAGE.. --work FOLDER [--steps N]

Each has the widths of `fast` and its own way of using neighbours. Scores are PSNR in dB of
held-out patches, weighted 6:1:1, by degradation, and their mean without the clean ones.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from unittest import mock

import keras
import numpy as np
from keras import ops as k

from tests.benchmarks.machine import describe
from tests.benchmarks.tables import Row, print_table
from vdiff_plugin.allocator import keep_memory
from vdiff_plugin.model import fusion
from vdiff_plugin.model.diffusion import OWN_WEIGHT, Diffused
from vdiff_plugin.model.gates import Gate
from vdiff_plugin.model.ops import Ops, Tensor
from vdiff_plugin.model.presets import Preset, preset_named
from vdiff_plugin.model.trunk import trunk
from vdiff_plugin.training.loop import Training, Upkeep
from vdiff_plugin.training.network import TrainableNetwork, build_network
from vdiff_plugin.training.recipe import Recipe
from vdiff_plugin.training.shards import Shards
from vdiff_plugin.training.tasks import new_recipe

Inputs = Mapping[str, Tensor]

_TASK = "denoise"
_SAMPLES = 6000
_EPOCH = 1000


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.designs")
    parser.add_argument("footage", type=Path, nargs="+", help="folders of clean videos and stills")
    parser.add_argument("--work", type=Path, required=True, help="folder for samples and weights")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument(
        "--only", action="append", choices=DESIGNS, metavar="NAME", help="again for more"
    )
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    keep_memory()  # before TensorFlow starts
    print(describe(), f"{given.steps} steps.", sep="; ", end="\n\n")
    recipe = new_recipe(
        "options",
        {"task": _TASK, "steps": given.steps, "samples": _SAMPLES, "epoch": _EPOCH, "graphics": 0},
    )
    print_table(_rows(given, recipe))


def _rows(given: argparse.Namespace, recipe: Recipe) -> Iterator[Row]:
    title: Sequence[str] = ()
    for name in given.only or DESIGNS:
        keras.utils.set_random_seed(recipe.seed)
        network = DESIGNS[name](preset_named(recipe.preset), recipe.patch)
        with Shards(recipe, given.footage, given.work) as shards:
            out = given.work / f"{name.replace(' ', '-').replace(',', '')}.safetensors"
            training = Training(network, recipe, shards, given.work, out, Upkeep())
            training.run()
        scores = {kind: score.after for kind, score in training.scores.items()}
        if not title:
            title = ("design", "multiply-adds a pixel", "mean of noisy", *scores)
            yield title
        noisy = np.mean([value for kind, value in scores.items() if kind != "untouched"])
        values = [f"{value:.2f}" for value in (noisy, *scores.values())]
        yield name, f"{_arithmetic(network, 2 * preset_named(recipe.preset).radius):,.0f}", *values


def _arithmetic(network: TrainableNetwork, neighbours: int) -> float:
    """Multiply-adds a pixel, by the size at which each layer works."""
    total = 0.0
    for name, layer in network.ops.layers.items():
        half = name == "head" or (name.startswith("detail.") and not name.endswith(".grow"))
        places = 1 / 4 if half else neighbours / 16 if name.startswith("gates.") else 1 / 16
        total += float(np.prod(layer.kernel.shape)) * places
    return total


def _with_inputs(change: Callable[[Inputs], Inputs]) -> Callable[[Preset, int], TrainableNetwork]:
    """The product's network, which gets other inputs."""

    def build(preset: Preset, patch: int) -> TrainableNetwork:
        network = build_network(preset, patch)
        inputs = {each.name: keras.Input(each.shape[1:], name=each.name)
                  for each in network.model.inputs}  # fmt: skip
        model = keras.Model(inputs, network.model(change(inputs)))
        return TrainableNetwork(model, network.ops, network.preset)

    return build


def _alone(inputs: Inputs) -> Inputs:
    return {**inputs, "valid": inputs["valid"] * 0.0}


def _unmoved(inputs: Inputs) -> Inputs:
    """Neighbours follow a patch as a whole, in steps of 8 pixels, and nothing within it."""
    frames, radius = inputs["frames"], inputs["valid"].shape[1] // 2
    others = k.concatenate([frames[:, :radius], frames[:, radius + 1 :]], axis=1)
    return {**inputs, "warped": others, "flow": inputs["flow"] * 0.0}


def _replaced(
    name: str, function: Callable[..., object]
) -> Callable[[Preset, int], TrainableNetwork]:
    """The product's network with another function in `fusion`."""

    def build(preset: Preset, patch: int) -> TrainableNetwork:
        with mock.patch.object(fusion, name, function):
            return build_network(preset, patch)

    return build


def _open_gates(
    ops: Ops,
    preset: Preset,
    centre: tuple[Tensor, Tensor],
    neighbours: Sequence[object],
    valid: Sequence[Tensor],
    sigma: Tensor,
) -> list[Gate]:
    """Every neighbour that is there counts as much as frame n."""
    del preset, neighbours, sigma
    pixels = ops.concat([ops.spread(valid[0] * 0.0 + 1.0, centre[0])] * 2)
    features = ops.spread(valid[0] * 0.0 + 1.0, centre[1])
    return [Gate(pixels * flag * OWN_WEIGHT, features * flag * OWN_WEIGHT) for flag in valid]


class _Joined:
    """No average: the trunk sees each neighbour's pixels beside the centre's, and finds out."""

    def __init__(self) -> None:
        self._differences: list[Tensor] = []

    def gates(
        self,
        ops: Ops,
        preset: Preset,
        centre: tuple[Tensor, Tensor],
        neighbours: Sequence[tuple[Tensor, Tensor]],
        valid: Sequence[Tensor],
        sigma: Tensor,
    ) -> list[Gate]:
        del preset, sigma
        self._differences = [
            ops.quantise((pixels - centre[0]) * flag, -255, 255)
            for (pixels, _), flag in zip(neighbours, valid, strict=True)
        ]
        return []

    def diffuse(
        self, ops: Ops, centre: tuple[Tensor, Tensor], neighbours: object, gates: object
    ) -> Diffused:
        del neighbours, gates
        nothing = centre[0] * 0.0
        return Diffused(nothing, centre[1], ops.concat([nothing[..., :1]] * 2))

    def trunk(self, ops: Ops, preset: Preset, pixels: Tensor, extra: Tensor) -> Tensor:
        return trunk(ops, preset, ops.concat([pixels, *self._differences]), extra)


def _joined(preset: Preset, patch: int) -> TrainableNetwork:
    joined = _Joined()
    with mock.patch.multiple(
        fusion, change_gates=joined.gates, diffuse=joined.diffuse, trunk=joined.trunk
    ):
        return build_network(preset, patch)


DESIGNS: Mapping[str, Callable[..., TrainableNetwork]] = {
    "gated average along the flow": build_network,
    "gated average, no flow": _with_inputs(_unmoved),
    "average along the flow, no gates": _replaced("change_gates", _open_gates),
    "neighbours along the flow joined, no average": _joined,
    "one frame alone": _with_inputs(_alone),
}

if __name__ == "__main__":
    main()
