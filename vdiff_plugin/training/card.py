"""The model card: what a weights file is, what it was made from, and what it does."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from vdiff_plugin.model.shapes import arithmetic
from vdiff_plugin.model.weights import Weights
from vdiff_plugin.training.heldout import CEILING, Score
from vdiff_plugin.training.recipe import Recipe
from vdiff_plugin.training.survey import Inventory


def write_card(
    out: Path,
    weights: Weights,
    recipe: Recipe,
    data: Inventory,
    scores: Mapping[str, Score],
    step: int,
) -> str:
    """The card of `out` in Markdown."""
    return "\n".join(
        [f"# {out.stem}", "", *_facts(out, weights, recipe, data, step), "", *_results(scores), ""]
    )


def _facts(out: Path, weights: Weights, recipe: Recipe, data: Inventory, step: int) -> list[str]:
    layers = weights.layers.values()
    parameters = sum(layer.kernel.size + layer.bias.size for layer in layers)
    mixture = ", ".join(f"{name} {part:g}" for name, part in recipe.degradations.items() if part)
    seen = f"{step * recipe.batch:,} patches of {recipe.patch} pixels seen"
    start = f", from weights `{recipe.start}`" if recipe.start else ""
    return [
        "| | |",
        "|---|---|",
        f"| task, preset | {recipe.task}, {recipe.preset} |",
        f"| network | {parameters:,} parameters in 8-bit integers, "
        f"{arithmetic(weights.architecture):,.0f} multiply-adds a pixel |",
        f"| file | {out.stat().st_size:,} bytes, content hash `{weights.fingerprint.hex()}` |",
        f"| data | {data.videos} videos, {data.stills} stills; hash of names and sizes "
        f"`{data.digest}`; {recipe.held_out:.0%} held out |",
        f"| degradations | {mixture} |",
        f"| training | {step:,} of {recipe.steps:,} steps, {seen}{start} |",
        f"| recipe | `{out.stem}.toml`, seed {recipe.seed} |",
        f"| made by | vdiff {_version()}, NumPy {np.__version__}, {_keras()} |",
    ]


def _results(scores: Mapping[str, Score]) -> list[str]:
    if not scores:
        return ["Not measured: no files were held out."]
    rows = [_row(name, score) for name, score in scores.items()]
    return [
        "Held-out files, a few patches of each degradation, PSNR in dB weighted 6:1:1 over Y, U "
        "and V. Small as they are, they show whether training works; compare "
        "models on whole clips.",
        "",
        "| degradation | before | after | gain |",
        "|---|---|---|---|",
        *rows,
    ]


def _row(name: str, score: Score) -> str:
    if score.before >= CEILING:  # clean: there is nothing to gain
        return f"| {name} | equal | {score.after:.2f} | |"
    return f"| {name} | {score.before:.2f} | {score.after:.2f} | {score.gain:+.2f} |"


def _version() -> str:
    try:
        return version("vdiff-plugin")
    except PackageNotFoundError:  # run from a checkout
        return "from a checkout"


def _keras() -> str:
    import keras

    return f"Keras {keras.__version__} on {keras.backend.backend()}"
