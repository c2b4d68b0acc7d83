"""Windows from what a host has shown."""

from __future__ import annotations

import numpy as np
import pytest

from host_adapters.frei0r.bands import BandedEngine
from host_adapters.frei0r.history import causal, centred, previous
from host_adapters.frei0r.protocol import Request
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.engine import Engine
from vdiff_plugin.settings import Settings


def asked(runs: tuple[int, ...], ids: tuple[int, ...] = (5, 4, 3, 2, 1)) -> Request:
    return Request(
        ticket=1, strength=1, noise=0, mix=0, delayed=False, change_map=False, newest=0,
        ids=ids, runs=runs, task="restore", preset="fast",
    )  # fmt: skip


def test_a_centred_window_has_both_sides() -> None:
    pick = centred(asked((1, 1, 1, 1, 1)), 2)
    assert (pick.before, pick.centre, pick.after) == ((4, 3), 2, (1, 0))
    assert pick.order == (4, 3, 2, 1, 0)


def test_a_causal_window_has_earlier_frames_only() -> None:
    assert causal(asked((1, 1, 1, 1, 1)), 2).order == (2, 1, 0)


@pytest.mark.parametrize(
    ("runs", "order"),
    [((2, 2, 2, 1, 1), (2, 1, 0)), ((2, 1, 1, 1, 1), (4, 3, 2, 1)), ((2, 2, 1, 1, 1), (4, 3, 2))],
)
def test_a_window_ends_where_time_jumps(runs: tuple[int, ...], order: tuple[int, ...]) -> None:
    assert centred(asked(runs), 2).order == order


def test_a_window_ends_where_there_is_no_frame() -> None:
    request = asked((1, 1, 1, 0, 0), ids=(3, 2, 1, 0, 0))
    assert centred(request, 2).order == (2, 1, 0)
    assert causal(asked((1, 1, 1, 1, 1), ids=(5, 0, 3, 2, 1)), 2).order == (0,)
    assert previous(request, 2).order == (2,)
    assert previous(request, 0).order == (1, 0)


@pytest.mark.parametrize("preset", ["fast", "quality"])
def test_bands_have_the_pixels_of_the_whole(preset: str) -> None:
    scene = Scene(width=96, height=400, length=3)
    frames = {n: scene.noisy(n, 15) for n in range(3)}
    settings = Settings.of(preset=preset)
    with Engine() as whole, BandedEngine(threads=3) as banded:
        expected = whole.open(scene.clip, settings).render(1, frames)
        got = banded.open(scene.clip, settings).render(1, frames)
    assert all(map(np.array_equal, got.planes, expected.planes))
