"""Recipes: read, checked, composed for a task, and written so that they read back equal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vdiff_plugin.contracts import WeightsFile
from vdiff_plugin.errors import SettingsError, UnknownNameError
from vdiff_plugin.model.hooks import vdiff_weights
from vdiff_plugin.model.presets import preset_named
from vdiff_plugin.model.weights import load_weights
from vdiff_plugin.training.degrade import DEGRADATIONS
from vdiff_plugin.training.recipe import Recipe
from vdiff_plugin.training.tasks import TASKS, new_recipe


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_recipe_that_survives_its_file(task: str, tmp_path: Path) -> None:
    recipe = new_recipe("options", {"task": task, "rate": 1.3e-3})
    (tmp_path / "r.toml").write_text(recipe.to_toml())
    assert Recipe.read(tmp_path / "r.toml") == recipe
    assert set(recipe.degradations) <= set(DEGRADATIONS)
    assert recipe.degradations["untouched"] > 0


def test_tasks_hold_what_their_names_say() -> None:
    assert not set(TASKS["denoise"]) & {"h264", "mpeg", "jpeg", "noisy_h264"}
    assert not set(TASKS["deblock"]) & {"gaussian", "sensor", "correlated", "noisy_h264"}
    assert set(TASKS["restore"]) == set(DEGRADATIONS)


def test_doubling_sees_clean_footage_and_all_kinds_of_harm() -> None:
    recipe = new_recipe("options", {"task": "upscale2x", "preset": "quality"})
    assert recipe.degradations["untouched"] >= 0.3
    assert set(recipe.degradations) >= {"gaussian", "h264", "noisy_h264"}
    assert recipe.shard(0).restorer == recipe.held_out_shard("h264").restorer == "quality"
    assert new_recipe("options", {"task": "restore"}).shard(0).restorer == ""
    with pytest.raises(SettingsError, match="no flicker with upscale2x; take it out"):
        new_recipe("options", {"task": "upscale2x", "flicker": 0.1})
    with pytest.raises(UnknownNameError, match="no preset 'huge'; have fast, quality"):
        new_recipe("options", {"task": "upscale2x", "preset": "huge"})


@pytest.mark.parametrize("field", ["task", "preset"])
def test_unknown_names_list_what_there_is(field: str) -> None:
    with pytest.raises(UnknownNameError, match="have"):
        new_recipe("options", {field: "nothing"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"patch": 50}, {"batch": 0}, {"rate": -1.0}, {"loss": "l1"}, {"unknown": 1},
        {"flicker": 0.1, "batch": 3}, {"degradations": {"gaussian": 0.0}},
        {"degradations": {"rain": 1.0}}, {"steps": 0},
    ],
)  # fmt: skip
def test_values_out_of_range_are_one_line(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=r"^options: ") as caught:
        new_recipe("options", wrong)
    assert "\n" not in str(caught.value)


def test_files_join_at_fixed_steps() -> None:
    recipe = new_recipe("options", {"steps": 1000, "samples": 4000})
    assert (recipe.shards, recipe.shard_steps) == (8, 62)
    assert [recipe.files_at(step) for step in (0, 61, 62, 433, 434, 999)] == [1, 1, 2, 7, 8, 8]
    assert recipe.changed("test", {"shard_steps": 0}).files_at(0) == 8
    seeds = {recipe.shard(i).seed for i in range(8)}
    seeds |= {recipe.held_out_shard(name).seed for name in DEGRADATIONS}
    assert len(seeds) == 8 + len(DEGRADATIONS)


def test_a_recipe_may_be_deeper_than_its_preset(tmp_path: Path) -> None:
    plain = new_recipe("options", {"preset": "quality"})
    assert plain.architecture == preset_named("quality")
    deep = plain.changed("options", {"levels": 5, "detail_levels": 2})
    assert deep.architecture == replace(preset_named("quality"), levels=5, detail_levels=2)
    (tmp_path / "r.toml").write_text(deep.to_toml())
    assert Recipe.read(tmp_path / "r.toml") == deep
    with pytest.raises(SettingsError, match="upscale2x has no levels; take them out"):
        new_recipe("options", {"task": "upscale2x", "levels": 2})


@pytest.mark.parametrize("one", vdiff_weights(), ids=lambda one: f"{one.task}-{one.preset}")
def test_bundled_recipes_make_networks_of_the_shape_that_is_bundled(one: WeightsFile) -> None:
    recipe = Recipe.read(one.path.with_suffix(".toml"))
    assert recipe.architecture == load_weights(one.path).architecture
    assert recipe.resolved() == recipe


def test_a_recipe_keeps_its_depth_when_the_preset_gets_another() -> None:
    recipe = new_recipe("options", {"preset": "quality"}).resolved()
    assert (recipe.levels, recipe.detail_levels) == (3, 1)
