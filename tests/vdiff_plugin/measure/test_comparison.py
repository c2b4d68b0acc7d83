"""Whole clips in step: pairing, missing frames, depths, memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from vdiff_plugin.builtin.planes import deepened
from vdiff_plugin.cli.footage import SceneFootage
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.errors import UnknownNameError, UsageError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.measure import Version, choose, compare, summary
from vdiff_plugin.measure.alignment import align

SCENE = Scene(width=96, height=64, length=8)


class Harmed:
    """A scene with noise, some frames of which are gone, or in more bits."""

    def __init__(self, kept: list[int], *, sigma: float = 6, bits: int = 8) -> None:
        self._kept = kept
        self._sigma = sigma
        form = replace(SCENE.clip.format, bits=bits)
        self.info = replace(SCENE.clip, format=form)
        self.times = [Fraction(n, 25) for n in kept]

    def __len__(self) -> int:
        return len(self._kept)

    def frames(self, start: int = 0, end: int | None = None) -> Iterator[Frame]:
        for n in self._kept[start : None if end is None else end + 1]:
            yield deepened(SCENE.noisy(n, self._sigma), SCENE.clip, self.info)


class Bare:
    """Just what pairing asks for."""

    def __init__(self, times: list[float], **changes: object) -> None:
        self.times = [Fraction(one) for one in times]
        self.info = replace(SCENE.clip, **changes)  # type: ignore[arg-type]


REFERENCE = SceneFootage(SCENE, 25)
ALL = np.arange(SCENE.length, dtype=np.int64)


def measured(other: Harmed, kind: str, *names: str) -> dict[str, np.ndarray]:
    numbers = align(kind, REFERENCE, other, "other")
    versions = [Version("other", other, numbers)]
    _, (found,) = compare(Version("ref", REFERENCE, ALL), versions, choose(names))
    return found.series


def test_frames_that_are_missing_have_no_number_and_others_keep_theirs() -> None:
    whole = measured(Harmed(list(range(8))), "index", "psnr", "sharpness")
    holed = measured(Harmed([0, 1, 3, 4, 7]), "pts", "psnr", "sharpness")
    present = [0, 1, 3, 4, 7]
    for name, series in holed.items():
        assert np.flatnonzero(np.isfinite(series)).tolist() == present
        assert series[present] == pytest.approx(whole[name][present])
    found = summary(holed["psnr"])
    assert found is not None
    assert (found.frames, found.low) == (5, holed["psnr"][present].min())


def test_depths_may_differ() -> None:
    eight = measured(Harmed(list(range(8))), "index", "psnr", "ssim", "vmaf")
    ten = measured(Harmed(list(range(8)), bits=10), "index", "psnr", "ssim", "vmaf")
    # Shifted up, 255 is 1020 of 1023: the peak is a hair higher.
    assert ten["psnr"] - eight["psnr"] == pytest.approx(20 * np.log10(1023 / 1020), abs=1e-9)
    assert ten["ssim"] == pytest.approx(eight["ssim"], abs=1e-3)
    assert ten["vmaf"] == pytest.approx(eight["vmaf"], abs=0.5)


def test_the_reference_is_measured_by_itself_where_that_can_be() -> None:
    versions = [Version("other", Harmed(list(range(8))), ALL)]
    mine, _ = compare(
        Version("ref", REFERENCE, ALL), versions, choose(["psnr", "flicker", "sharpness"])
    )
    assert set(mine.series) == {"flicker", "sharpness"}


def test_times_pair_what_is_nearest_and_nothing_twice() -> None:
    reference = Bare([0, 1, 2, 3])
    assert align("pts", reference, Bare([0.1, 0.9, 2.05, 3]), "x").tolist() == [0, 1, 2, 3]
    assert align("pts", reference, Bare([1, 3]), "x").tolist() == [-1, 0, -1, 1]
    assert align("pts", reference, Bare([2]), "x").tolist() == [-1, -1, 0, -1]
    assert align("pts", reference, Bare([0, 0.5, 1, 1.5, 2, 2.5, 3]), "x").tolist() == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ("kind", "other", "message"),
    [
        ("index", Bare([0, 1]), "x: 2 frames, but the reference has 4; .*--align pts"),
        ("pts", Bare([9, 10]), "x: no frame is shown at the time .*--align index"),
        ("index", Bare([0], width=90), "x: 90x64 pixels, but the reference has 96x64; scale"),
        ("pts", Bare([0], full_range=True), "x: full range, but the reference has limited"),
        ("index", Bare([0], format=PixelFormat(family="yuv")), "x: 4:4:4, but the .* is 4:2:0"),
        ("index", Bare([0], format=PixelFormat(family="gray")), "x: grey, but the reference"),
    ],
)
def test_clips_that_do_not_go_together_are_refused(kind: str, other: Bare, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        align(kind, Bare([0, 1, 2, 3]), other, "x")


def test_an_unknown_alignment_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="have index, pts"):
        align("sound", REFERENCE, REFERENCE, "x")


class Endless:
    """The same few frames again and again."""

    def __init__(self, length: int) -> None:
        self._frames = [SCENE.noisy(n, 5) for n in range(2)]
        self._length = length
        self.info: ClipInfo = SCENE.clip

    def __len__(self) -> int:
        return self._length

    def frames(self, start: int = 0, end: int | None = None) -> Iterator[Frame]:
        for n in range(start, self._length if end is None else end + 1):
            yield Frame(tuple(plane.copy() for plane in self._frames[n % 2].planes))


def test_memory_does_not_grow_with_the_clip() -> None:
    def peak(length: int) -> int:
        clips = [Version(name, Endless(length), np.arange(length)) for name in "ab"]
        tracemalloc.start()
        compare(clips[0], clips[1:], choose(["psnr", "ssim", "flicker"]))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(4)
    frame = SCENE.noisy(0, 5).nbytes
    # Of 120 frames more only their numbers stay, about a kilobyte a frame. How far one clip is
    # read ahead of the other differs from run to run.
    assert any(peak(130) - peak(10) < 40 * frame for _ in range(3))
