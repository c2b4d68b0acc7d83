"""Training on a small folder of real video files, made on the fly."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.vdiff_plugin.networks import random_weights
from tests.vdiff_plugin.training.clips import clip, still
from vdiff_plugin.errors import MediaError, SettingsError
from vdiff_plugin.model.features import extract_features
from vdiff_plugin.model.fusion import fuse
from vdiff_plugin.model.numpy_ops import NumpyOps
from vdiff_plugin.model.presets import PRESETS
from vdiff_plugin.model.weights import load_weights
from vdiff_plugin.training.batches import SampleBatches, as_batch
from vdiff_plugin.training.degrade import DEGRADATIONS, encoded
from vdiff_plugin.training.footage import find_media, read_video
from vdiff_plugin.training.recipe import Recipe
from vdiff_plugin.training.samples import PATCH, SampleRecipe, write_samples
from vdiff_plugin.training.survey import survey

RECIPE = SampleRecipe(count=24, seed=5, degradations={"gaussian": 1.0, "untouched": 0.2})


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    cv2.imwrite(str(folder / "still.png"), still(3))
    (folder / "broken.mp4").write_bytes(b"not a video")
    (folder / "notes.txt").write_text("not media")
    return folder


@pytest.fixture(scope="module")
def samples(footage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples") / "samples.npy"
    write_samples(survey([footage]), RECIPE, path)
    return path


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_degradations_keep_shape_and_do_what_they_say(name: str) -> None:
    clean = clip()
    bad = DEGRADATIONS[name](clean, np.random.default_rng(2))
    assert bad.luma.shape == clean.luma.shape
    assert bad.chroma.shape == clean.chroma.shape
    assert bad.luma.dtype == np.uint8
    harm = np.abs(bad.luma.astype(int) - clean.luma).mean()
    assert (harm == 0) == (name == "untouched")
    again = DEGRADATIONS[name](clean, np.random.default_rng(2))
    np.testing.assert_array_equal(bad.luma, again.luma)


def test_blotches_are_coarser_and_stronger_in_chroma() -> None:
    ratios, coarse = [], []
    for seed in range(12):
        bad = DEGRADATIONS["blotched"](clip(), np.random.default_rng(seed))
        luma, chroma = (
            getattr(bad, plane).astype(float) - getattr(clip(), plane)
            for plane in ("luma", "chroma")
        )
        ratios.append(chroma.std() / luma.std())
        step = np.diff(chroma, axis=2).std()
        coarse.append(step / (np.sqrt(2) * chroma.std()))  # 1 for white noise
    assert min(ratios) > 0.8
    assert max(ratios) > 2
    assert max(coarse) < 0.9


def test_film_grain_is_weaker_in_chroma_and_new_in_every_frame() -> None:
    for seed in range(8):
        bad = DEGRADATIONS["film"](clip(), np.random.default_rng(seed))
        luma, chroma = (
            getattr(bad, plane).astype(float) - getattr(clip(), plane)
            for plane in ("luma", "chroma")
        )
        assert 1 < luma.std() < 30
        assert chroma.std() < luma.std() * 1.3
        between = np.corrcoef(luma[0].ravel(), luma[1].ravel())[0, 1]
        assert abs(between) < 0.05


def test_encoding_gets_worse_with_crf() -> None:
    clean = clip()
    errors = [
        np.square(encoded(clean, "libx264", {"crf": crf}).luma.astype(float) - clean.luma).mean()
        for crf in ("18", "30", "42")
    ]
    assert errors == sorted(errors)
    assert errors[2] > 2 * errors[0]


def test_media_are_found_by_name(footage: Path) -> None:
    videos, stills = find_media([footage])
    assert [path.name for path in videos] == ["broken.mp4"]
    assert [path.name for path in stills] == ["still.png"]
    with pytest.raises(MediaError, match="broken.mp4: unreadable"):
        read_video(videos[0])


def test_no_footage_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no videos or stills"):
        find_media([tmp_path])


def test_equal_recipes_give_equal_samples(footage: Path, samples: Path, tmp_path: Path) -> None:
    write_samples(survey([footage]), RECIPE, tmp_path / "again.npy")
    one, two = np.load(samples), np.load(tmp_path / "again.npy")
    assert one.tobytes() == two.tobytes()
    assert len(one) == RECIPE.count


def test_samples_are_aligned(samples: Path) -> None:
    """Warped neighbours resemble the target more than the raw ones do."""
    records = np.load(samples)
    moving = np.abs(records["flow"]).mean(axis=(1, 2, 3, 4)) > 16
    assert moving.any()
    target = records["target"][moving].astype(float)
    raw = records["frames"][moving][:, 0].astype(float)
    warped = records["warped"][moving][:, 0].astype(float)
    assert np.abs(warped - target).mean() < np.abs(raw - target).mean()


@pytest.mark.parametrize("turn", range(8))
def test_turning_a_sample_turns_its_pictures(samples: Path, turn: int) -> None:
    records = np.load(samples)[:2]
    (plain, truth), (turned, turned_truth) = (
        as_batch(records, 0, False),
        as_batch(records, turn, False),
    )
    luma, turned_luma = (_luma(each["frames"][0, 2]) for each in (plain, turned))
    expected = luma[:, ::-1] if turn & 1 else luma
    expected = expected[::-1] if turn & 2 else expected
    expected = expected.T if turn & 4 else expected
    np.testing.assert_array_equal(turned_luma, expected)
    assert turned_truth[..., -1].tolist() == truth[..., -1].tolist()
    speed = np.hypot(plain["flow"][..., 0], plain["flow"][..., 1]).mean()
    assert np.hypot(turned["flow"][..., 0], turned["flow"][..., 1]).mean() == pytest.approx(speed)


def _luma(packed: np.ndarray) -> np.ndarray:
    return NumpyOps({}).depth_to_space(packed[None, ..., :4], 2)[0, ..., 0]


def test_batches_of_a_seed_are_always_the_same(samples: Path) -> None:
    first, second = (SampleBatches([samples], batch=3, steps=4, seed=7) for _ in range(2))
    for index in range(4):
        np.testing.assert_array_equal(first[index][1], second[index][1])
    first.on_epoch_end()
    assert (first[0][1] != second[0][1]).any()
    second.first = 4
    np.testing.assert_array_equal(first[0][1], second[0][1])


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")
def test_a_file_is_mapped_once_for_all_batches_and_anew_when_it_changed(
    samples: Path, tmp_path: Path
) -> None:
    """A long training makes hundreds of these, none of which Keras lets go."""
    path = tmp_path / "samples.npy"
    kept, truths = [], []
    for count in (4, 4, 2):
        if len(kept) != 1:
            path.unlink(missing_ok=True)
            np.save(path, np.load(samples)[:count])
        kept.append(SampleBatches([path], batch=2, steps=1, seed=3))
        truths.append(kept[-1][0][1])
    np.testing.assert_array_equal(truths[0], truths[1])
    assert (truths[1] != truths[2]).any()
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    assert sum(str(path) in line for line in maps.splitlines()) == 2


@pytest.mark.parametrize("preset", ["fast", "quality"])
def test_training_and_inference_give_the_same_bits(samples: Path, preset: str) -> None:
    from vdiff_plugin.training.network import build_network

    network = build_network(PRESETS[preset], PATCH)
    network.thaw(random_weights(preset))
    inputs, _ = as_batch(np.load(samples)[:2], 0, False)
    inputs["flow"][:] = 0  # features are warped by OpenCV at run time, in the graph here
    got = np.asarray(network.model(inputs)) - inputs["frames"][:, 2]
    ops = NumpyOps(network.freeze("restore", {}).layers)
    features = [extract_features(ops, PRESETS[preset], inputs["frames"][:, i]) for i in range(5)]
    expected = fuse(
        ops,
        PRESETS[preset],
        (inputs["frames"][:, 2], features[2]),
        [(inputs["warped"][:, i], features[n]) for i, n in enumerate((0, 1, 3, 4))],
        [inputs["valid"][:, i, None, None, None] for i in range(4)],
        inputs["levels"][:, None, None],
    )
    np.testing.assert_array_equal(got, expected)


def test_a_recipe_trains_a_network_that_loads(
    footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vdiff_plugin.training import loop

    recipe = Recipe(
        task="restore", preset="fast", samples=24, shards=1, steps=24, epoch=12, batch=4,
        warmup=4,
        degradations={"gaussian": 1.0},
    )  # fmt: skip
    losses: list[float] = []
    monkeypatch.setattr(loop.logger, "info", lambda _, *args: losses.append(args[2]))
    loop.train_recipe(recipe, [footage], tmp_path / "work", tmp_path / "w.safetensors")
    weights = load_weights(tmp_path / "w.safetensors")
    assert weights.task == "restore"
    assert losses[-1] < losses[0]
    assert '"steps_done": 24' in weights.metadata["recipe"]


def test_bad_recipes_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('task = "restore"\npreset = "fast"\nsteps = 0\n[degradations]\n')
    with pytest.raises(SettingsError, match="docs/training.md") as caught:
        Recipe.read(path)
    assert "\n" not in str(caught.value)


def test_bundled_recipes_are_valid() -> None:
    folder = Path(__file__).parents[3] / "vdiff_plugin" / "model" / "weights"
    recipes = {path.stem: Recipe.read(path) for path in folder.glob("*.toml")}
    assert {f"{each.task}-{each.preset}" for each in recipes.values()} == set(recipes)
    assert all(set(each.degradations) <= set(DEGRADATIONS) for each in recipes.values())
