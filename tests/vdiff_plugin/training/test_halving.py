"""Halving: samples stay where they lie, and flat stays flat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.vdiff_plugin.training.clips import clip, write_video
from vdiff_plugin.training.footage import Sequence420
from vdiff_plugin.training.halving import CURVES, halved, sometimes_halved
from vdiff_plugin.training.recipe import Recipe
from vdiff_plugin.training.samples import SampleRecipe, write_samples
from vdiff_plugin.training.survey import survey
from vdiff_plugin.training.tasks import TASKS, new_recipe

HEIGHT, WIDTH = 64, 96


def _ramp(axis: int) -> Sequence420:
    """Luma two codes a pixel; chroma the same ramp, read where it lies (left, mid-height)."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    luma = 2 * (y, x)[axis]
    y, x = np.mgrid[: HEIGHT // 2, : WIDTH // 2]
    chroma = 2 * (2 * y + 0.5, 2 * x)[axis]
    pair = np.stack([chroma, 200 - chroma], axis=-1)
    return Sequence420(luma[None].astype(np.uint8), pair[None].astype(np.uint8))


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("axis", [0, 1])
def test_a_ramp_stays_where_it_is(curve: str, axis: int) -> None:
    """Pixel m of the small picture lies at 2m + 1/2 of the large one."""
    small = halved(_ramp(axis), curve)
    assert small.luma.shape == (1, HEIGHT // 2, WIDTH // 2)
    assert small.chroma.shape == (1, HEIGHT // 4, WIDTH // 4, 2)
    luma = small.luma[0].swapaxes(0, axis)[:, 9]
    chroma = small.chroma[0].swapaxes(0, axis)[:, 9]
    places = 2 * (2 * np.arange(len(luma)) + 0.5)
    np.testing.assert_allclose(luma[5:-5], places[5:-5], atol=0.6)
    # as luma of the small picture would be read there: 4 codes a pixel
    offset = 0.5 if axis == 0 else 0.0
    places = 2 * (2 * (2 * np.arange(len(chroma)) + offset) + 0.5)
    np.testing.assert_allclose(chroma[4:-4, 0], places[4:-4], atol=1.1)
    np.testing.assert_allclose(chroma[4:-4, 1], 200 - places[4:-4], atol=1.1)


@pytest.mark.parametrize("curve", CURVES)
def test_flat_stays_flat(curve: str) -> None:
    flat = Sequence420(np.full((1, 32, 32), 235, np.uint8), np.full((1, 16, 16, 2), 17, np.uint8))
    small = halved(flat, curve)
    assert (small.luma == 235).all()
    assert (small.chroma == 17).all()


def test_a_share_of_clips_is_halved() -> None:
    clean = clip(1)
    sides = [
        sometimes_halved(clean, 0.4, 64, np.random.default_rng(seed)).luma.shape[1]
        for seed in range(60)
    ]
    whole = clean.luma.shape[1]
    assert set(sides) == {whole, whole // 2}
    assert 15 <= sides.count(whole // 2) <= 33


def test_halving_leaves_whole_blocks_and_no_less_than_wanted() -> None:
    """A side of 304 is no multiple of 32; half of it would be no multiple of 16."""
    wide = Sequence420(np.zeros((2, 304, 336), np.uint8), np.zeros((2, 152, 168, 2), np.uint8))
    for least, shape in ((144, (144, 160)), (145, (304, 336))):
        made = sometimes_halved(wide, 1.0, least, np.random.default_rng(0))
        assert made.luma.shape == (2, *shape)
        assert made.chroma.shape == (2, shape[0] // 2, shape[1] // 2, 2)


def test_recipes_ask_for_it(tmp_path: Path) -> None:
    """Halved footage has steeper slopes; a second time it gives the same samples."""
    write_video(tmp_path / "clip.mkv", [clip(12)])
    footage = survey([tmp_path / "clip.mkv"])
    made = []
    for name, share in (("plain", 0.0), ("halved", 1.0), ("again", 1.0)):
        recipe = SampleRecipe(count=20, seed=3, halved=share, degradations={"untouched": 1.0})
        write_samples(footage, recipe, tmp_path / f"{name}.npy")
        made.append(np.load(tmp_path / f"{name}.npy"))
    np.testing.assert_array_equal(made[1], made[2])
    plain, sharp = (np.abs(np.diff(each["target"][..., 0].astype(int))).mean() for each in made[:2])
    assert sharp > 1.3 * plain
    recipe = Recipe.of("here", {**new_recipe("here", {}).model_dump(), "halved": 0.25})
    assert recipe.shard(0).halved == recipe.held_out_shard("gaussian").halved == 0.25


@pytest.mark.parametrize("task", TASKS)
def test_new_trainings_halve_some(task: str) -> None:
    assert 0 < new_recipe("here", {"task": task}).halved < 0.5
