"""Sample files: made once by worker processes, used again, remade when they do not fit."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.vdiff_plugin.training.clips import write_stills
from vdiff_plugin.errors import MediaError, OutputError, ResourceError
from vdiff_plugin.training.recipe import Recipe
from vdiff_plugin.training.samples import SampleRecipe, sample_dtype, write_samples
from vdiff_plugin.training.shards import Shards
from vdiff_plugin.training.survey import survey
from vdiff_plugin.training.tasks import new_recipe


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stills")
    write_stills(folder, 3)
    return folder


def _recipe(**given: object) -> Recipe:
    return new_recipe(
        "test",
        {"samples": 20, "shards": 2, "patch": 32, "degradations": {"gaussian": 1.0}} | given,
    )


def _stamps(paths: list[Path]) -> list[tuple[int, bytes]]:
    return [(path.stat().st_mtime_ns, path.read_bytes()) for path in paths]


def test_files_are_made_once_and_remade_for_another_recipe(stills: Path, tmp_path: Path) -> None:
    recipe = _recipe(shard_steps=5)
    with Shards(recipe, [stills], tmp_path, 1) as shards:
        assert len(shards.files_at(0)) == 1
        paths = shards.files_at(5)
        held = shards.held_out()
    assert len(paths) == 2
    assert list(held) == ["gaussian"]
    assert len(np.load(held["gaussian"])) == 16
    before = _stamps(paths)
    with Shards(recipe, [stills], tmp_path, 1) as shards:
        assert _stamps(shards.files_at(5)) == before
    with Shards(_recipe(shard_steps=5, missing=1.0), [stills], tmp_path, 1) as shards:
        changed = shards.files_at(5)
        assert changed == paths
    assert not any(old[1] == new[1] for old, new in zip(before, _stamps(changed), strict=True))


def test_unfinished_files_are_not_taken_for_whole(stills: Path, tmp_path: Path) -> None:
    with Shards(_recipe(), [stills], tmp_path, 1) as shards:
        path = shards.files_at(10_000)[0]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with Shards(_recipe(), [stills], tmp_path, 1) as shards:
        assert shards.files_at(10_000)[0].read_bytes() == whole


def test_too_little_room_is_said_before_anything_is_made(stills: Path, tmp_path: Path) -> None:
    recipe = _recipe(samples=10**12)
    with (
        pytest.raises(ResourceError, match="GB are free") as caught,
        Shards(recipe, [stills], tmp_path, 1),
    ):
        pass
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_no_usable_footage_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with (
        pytest.raises(MediaError, match="none of 1 files"),
        Shards(_recipe(), [tmp_path], tmp_path / "work", 1),
    ):
        pass


@contextmanager
def _files_limited_to(size: int) -> Iterator[None]:
    """The kernel refuses larger files, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_one_line_and_keeps_what_was_there(stills: Path, tmp_path: Path) -> None:
    footage = survey([stills])
    recipe = SampleRecipe(count=8, patch=32, degradations={"gaussian": 1.0})
    path = tmp_path / "s.npy"
    write_samples(footage, recipe, path)
    before = path.read_bytes()
    with _files_limited_to(20_000), pytest.raises(OutputError) as caught:
        write_samples(footage, recipe, path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["s.npy"]


def test_pairs_are_consecutive_windows_of_one_place(stills: Path, tmp_path: Path) -> None:
    recipe = SampleRecipe(
        count=20, patch=32, missing=0, pairs=True, degradations={"untouched": 1.0}
    )
    write_samples(survey([stills]), recipe, tmp_path / "s.npy")
    records = np.load(tmp_path / "s.npy")
    assert records.dtype == sample_dtype(32)
    first, second = records[::2], records[1::2]
    # A neighbour's patch follows its motion by whole steps; where it is slow there are none,
    # and frame n is the same in its own window and in that of frame n + 1.
    one, two = first["frames"][:, 2], second["frames"][:, 1]
    same = [bool(np.array_equal(a, b)) for a, b in zip(one, two, strict=True)]
    assert sum(same) >= 3
    assert not np.array_equal(first["target"], second["target"])
