"""Targets: a neighbour brought along, and counted only where it shows the same."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.vdiff_plugin.tuning.clips import noisy, panned
from vdiff_plugin.training.footage import Sequence420
from vdiff_plugin.training.samples import RADIUS
from vdiff_plugin.tuning.noise import lingering, measure_noise
from vdiff_plugin.tuning.pairs import PairMaker, pair_dtype
from vdiff_plugin.tuning.targets import make_target


def test_a_target_is_the_neighbour_where_it_belongs() -> None:
    clean = panned(3)
    target = make_target(clean, clean, 1, 2)
    counts = target.weight.astype(bool)
    assert counts.mean() > 0.6
    difference = np.abs(target.luma.astype(int) - clean.luma[1])[::2, ::2][counts]
    assert np.mean(difference) < 1.0
    chroma = np.abs(target.chroma.astype(int) - clean.chroma[1])[counts]
    assert np.mean(chroma) < 1.0


def test_what_moves_over_the_picture_does_not_count() -> None:
    clean = panned(3, patch=40)
    counts = make_target(clean, clean, 1, 2).weight
    covered = counts[40:60, (20 + 14 + 40) // 2 : (20 + 14 + 54) // 2]  # dark in frame 2 alone
    assert covered.mean() < 0.2
    assert counts[:30].mean() > 0.5


def test_flat_places_count_though_flow_wanders_there() -> None:
    """Skies and snow: what is left of the noise leads flow astray, and it does not matter."""
    rng = np.random.default_rng(3)
    slope = np.linspace(120, 135, 288, dtype=np.float32)[None, None]
    left = rng.standard_normal((3, 192, 288)).astype(np.float32)
    left = np.stack([cv2.GaussianBlur(each, (0, 0), 1.5) for each in left])
    luma = np.rint(slope + 1.5 * left / left.std()).astype(np.uint8)
    flat = Sequence420(luma, np.full((3, 96, 144, 2), 128, np.uint8))
    assert make_target(flat, flat, 1, 2).weight.mean() > 0.5
    steep = Sequence420(np.rint(128 + 7 * (luma - slope)).astype(np.uint8), flat.chroma)
    assert make_target(steep, steep, 1, 2).weight.mean() < 0.2  # that would be texture


@pytest.mark.parametrize(("apart", "t"), [(1, 5), (1, 7), (3, 3), (3, 9)])
def test_a_window_never_sees_its_target_or_what_lies_near_it(apart: int, t: int) -> None:
    maker = PairMaker(patch=96, finest_scale=2, apart=apart)
    numbers, valid = maker.seen(6, t, 20)
    assert numbers[RADIUS] == 6
    used = [n for n, there in zip(numbers[:2] + numbers[3:], valid, strict=True) if there]
    assert used == sorted(used)
    assert all(abs(n - t) >= apart for n in used)
    assert len(used) >= 2


def test_windows_at_the_ends_lack_neighbours() -> None:
    numbers, valid = PairMaker(patch=96, finest_scale=2, apart=1).seen(0, 1, 20)
    assert valid.tolist() == [0, 0, 1, 1]
    assert numbers == [0, 0, 0, 2, 3]


def test_pairs_hold_noise_that_is_measured_right() -> None:
    clean = panned(9, step=0)
    bad = noisy(clean, 8.0)
    maker = PairMaker(patch=96, finest_scale=2, apart=1)
    records = maker.make(bad, clean, windows=4, places=2, rng=np.random.default_rng(1))
    assert records.dtype == pair_dtype(96)
    found = measure_noise(records)
    assert found.luma == pytest.approx(8.0, rel=0.05)
    assert found.chroma == pytest.approx(8.0, rel=0.05)


def test_noise_that_lasts_is_told_from_noise_that_does_not() -> None:
    still, moving = panned(9, step=0), panned(9)
    assert abs(lingering(noisy(still, 8.0), still)) < 0.1
    assert lingering(noisy(still, 8.0, keep=0.6), still) > 0.35
    # Noise that stays where it is while the picture moves is new noise to the picture.
    assert abs(lingering(noisy(moving, 8.0, keep=0.6), moving)) < 0.1


def test_a_short_part_gives_no_pair_where_targets_lie_far() -> None:
    clean = panned(3)
    maker = PairMaker(patch=96, finest_scale=2, apart=3)
    records = maker.make(clean, clean, windows=3, places=2, rng=np.random.default_rng(1))
    assert len(records) == 0
