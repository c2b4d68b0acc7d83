"""A vdiff node by itself: several frames under way, in order, and no more than it may hold."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction

import av
import numpy as np
import pytest

from host_adapters.filtergraph.node import VdiffNode
from host_adapters.filtergraph.tokens import Filter
from host_adapters.filtergraph.vdiff_options import read_node
from tests.vdiff_plugin.chain import MeanOptions, MeanStage, engine_with, plugin
from vdiff_plugin.contracts import Services
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import FrameError
from vdiff_plugin.frame import ClipInfo, Frame, Window
from vdiff_plugin.settings import Settings

WORKERS = min(8, max(2, os.cpu_count() or 2))


class _Together(MeanStage):
    """Renders no frame before a second one is being rendered too."""

    def __init__(self, clip: ClipInfo, options: MeanOptions) -> None:
        super().__init__(clip, options)
        self._both = threading.Barrier(2, timeout=20)

    def render(self, window: Window) -> Frame:
        self._both.wait()
        return super().render(window)


class _Failing(MeanStage):
    def render(self, window: Window) -> Frame:
        if window.n == 3:
            raise FrameError("frame 3 is wrong; mend it")
        return super().render(window)


def _opener(kind: type[MeanStage]) -> object:
    def open_stage(
        clip: ClipInfo, settings: Settings, options: dict[str, str], services: Services
    ) -> MeanStage:
        return kind(clip, MeanOptions.read("stage", options))

    return open_stage


@pytest.fixture
def engine() -> Iterator[Engine]:
    stages = {"together": _opener(_Together), "failing": _opener(_Failing)}
    with engine_with(plugin(vdiff_stages=lambda: stages)) as opened:
        yield opened


def pictures(count: int) -> Iterator[av.VideoFrame]:
    for n in range(count):
        picture = av.VideoFrame.from_ndarray(np.full((12, 8), n, np.uint8), format="yuv420p")
        picture.pts, picture.time_base = 3 * n, Fraction(1, 50)
        yield picture


def node(engine: Engine, args: str) -> VdiffNode:
    return VdiffNode(read_node(Filter("vdiff", args=args)), engine)


def test_frames_are_rendered_side_by_side_and_come_in_order(engine: Engine) -> None:
    worker = node(engine, "stages=together")
    done = [each.pts for picture in pictures(10) for each in worker.push(picture)]
    done += [each.pts for each in worker.finish()]
    assert done == [3 * n for n in range(10)]


def test_no_more_is_held_than_threads_and_a_window_need(engine: Engine) -> None:
    with closing(node(engine, "stages='mean:radius=2'")) as worker:
        given = 0
        for pushed, picture in enumerate(pictures(60), 1):
            given += sum(1 for _ in worker.push(picture))
            assert pushed - given <= 2 * WORKERS + 2
        assert given == 60 - 2 * WORKERS - 1


def test_live_frames_do_not_wait(engine: Engine) -> None:
    worker = node(engine, "stages='mean:radius=2':lookahead=0")
    assert [len(list(worker.push(each))) for each in pictures(5)] == [1] * 5


def test_strength_0_hands_the_same_picture_on(engine: Engine) -> None:
    worker = node(engine, "0")
    assert all(list(worker.push(each)) == [each] for each in pictures(3))


def test_a_failure_comes_in_its_frames_place(engine: Engine) -> None:
    worker = node(engine, "stages=failing")
    done: list[int | None] = []
    with closing(worker), pytest.raises(FrameError, match="frame 3 is wrong"):
        done.extend(each.pts for picture in pictures(40) for each in worker.push(picture))
    assert done == [0, 3, 6]
    assert not [each for each in threading.enumerate() if each.name.startswith("vdiff-render")]
