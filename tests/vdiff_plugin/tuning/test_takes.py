"""Footage that a tuning takes, and footage that it refuses in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.vdiff_plugin.tuning.clips import noisy, panned, write_lossless
from vdiff_plugin.errors import MediaError
from vdiff_plugin.training.footage import Sequence420
from vdiff_plugin.tuning.noise import Noise, UnsuitableError
from vdiff_plugin.tuning.takes import find_takes


def test_the_last_quarter_is_held_out(tmp_path: Path) -> None:
    clip = noisy(panned(16), 6.0)
    path = write_lossless(clip, tmp_path / "clip.mkv")
    (take,), refused = find_takes([path], seed=1)
    assert not refused
    assert (len(take.learn), len(take.judge)) == (12, 4)
    np.testing.assert_array_equal(take.learn.luma, clip.luma[:12])
    np.testing.assert_array_equal(take.judge.chroma, clip.chroma[12:])


def test_repeated_frames_are_taken_once(tmp_path: Path) -> None:
    clip = noisy(panned(13), 6.0)
    doubled = np.repeat(np.arange(13), 2)
    path = write_lossless(
        Sequence420(clip.luma[doubled], clip.chroma[doubled]), tmp_path / "clip.mkv"
    )
    (take,), _ = find_takes([path], seed=1)
    assert len(take.learn) + len(take.judge) == 13


@pytest.mark.parametrize(
    ("frames", "said"), [([0] * 16, "static, its frames repeat"), (range(9), "too short")]
)
def test_useless_footage_is_one_line(tmp_path: Path, frames: list[int], said: str) -> None:
    clip = panned(16)
    numbers = list(frames)
    part = Sequence420(clip.luma[numbers], clip.chroma[numbers])
    path = write_lossless(part, tmp_path / "clip.mkv")
    with pytest.raises(MediaError, match=said) as caught:
        find_takes([path], seed=1)
    assert "\n" not in str(caught.value)
    assert "clip.mkv" in str(caught.value)


def test_one_bad_file_does_not_spoil_the_others(tmp_path: Path) -> None:
    good = write_lossless(panned(16), tmp_path / "a.mkv")
    bad = tmp_path / "b.mkv"
    bad.write_bytes(b"no video at all")
    takes, (line,) = find_takes([good, bad], seed=1)
    assert len(takes) == 1
    assert "b.mkv: unreadable" in line


def test_clean_footage_is_refused() -> None:
    with pytest.raises(UnsuitableError, match=r"already clean: .* 0\.4 codes in luma"):
        Noise(0.4, 0.7).require()
    Noise(0.4, 1.7).require()
