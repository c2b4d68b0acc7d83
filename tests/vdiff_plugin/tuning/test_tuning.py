"""The parts of the tuning itself: reach, judgement, state."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from vdiff_plugin.errors import SettingsError, WeightsError
from vdiff_plugin.training.averaging import MovingAverage
from vdiff_plugin.tuning.batches import as_pairs, weighted_square
from vdiff_plugin.tuning.judge import gain_of
from vdiff_plugin.tuning.noise import Noise
from vdiff_plugin.tuning.pairs import pair_dtype
from vdiff_plugin.tuning.reach import WithinReach
from vdiff_plugin.tuning.recipe import TuneRecipe
from vdiff_plugin.tuning.state import State


def test_a_variable_stays_within_reach_of_its_start() -> None:
    start = np.ones((3, 2), np.float32)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False)])
    kernel = model.layers[0].kernel
    kernel.assign(start)
    kernel.constraint = WithinReach(start, 0.25)
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss="mse", jit_compile=False)
    model.fit(np.eye(3, dtype=np.float32), np.zeros((3, 2), np.float32), epochs=20, verbose=0)
    assert np.linalg.norm(model.get_weights()[0] - start) == pytest.approx(0.25, rel=1e-4)


def test_only_where_the_target_counts_is_there_a_loss() -> None:
    truth = np.zeros((1, 4, 4, 7), np.float32)
    truth[:, :2, :, -1] = 1
    loss = weighted_square(Noise(5.0, 5.0))
    predicted = np.zeros((1, 4, 4, 6), np.float32)
    predicted[:, 2:] = 50
    assert float(np.asarray(loss(truth, predicted))[0]) == 0
    predicted[:, :2] = 1
    assert float(np.asarray(loss(truth, predicted))[0]) > 0


@pytest.mark.parametrize("turn", range(8))
def test_weights_turn_with_the_picture(turn: int) -> None:
    records = np.zeros(1, pair_dtype(32))
    weight = np.random.default_rng(turn).integers(0, 2, (16, 16), np.uint8)
    records["weight"] = weight
    records["target"] = 7 * weight[..., None]
    _, truth = as_pairs(records, turn)
    np.testing.assert_array_equal(truth[..., -1] * 7, truth[..., 0])


def test_a_gain_has_to_be_more_than_chance() -> None:
    rng = np.random.default_rng(1)
    before = rng.uniform(90, 110, (64, 2))
    better = gain_of(before, 0.95 * before)
    assert better.decibels == pytest.approx(-10 * np.log10(0.95), rel=1e-6)
    assert better.certain
    shuffled = gain_of(before, rng.permutation(before))
    assert shuffled.decibels == pytest.approx(0.0, abs=1e-9)
    assert not shuffled.certain
    scattered = before * rng.choice([0.5, 1.48], (64, 1))
    assert not gain_of(before, scattered).certain
    assert not gain_of(before, 1.02 * before).certain


def _trained(steps: int) -> tuple[keras.Model, MovingAverage]:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss="mse", jit_compile=False)
    average = MovingAverage(0.9)
    if steps:
        inputs, zeros = np.eye(3, dtype=np.float32), np.zeros((3, 2), np.float32)
        model.fit(inputs, zeros, epochs=steps, callbacks=[average], verbose=0)
    return model, average


def test_a_state_brings_everything_back(tmp_path: Path) -> None:
    path = tmp_path / "w.checkpoint"
    model, average = _trained(4)
    facts = {"step": 4, "footage": "one", "looks": [[2, 0.1, 0.02]]}
    State.take(model, average, [np.full(2, 7.0)], facts).write(path)
    state = State.read(path)
    assert dict(state.facts) == facts
    other, mean = _trained(0)
    (best,) = state.restore(other, mean)
    np.testing.assert_array_equal(best, [7.0, 7.0])
    assert mean.count == 4
    for one, two in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two))
    state.require({"footage": "one"})
    with pytest.raises(SettingsError, match="at step 4, has other footage"):
        state.require({"footage": "two"})
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(WeightsError, match="remove it to start again"):
        State.read(path)


def test_options_out_of_range_are_one_line() -> None:
    with pytest.raises(SettingsError, match=r"^reach: .*see docs/tuning.md"):
        TuneRecipe.of({"reach": 2.0})
