from __future__ import annotations

import numpy as np

from vdiff_plugin.measure import METRICS
from vdiff_plugin.pages.selection import choose_frames


def test_the_worst_best_and_median_frames_are_taken_and_named() -> None:
    series = np.linspace(30, 40, 101)
    series[70], series[20] = 10, 60
    found = choose_frames(101, 9, METRICS["psnr"], {"a": series})
    assert found[70] == "worst PSNR"
    assert found[20] == "best PSNR"
    assert list(found.values()).count("median PSNR") == 1
    assert len(found) == 9
    assert list(found) == sorted(found)
    assert max(np.diff([0, *found, 100])) <= 25


def test_lower_is_better_where_it_is_and_every_version_has_its_worst() -> None:
    calm, wild = np.full(20, 5.0), np.full(20, 6.0)
    calm[0] = wild[0] = np.nan
    calm[3], wild[11] = 9, 9
    found = choose_frames(20, 6, METRICS["flicker"], {"calm": calm, "wild": wild})
    assert found[3] == "worst Flicker of calm"
    assert found[11] == "worst Flicker of wild"


def test_short_clips_are_taken_whole_and_nothing_known_means_even_steps() -> None:
    assert list(choose_frames(3, 9, None, {})) == [0, 1, 2]
    unknown = np.full(50, np.nan)
    found = choose_frames(50, 5, METRICS["psnr"], {"a": unknown})
    assert len(found) == 5
    assert not any(found.values())
    assert list(choose_frames(1, 5, METRICS["psnr"], {"a": np.array([30.0])})) == [0]
