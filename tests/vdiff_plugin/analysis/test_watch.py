"""One pass over clips with known changes: scores, repeats, regions, tracks, memory."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from tests.vdiff_plugin.analysis.clips import (
    CLIP,
    framed,
    panned,
    shot,
    still,
    watched,
    with_disc,
)
from vdiff_plugin.analysis.cuts import REACH
from vdiff_plugin.analysis.watch import Comparison, Moment, watch
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import Frame


def crossing(sigma: float = 0) -> list[Frame]:
    """Ten frames at rest, a disc that crosses in sixteen, and ten at rest."""
    scenes = [
        *[still()] * 10,
        *(with_disc(still(), 20 + 10 * n, 60) for n in range(16)),
        *[still()] * 10,
    ]
    return [framed(planes, sigma, seed) for seed, planes in enumerate(scenes)]


def test_scores_are_those_of_the_maps() -> None:
    step = still()[0].copy()
    step[:, :96] = np.minimum(step[:, :96].astype(int) + 7, 255)
    frames = [framed(still()), framed((step, *still()[1:]))]
    first, second = (one.seen for one in watched(frames))
    assert first.features == first.pixels == (0, 0, 0)
    difference = np.abs(step.astype(float) - still()[0])
    assert second.pixels.total == difference.sum()
    assert second.pixels.mean == pytest.approx(difference.mean())
    assert second.pixels.p99 == 7


def test_features_and_pixels_are_scored_side_by_side() -> None:
    by_features, by_pixels = (watched(crossing(), name)[12].seen for name in ("vdiff", "pixel"))
    assert by_features.pixels == by_pixels.pixels
    assert by_features.features != by_pixels.features
    assert by_features.change.shape == (28, 48)
    assert by_pixels.change.shape == (112, 192)


def test_exact_and_near_repeats() -> None:
    nearly = [plane.copy() for plane in still()]
    nearly[0][:40] += 1
    moved = panned(still(), 2)
    scenes = [still(), still(), tuple(nearly), moved, moved, with_disc(moved, 90, 50, 4)]
    repeats = [one.seen.repeat for one in watched([framed(each) for each in scenes])]
    assert repeats == ["", "exact", "near", "", "exact", ""]


def test_slow_change_is_no_row_of_repeats() -> None:
    """Each frame is near the one before; soon they are not near the first."""
    scenes = [(still()[0] // 2 + n // 3, *still()[1:]) for n in range(12)]
    repeats = [one.seen.repeat for one in watched([framed(each) for each in scenes])]
    assert repeats.count("") == 4


def test_a_cameras_noise_is_no_repeat() -> None:
    frames = [framed(still(), 2, seed) for seed in range(6)]
    assert {one.seen.repeat for one in watched(frames)} == {""}


@pytest.mark.parametrize("sigma", [0, 5, 15])
@pytest.mark.parametrize("features", ["pixel", "vdiff"])
def test_what_moves_is_boxed_and_followed(sigma: float, features: str) -> None:
    moments = watched(crossing(sigma), features)
    moving = range(10, 27)  # the frame after the last disc, too: there it went away
    assert [one.n for one in moments if not one.idle] == list(moving)
    inner = [one for one in moments if 11 <= one.n < 26]
    assert {one.tracks for one in inner} == {(1,)}
    for one in inner:
        (box,) = one.regions
        x = 20 + 10 * (one.n - 10)
        assert box.x <= x - 8  # the disc, and where it was
        assert box.x + box.width >= x + 8
        assert box.x >= x - 10 - 12 - 8
        assert box.x + box.width <= x + 12 + 8
        assert abs(box.y + box.height / 2 - 60) <= 6


def test_a_lamp_is_activity_and_a_cut_is_not_boxed() -> None:
    dark = tuple(plane if n else plane // 2 + 8 for n, plane in enumerate(still()))
    moments = watched([framed(planes, 3, n) for n, planes in enumerate([dark] * 8 + [still()] * 8)])
    assert [one.n for one in moments if not one.idle] == [8]
    shots = [*[shot(1)] * 8, *[shot(2)] * 8]
    moments = watched([framed(planes, 3, n) for n, planes in enumerate(shots)])
    assert [one.n for one in moments if not one.idle] == [8]
    assert moments[8].cut.cut
    assert moments[8].regions == ()


def test_tracks_begin_anew_after_a_cut() -> None:
    shots = [with_disc(shot(n // 10), 20 + 8 * (n % 10), 60) for n in range(20)]
    moments = watched([framed(each) for each in shots])
    assert [one.n for one in moments if one.cut.cut] == [10]
    before, after = ({one.tracks for one in moments[a:b]} for a, b in ((2, 10), (12, 20)))
    assert before == {(1,)}
    assert after == {(2,)}


def test_two_things_keep_their_numbers_when_they_meet() -> None:
    scenes = [with_disc(with_disc(still(), 30 + 6 * n, 30), 160 - 6 * n, 85) for n in range(20)]
    moments = watched([framed(each) for each in scenes])
    rows = [dict(zip(one.tracks, one.regions, strict=True)) for one in moments[2:]]
    assert all(set(row) == {1, 2} for row in rows)
    upper = {min(row, key=lambda number: row[number].y) for row in rows}
    assert len(upper) == 1


def test_few_frames_are_kept() -> None:
    alive: list[weakref.ref[Frame]] = []
    most = 0

    def frames() -> Iterator[tuple[float, Frame]]:
        nonlocal most
        for n in range(40):
            frame = framed(panned(still(), 2 * n))
            alive.append(weakref.ref(frame))
            yield n / 25, frame
            del frame
            gc.collect()
            most = max(most, sum(each() is not None for each in alive))

    with Engine() as engine:
        count = 0
        moment: Moment
        for moment in watch(frames(), CLIP, Comparison.of(engine, "pixel")):
            assert moment.n == count
            count += 1
            del moment
    assert count == 40
    assert most <= REACH + 2
