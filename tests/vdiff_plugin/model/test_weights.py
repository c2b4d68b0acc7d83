"""Weights files: what goes in comes out, and whatever is wrong is said in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.vdiff_plugin.networks import random_weights, random_weights_file
from vdiff_plugin.errors import WeightsError
from vdiff_plugin.model.hooks import vdiff_weights
from vdiff_plugin.model.ops import EXACT_LIMIT
from vdiff_plugin.model.weights import (
    Layer,
    Weights,
    check_exact,
    load_weights,
    quantise_kernel,
    save_weights,
)


@pytest.mark.parametrize("preset", ["fast", "quality"])
def test_a_saved_file_loads_as_it_was(tmp_path: Path, preset: str) -> None:
    weights = random_weights(preset)
    loaded = load_weights(random_weights_file(tmp_path, preset))
    assert loaded.preset == weights.preset
    assert loaded.fingerprint == weights.fingerprint
    for name, layer in weights.layers.items():
        for one, two in zip(layer.real, loaded.layers[name].real, strict=True):
            np.testing.assert_array_equal(one, two)


def test_a_saved_file_is_open_to_whom_the_umask_lets(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    saved = random_weights_file(tmp_path, "fast")
    assert saved.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_fingerprint_sees_one_weight_change() -> None:
    weights = random_weights()
    layer = weights.layers["head"]
    kernel = layer.kernel.copy()
    kernel[1, 1, 3, 7] ^= 1
    other = Weights({**weights.layers, "head": replace(layer, kernel=kernel)}, weights.metadata)
    assert other.fingerprint != weights.fingerprint


@pytest.mark.parametrize(
    "damage", ["cut", "flipped header", "flipped bits", "text", "empty", "missing"]
)
def test_damaged_files_are_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    path = random_weights_file(tmp_path)
    data = path.read_bytes()
    path.unlink()
    broken = {
        "cut": data[: len(data) // 2],
        "flipped header": b"\xff" * 8 + data[8:],
        "flipped bits": data[:-5000] + bytes(each ^ 1 for each in data[-5000:-4950]) + data[-4950:],
        "text": b"these are not weights",
        "empty": b"",
    }
    if damage != "missing":
        path.write_bytes(broken[damage])
    with pytest.raises(WeightsError) as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    weights = random_weights()
    layers = dict(weights.layers)
    head = layers["head"]
    layers["head"] = Layer(head.kernel[..., :8], head.shift[:8], head.bias[:8])
    save_weights(tmp_path / "other.safetensors", Weights(layers, weights.metadata))
    with pytest.raises(WeightsError, match="another architecture"):
        load_weights(tmp_path / "other.safetensors")
    del layers["head"]
    save_weights(tmp_path / "less.safetensors", Weights(layers, weights.metadata))
    with pytest.raises(WeightsError, match="layers differ: head"):
        load_weights(tmp_path / "less.safetensors")


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    save_file({"conv/kernel": np.zeros((3, 3), np.float32)}, tmp_path / "f.safetensors")
    with pytest.raises(WeightsError, match="not made by vdiff, .*leave --weights out"):
        load_weights(tmp_path / "f.safetensors")


def test_weights_whose_sums_could_be_inexact_are_refused(tmp_path: Path) -> None:
    channels = EXACT_LIMIT // (255 * 127 * 9) + 1
    layer = Layer(
        np.full((3, 3, channels, 1), 127, np.int8), np.zeros(1, np.int8), np.zeros(1, np.int32)
    )
    with pytest.raises(WeightsError, match="not exact"):
        check_exact(tmp_path, Weights({"big": layer}, {}))


def test_quantised_kernels_stay_within_half_a_step() -> None:
    kernel = np.random.default_rng(3).normal(0, 0.05, (3, 3, 16, 8)).astype(np.float32)
    integers, shift = quantise_kernel(kernel)
    step = np.ldexp(1.0, -shift.astype(int))
    assert np.abs(integers.astype(int)).max() <= 127
    assert (np.abs(integers * step - kernel) <= step / 2 + 1e-9).all()
    assert (np.abs(integers.astype(int)).max(axis=(0, 1, 2)) > 63).all()


def test_bundled_weights_load_and_are_small() -> None:
    offered = vdiff_weights()
    tasks = ("restore", "denoise", "deblock", "upscale2x")
    wanted = {(task, preset) for task in tasks for preset in ("fast", "quality", "best")}
    assert {(each.task, each.preset) for each in offered} == wanted
    for each in offered:
        weights = load_weights(each.path)
        size = "quality" if each.preset == "best" else each.preset
        assert (weights.task, weights.architecture.name) == (each.task, size)
        assert each.mirrored == (each.preset == "best")
        assert each.path.stat().st_size < 2_000_000
        card = each.path.with_suffix(".md").read_text(encoding="utf-8")
        assert weights.fingerprint.hex() in card


@pytest.mark.parametrize("wrong", ["too few", "negative", "too fine"])
def test_shifts_that_do_not_fit_are_refused(tmp_path: Path, wrong: str) -> None:
    """Kernels would read past their end, or leave the range of whole numbers."""
    weights = random_weights()
    layer = weights.layers["head"]
    shift = {"too few": layer.shift[:1], "negative": -layer.shift - 1, "too fine": layer.shift + 31}
    layers = {**weights.layers, "head": replace(layer, shift=shift[wrong].astype(np.int8))}
    path = tmp_path / "w.safetensors"
    save_weights(path, Weights(layers, weights.metadata))
    with pytest.raises(WeightsError, match="head"):
        load_weights(path)
