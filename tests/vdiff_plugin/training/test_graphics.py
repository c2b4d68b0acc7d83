"""Drawings over footage: sharp, moving as said, and nothing else of the footage changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.vdiff_plugin.training.clips import clip, write_stills
from vdiff_plugin.training import graphics
from vdiff_plugin.training.footage import Sequence420
from vdiff_plugin.training.graphics import with_graphics
from vdiff_plugin.training.recipe import Recipe
from vdiff_plugin.training.samples import SampleRecipe, write_samples
from vdiff_plugin.training.survey import survey
from vdiff_plugin.training.tasks import TASKS, new_recipe


def _drawn(seed: int, frames: int = 5) -> Sequence420:
    return with_graphics(clip(frames), np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(6))
def test_equal_seeds_draw_the_same_over_every_frame(seed: int) -> None:
    clean, drawn, again = clip(5), _drawn(seed), _drawn(seed)
    assert drawn.luma.shape == clean.luma.shape
    assert drawn.chroma.shape == clean.chroma.shape
    assert drawn.luma.dtype == drawn.chroma.dtype == np.uint8
    np.testing.assert_array_equal(drawn.luma, again.luma)
    np.testing.assert_array_equal(drawn.chroma, again.chroma)
    assert (drawn.luma != clean.luma).any(axis=(1, 2)).all()


def test_titles_leave_the_footage_around_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphics, "_SCREEN", 0.0)
    for seed in range(4):
        clean, drawn = clip(3), _drawn(seed, 3)
        same = drawn.luma == clean.luma
        assert 0.3 < same.mean() < 0.999
        colour = (drawn.chroma == clean.chroma).all(axis=-1)
        whole = same.reshape(3, same.shape[1] // 2, 2, same.shape[2] // 2, 2).all(axis=(2, 4))
        assert (colour & whole).mean() > 0.3  # sampled and averaged chroma alike


def test_chroma_is_sharper_where_every_second_sample_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the network meets it in 4:4:4 and RGB."""
    monkeypatch.setattr(graphics, "_SCREEN", 1.0)
    steps = []
    for point in (0.0, 1.0):
        monkeypatch.setattr(graphics, "_POINT", point)
        screens = [with_graphics(_flat(1), np.random.default_rng(seed)) for seed in range(8)]
        sharpness = [np.abs(np.diff(each.chroma.astype(int), axis=2)) for each in screens]
        steps.append(np.percentile(sharpness, 99))
    assert steps[1] > 1.2 * steps[0] > 12


def test_layers_stand_scroll_and_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each frame is the first one, moved on; by whole pixels, or not."""
    monkeypatch.setattr(graphics, "_SCREEN", 1.0)
    found = set()
    for seed in range(24):
        luma = with_graphics(_flat(3), np.random.default_rng(seed)).luma
        if (luma[0] == luma[1]).all():
            found.add("stands")
        elif _same_lines(luma[0], luma[1]):
            found.add("whole pixels")
        else:
            found.add("drifts")
    assert found == {"stands", "whole pixels", "drifts"}


def _flat(frames: int) -> Sequence420:
    luma = np.full((frames, 160, 192), 60, np.uint8)
    return Sequence420(luma, np.full((frames, 80, 96, 2), 128, np.uint8))


def _same_lines(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> bool:
    """Whether `after` has the samples of `before`, rolled."""
    moves = range(-8, 9)
    return any((np.roll(before, (y, x), (0, 1)) == after).all() for y in moves for x in moves)


def test_recipes_ask_for_graphics(tmp_path: Path) -> None:
    write_stills(tmp_path, 2)
    footage = survey([tmp_path])
    files = []
    for share in (0.0, 1.0):
        recipe = SampleRecipe(count=8, seed=3, graphics=share, degradations={"untouched": 1.0})
        write_samples(footage, recipe, tmp_path / f"{share}.npy")
        files.append(np.load(tmp_path / f"{share}.npy"))
    assert (files[0]["target"] != files[1]["target"]).any()
    recipe = Recipe.of("here", {**new_recipe("here", {}).model_dump(), "graphics": 0.25})
    assert recipe.shard(0).graphics == recipe.held_out_shard("gaussian").graphics == 0.25
    assert Recipe.of("", {"task": "restore", "preset": "fast", "steps": 1,
                          "degradations": {"gaussian": 1.0}}).graphics == 0  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
def test_new_trainings_draw_some(task: str) -> None:
    assert 0 < new_recipe("here", {"task": task}).graphics < 0.5
