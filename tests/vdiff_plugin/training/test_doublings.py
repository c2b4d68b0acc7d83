"""Samples for doubling, and a few steps of training on them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.vdiff_plugin.networks import random_weights
from tests.vdiff_plugin.training.clips import clip, still
from vdiff_plugin.builtin.interpolation import doubled, plane_taps
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import Frame
from vdiff_plugin.model.numpy_ops import NumpyOps
from vdiff_plugin.model.presets import UPSCALERS
from vdiff_plugin.model.upscaler import upscale_change
from vdiff_plugin.training.batches import SampleBatches, as_batch, before
from vdiff_plugin.training.doublings import Restorer, clip_info, write_doublings
from vdiff_plugin.training.heldout import psnr
from vdiff_plugin.training.network import build_network
from vdiff_plugin.training.samples import SampleRecipe
from vdiff_plugin.training.survey import survey

PATCH = 64
RECIPE = SampleRecipe(
    count=40, seed=5, degradations={"gaussian": 1.0, "untouched": 1.0}, patch=PATCH,
    restorer="fast",
)  # fmt: skip


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    cv2.imwrite(str(folder / "still.png"), still(3))
    return folder


@pytest.fixture(scope="module")
def samples(footage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples") / "samples.npy"
    write_doublings(survey([footage]), RECIPE, path)
    return path


def test_equal_recipes_give_equal_samples(footage: Path, samples: Path, tmp_path: Path) -> None:
    write_doublings(survey([footage]), RECIPE, tmp_path / "again.npy")
    assert (tmp_path / "again.npy").read_bytes() == samples.read_bytes()


def test_the_interpolation_lies_over_the_truth(samples: Path) -> None:
    """Moved by a single pixel, or with chroma on the other side, it would be far worse."""
    inputs, truth = as_batch(np.load(samples), 0, False)
    target, base = truth[..., :-1], before(inputs)
    right = psnr(base, target).mean()
    assert right > 30
    assert right > psnr(np.roll(base, 1, axis=2), target).mean() + 3
    assert right > psnr(np.roll(base, 1, axis=1), target).mean() + 3


def test_a_patch_is_interpolated_as_the_product_does_it(samples: Path) -> None:
    record = np.load(samples)[0]
    phases = record["small"][..., :4].reshape(PATCH // 4, PATCH // 4, 2, 2)
    luma = phases.transpose(0, 2, 1, 3).reshape(PATCH // 2, PATCH // 2)
    info = clip_info(clip())
    wanted = np.rint(doubled(luma, *plane_taps(info, 0)) / 256)
    got = record["base"][..., :4].reshape(PATCH // 2, PATCH // 2, 2, 2)
    got = got.transpose(0, 2, 1, 3).reshape(PATCH, PATCH)
    np.testing.assert_array_equal(got[4:-4, 4:-4], wanted[4:-4, 4:-4])


def test_mirrored_samples_fit_together(samples: Path) -> None:
    records = np.load(samples)[:4]
    for turn in (0, 2, 5):  # 5 would mirror sideways, where chroma does not lie in the middle
        inputs, truth = as_batch(records, turn, True)
        assert psnr(before(inputs), truth[..., :-1]).min() > 25
        flipped = turn & 2
        target = records["target"][:, ::-1] if flipped else records["target"]
        order = [2, 3, 0, 1, 4, 5] if flipped else [0, 1, 2, 3, 4, 5]
        np.testing.assert_array_equal(truth[..., :-1], target[..., order])


def test_samples_are_restored_as_at_run_time() -> None:
    footage = clip(6)
    frames = {
        n: Frame((luma, *(np.ascontiguousarray(chroma[..., i]) for i in (0, 1))))
        for n, (luma, chroma) in enumerate(zip(footage.luma, footage.chroma, strict=True))
    }
    with Restorer("fast") as restorer, Engine() as engine:
        found = list(restorer.restore(footage, [0, 3]))
        session = engine.open(clip_info(footage))
        for n, one in zip((0, 3), found, strict=True):
            assert one.frame.key == session.render(n, frames).key


@pytest.mark.parametrize("preset", UPSCALERS.values(), ids=UPSCALERS)
def test_what_is_trained_is_what_runs(samples: Path, preset: object) -> None:
    weights = random_weights(preset.name, task="upscale2x")
    network = build_network(preset, PATCH)
    network.thaw(weights)
    inputs, _ = as_batch(np.load(samples)[:2], 0, False)
    trained = np.asarray(network.model.predict_on_batch(inputs)) - inputs["base"]
    pixels = (inputs["small"], inputs["source"])
    levels = inputs["levels"][:, None, None]
    wanted = upscale_change(NumpyOps(weights.layers), preset, pixels, levels)
    assert wanted.std() > 1
    # Gradients pass the rounding as differences of floats, which now and then turns a tie.
    assert np.abs(trained - wanted).mean() < 0.05 * wanted.std()


def test_a_new_network_changes_nearly_nothing(samples: Path) -> None:
    network = build_network(UPSCALERS["fast"], PATCH)
    inputs, _ = as_batch(np.load(samples)[:2], 0, False)
    change = np.asarray(network.model.predict_on_batch(inputs)) - inputs["base"]
    assert np.abs(change).max() < 8


def test_batches_are_drawn_as_ever(samples: Path) -> None:
    batches = SampleBatches([samples], batch=4, steps=3, seed=1)
    one, other = batches[1], SampleBatches([samples], batch=4, steps=3, seed=1)[1]
    np.testing.assert_array_equal(one[1], other[1])
    assert one[0]["base"].shape == (4, PATCH // 2, PATCH // 2, 6)
    assert one[1].shape == (4, PATCH // 2, PATCH // 2, 7)
