"""Bad footage is named and left out, and no shot spans a cut."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.vdiff_plugin.training.clips import still, write_video
from vdiff_plugin.errors import MediaError
from vdiff_plugin.training.footage import Sequence420, moving_still
from vdiff_plugin.training.samples import SampleRecipe, write_samples
from vdiff_plugin.training.survey import Footage, Shot, find_shots, survey, take_inventory

_CALM = 11  # a camera path without flicker


def _joined(*parts: Sequence420) -> Sequence420:
    return Sequence420(
        np.concatenate([part.luma for part in parts]),
        np.concatenate([part.chroma for part in parts]),
    )


def _scene(frames: int, brightness: int) -> Sequence420:
    """A calm shot of its own brightness: real scenes differ by more than their texture."""
    still_motion = moving_still(still(brightness), frames, np.random.default_rng(_CALM))
    return Sequence420(still_motion.luma // 3 + brightness, still_motion.chroma)


def _blank(frames: int) -> Sequence420:
    like = _scene(frames, 60)
    return Sequence420(np.full_like(like.luma, 16), np.full_like(like.chroma, 128))


def test_shots_end_at_cuts() -> None:
    assert find_shots(_joined(_scene(9, 10), _scene(8, 150), _scene(10, 60))) == [
        (0, 9),
        (9, 17),
        (17, 27),
    ]


def test_one_shot_stays_whole() -> None:
    assert find_shots(_scene(30, 60)) == [(0, 30)]


def test_blank_frames_and_short_rests_are_left_out() -> None:
    assert find_shots(_joined(_blank(10), _scene(9, 90), _blank(3), _scene(4, 90))) == [(10, 19)]


def test_useless_files_are_named_once_and_summed_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_video(tmp_path / "good.mp4", [_scene(9, 60)])
    write_video(tmp_path / "short.mp4", [_scene(4, 60)])
    write_video(tmp_path / "black.mp4", [_blank(12)])
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    cv2.imwrite(str(tmp_path / "tiny.png"), still()[:100, :100])
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((300, 300, 3), 90, np.uint8))
    with caplog.at_level(logging.INFO, "vdiff_plugin"):
        footage = survey([tmp_path])
    assert footage == Footage(((Shot(tmp_path / "good.mp4", 0, 9),),), ())
    lines = [record.getMessage() for record in caplog.records]
    useless = ("short.mp4", "black.mp4", "broken.mp4", "broken.png", "tiny.png", "flat.png")
    for name in useless:
        assert len([line for line in lines if name in line]) == 1, name
    assert lines[-1] == "footage: 1 videos with 1 shots, 0 stills; 6 of 7 files skipped"
    assert len(lines) == len(useless) + 1


def test_nothing_usable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(MediaError, match="none of 1 files is usable"):
        survey([tmp_path])


def test_windows_stay_within_a_shot(tmp_path: Path) -> None:
    """Two scenes, one bright and one dark: no sample may hold frames of both."""
    write_video(tmp_path / "two.mp4", [_scene(9, 160), _scene(9, 10)])
    footage = survey([tmp_path])
    assert [len(shot) for shot in footage.videos[0]] == [9, 9]
    recipe = SampleRecipe(
        count=16, missing=0, patch=48, windows=1, places=1, degradations={"untouched": 1.0}
    )
    write_samples(footage, recipe, tmp_path / "s.npy")
    means = np.load(tmp_path / "s.npy")["frames"][..., :4].mean(axis=(2, 3, 4))
    assert np.ptp(means, axis=1).max() < 50
    assert np.ptp(means) > 100  # both scenes are drawn from


def test_held_out_files_are_not_trained_on() -> None:
    shots = tuple((Shot(Path(f"{i}.mp4"), 0, 9),) for i in range(10))
    stills = tuple(Path(f"{i}.png") for i in range(4))
    train, held = Footage(shots, stills).split(0.2, seed=3)
    assert sorted(map(str, train.videos + held.videos)) == sorted(map(str, shots))
    assert (len(held.videos), len(held.stills)) == (2, 1)
    assert not set(train.stills) & set(held.stills)
    assert Footage(shots, stills).split(0.2, seed=3) == (train, held)


def test_the_digest_tells_equal_data(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.mp4").write_bytes(b"12345")
    one, two = (take_inventory([tmp_path / name]) for name in ("one", "two"))
    assert one == two
    (tmp_path / "two" / "a.mp4").write_bytes(b"123456")
    assert take_inventory([tmp_path / "two"]).digest != one.digest
