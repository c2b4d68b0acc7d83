"""Cuts told from flashes, fades, motion and noise."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vdiff_plugin.analysis.clips import Planes, framed, panned, shot, still, watched
from vdiff_plugin.analysis.cuts import REACH, CutFinder, find_cuts
from vdiff_plugin.builtin.cuts import Layout, describe


def cuts(shots: list[Planes], sigma: float = 0, features: str = "pixel") -> list[int]:
    frames = [framed(planes, sigma, seed) for seed, planes in enumerate(shots)]
    return [one.n for one in watched(frames, features) if one.cut.cut]


def mixed(one: Planes, other: Planes, share: float) -> Planes:
    pairs = zip(one, other, strict=True)
    return tuple(np.rint(a * (1 - share) + b * share).astype(np.uint8) for a, b in pairs)


def lit(planes: Planes) -> Planes:
    return (np.maximum(planes[0], 225), *planes[1:])


@pytest.mark.parametrize(
    ("features", "sigma"), [("pixel", 0), ("pixel", 25), ("vdiff", 0), ("vdiff", 10)]
)
def test_hard_cuts(features: str, sigma: float) -> None:
    shots = [*[shot(1)] * 8, *[shot(2)] * 9, *[shot(3)] * 8]
    assert cuts(shots, sigma, features) == [8, 17]


@pytest.mark.parametrize("length", [1, 2, REACH - 1])
def test_a_flash_is_no_cut(length: int) -> None:
    flash = [lit(shot(1))] * length
    assert cuts([*[shot(1)] * 8, *flash, *[shot(1)] * 8]) == []


def test_a_cut_right_after_a_flash() -> None:
    assert cuts([*[shot(1)] * 8, lit(shot(1)), *[shot(1)] * 6, *[shot(2)] * 8]) == [15]


@pytest.mark.parametrize("length", [10, 16])
def test_a_dissolve_is_no_hard_cut(length: int) -> None:
    shares = (np.arange(length) + 1) / (length + 1)
    between = [mixed(shot(1), shot(2), share) for share in shares]
    assert cuts([*[shot(1)] * 6, *between, *[shot(2)] * 6]) == []


def test_quick_motion_is_no_cut() -> None:
    assert cuts([panned(still(), 10 * n) for n in range(16)]) == []


def test_cuts_near_both_ends() -> None:
    assert cuts([shot(1), *[shot(2)] * 8, shot(3)]) == [1, 9]


def test_a_clip_of_one_frame_has_none() -> None:
    assert cuts([shot(1)]) == []
    assert CutFinder().finish() == []


def layouts(count: int) -> list[Layout]:
    kinds = [n // 6 % 3 for n in range(count)]
    return [describe(panned(shot(kind), 2 * n)[0][..., None]) for n, kind in enumerate(kinds)]


def test_a_verdict_depends_on_its_surroundings_alone() -> None:
    """So that a stretch of a clip has the cuts of the clip."""
    whole = layouts(30)
    assert find_cuts(whole) == [6, 12, 18, 24]
    for start in (2, 7):
        found = find_cuts(whole[start : start + 20])
        inner = range(start + REACH, start + 20 - REACH)
        assert [n + start for n in found if n + start in inner] == [
            n for n in (6, 12, 18, 24) if n in inner
        ]


def test_verdicts_come_one_a_frame_and_a_fixed_time_later() -> None:
    finder = CutFinder()
    early = [finder.push(each) for each in layouts(10)]
    assert [each is None for each in early] == [True] * REACH + [False] * (10 - REACH)
    assert len(finder.finish()) == REACH
