"""Losses, the method's words, checkpoints and measuring, on real small Keras models."""

from __future__ import annotations

import resource
from pathlib import Path

import keras
import numpy as np
import pytest

from vdiff_plugin.errors import OutputError, SettingsError, WeightsError
from vdiff_plugin.training.averaging import MovingAverage
from vdiff_plugin.training.checkpoint import Checkpoint
from vdiff_plugin.training.descent import optimize, train_model
from vdiff_plugin.training.guard import DivergedError
from vdiff_plugin.training.heldout import psnr
from vdiff_plugin.training.loop import schedule, spans
from vdiff_plugin.training.losses import LOSSES, flicker, loss_of
from vdiff_plugin.training.network import TrainableNetwork
from vdiff_plugin.training.quantised import Liveliness
from vdiff_plugin.training.tasks import new_recipe


def _truth(pictures: np.ndarray, harm: float = 10.0) -> np.ndarray:
    return np.concatenate([pictures, np.full_like(pictures[..., :1], harm)], axis=-1)


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).uniform(50, 200, (4, 8, 8, 6)).astype(np.float32)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_grow_with_the_error(name: str, pictures: np.ndarray) -> None:
    truth = _truth(pictures)
    losses = [np.asarray(LOSSES[name](truth, pictures + each)).mean() for each in (0, 1, 5, 20)]
    assert losses == sorted(losses)
    assert losses[0] < losses[-1]


def test_the_log_loss_counts_what_a_small_error_in_chroma_spoils(pictures: np.ndarray) -> None:
    truth = _truth(pictures)
    blurred = pictures + np.float32([20, 20, 20, 20, 2, 2])
    spoilt = pictures + np.float32([19.5, 19.5, 19.5, 19.5, 6, 6])
    before, after = (float(np.mean(LOSSES["log"](truth, each))) for each in (blurred, spoilt))
    assert after > before
    assert np.mean(np.square(spoilt - pictures)) < np.mean(np.square(blurred - pictures))


def test_flicker_sees_only_errors_that_change(pictures: np.ndarray) -> None:
    truth = _truth(pictures)
    steady = pictures + 9
    np.testing.assert_allclose(np.asarray(flicker(truth, steady)), 0, atol=1e-6)
    jumping = pictures + np.float32([9, -9, 0, 0])[:, None, None, None]
    one, two, *rest = np.asarray(flicker(truth, jumping)).tolist()
    assert one == two == pytest.approx(18 / 255 / (20 / 255 + 0.04), rel=1e-4)
    assert rest == pytest.approx([0, 0], abs=1e-6)
    plain, both = (np.asarray(loss_of("mse", w)(truth, jumping)) for w in (0.0, 0.5))
    np.testing.assert_allclose(both - plain, 0.5 * np.asarray(flicker(truth, jumping)), rtol=1e-5)


def _linear(value: np.ndarray) -> keras.Model:
    """A model whose output, for the identity, is its own weights."""
    layer = keras.layers.Dense(value.shape[1], use_bias=False)
    model = keras.Sequential([keras.Input((len(value),)), layer])
    layer.kernel.assign(value)
    return model


def test_one_step_is_the_method_s_example() -> None:
    """theta 0.1 ... 1.5, gradient theta / 10, alpha 0.1: theta becomes 0.099 ... 1.485."""
    theta = (np.arange(1, 16, dtype=np.float32) / 10).reshape(5, 3)
    model = _linear(theta)
    identity = np.eye(5, dtype=np.float32)

    def loss(_: object, predicted: keras.KerasTensor) -> keras.KerasTensor:
        # Keras takes the mean over the five samples; 5/20 of a square has theta/10 as gradient.
        return keras.ops.sum(predicted * predicted, axis=-1) * (5 / 20)

    before = optimize(model, (identity, np.zeros((5, 3), np.float32)), loss, rate=0.1)
    assert before == pytest.approx(12.4 / 20, rel=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], 0.99 * theta, rtol=1e-5)


def test_train_model_lowers_the_loss_of_any_network() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((64, 4)).astype(np.float32)
    wanted = rng.standard_normal((4, 2)).astype(np.float32)
    model = _linear(np.zeros((4, 2), np.float32))
    loader = [(inputs[i : i + 8], inputs[i : i + 8] @ wanted) for i in range(0, 64, 8)]
    network = TrainableNetwork(model, None, None)  # type: ignore[arg-type]

    def loss(truth: keras.KerasTensor, predicted: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.mean((predicted - truth) ** 2, axis=-1)

    train_model(loader, epochs=40, loss=loss, rate=0.05, model=network)
    np.testing.assert_allclose(model.get_weights()[0], wanted, atol=0.05)


def _trained(steps: int) -> tuple[keras.Model, MovingAverage]:
    model = _linear(np.ones((3, 2), np.float32))
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss="mse", jit_compile=False)
    average = MovingAverage(0.9)
    if steps:
        inputs = np.eye(3, dtype=np.float32)
        zeros = np.zeros((3, 2), np.float32)
        model.fit(inputs, zeros, epochs=steps, callbacks=[average], verbose=0)
    return model, average


def test_a_checkpoint_brings_everything_back(tmp_path: Path) -> None:
    recipe, path = new_recipe("test", {"steps": 10}), tmp_path / "w.checkpoint"
    model, average = _trained(4)
    Checkpoint.take(model, average, recipe, "data").write(path)
    other, mean = _trained(0)
    checkpoint = Checkpoint.read(path)
    checkpoint.require(recipe, "data")
    checkpoint.restore(other, mean)
    assert mean.count == checkpoint.step == 4
    for one, two in zip(average.mean, mean.mean, strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two))
    with pytest.raises(SettingsError, match="other rate, footage"):
        checkpoint.require(recipe.changed("test", {"rate": 0.5}), "other data")


def test_a_checkpoint_of_nan_is_refused() -> None:
    model, average = _trained(1)
    average.mean[0][0] = np.nan
    with pytest.raises(DivergedError, match="not a number after step 1"):
        Checkpoint.take(model, average, new_recipe("test", {}), "data")


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "w.checkpoint"
    checkpoint = Checkpoint.take(*_trained(2), new_recipe("test", {}), "data")
    checkpoint.write(path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(OutputError) as caught:
            checkpoint.write(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_damaged_checkpoint_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "w.checkpoint"
    Checkpoint.take(*_trained(2), new_recipe("test", {}), "data").write(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(WeightsError, match="remove it to start again") as caught:
        Checkpoint.read(path)
    assert "\n" not in str(caught.value)


def test_psnr_is_weighted_six_to_one_to_one(pictures: np.ndarray) -> None:
    wrong = pictures.copy()
    assert psnr(wrong, pictures).tolist() == pytest.approx([100] * 4)
    wrong[..., :4] += 10
    luma = 10 * np.log10(255**2 / 100)
    np.testing.assert_allclose(psnr(wrong, pictures), (6 * luma + 200) / 8, rtol=1e-5)


def test_spans_are_cut_at_every_interval() -> None:
    assert list(spans(3, 10, 4, 6, 0)) == [(3, 4), (4, 6), (6, 8), (8, 10)]
    assert list(spans(10, 10, 4)) == []


def test_the_rate_warms_up_and_falls() -> None:
    rate = schedule(new_recipe("test", {"steps": 100, "rate": 1e-3}))
    values = [float(rate(step)) for step in (0, 5, 10, 55, 100)]
    assert values[0] == 0
    assert values[1] == pytest.approx(5e-4, rel=1e-3)
    assert values[2] == pytest.approx(1e-3, rel=1e-3)
    assert values[4] == pytest.approx(2e-5, rel=1e-3)
    assert values[2] > values[3] > values[4]


def test_channels_that_fell_asleep_cost_and_lively_ones_do_not() -> None:
    sums = np.random.default_rng(0).normal(0, 10, (2, 16, 16, 3)).astype(np.float32)
    layer = Liveliness()
    np.testing.assert_array_equal(np.asarray(layer(sums)), sums)
    assert float(layer.losses[0]) == 0
    costs = []
    for shift in (20, 40):
        layer(sums - np.float32([0, shift, 0]))
        costs.append(float(layer.losses[0]))
    assert 0 < costs[0] < costs[1]
    layer(sums * 0.1)  # nothing that rounding would leave
    assert float(layer.losses[0]) > 0
