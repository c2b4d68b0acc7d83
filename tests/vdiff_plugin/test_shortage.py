"""Memory that runs out while frames are rendered: fewer at a time, with the same pixels."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.vdiff_plugin.chain import (
    SMALL,
    MeanOptions,
    MeanStage,
    engine_with,
    noise_clip,
    plugin,
    samples,
    whole_clip_means,
)
from vdiff_plugin import memory
from vdiff_plugin.contracts import Services
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import ResourceError
from vdiff_plugin.frame import ClipInfo, Frame, Window
from vdiff_plugin.settings import Settings
from vdiff_plugin.stream import render_clip

LENGTH = 24
FRAMES = noise_clip(LENGTH)
CLIP = SMALL.with_length(LENGTH)


class Hungry(MeanStage):
    """There is memory for `room` calls at a time."""

    def __init__(self, clip: ClipInfo, options: MeanOptions, room: int) -> None:
        super().__init__(clip, options)
        self._room = room
        self._inside = 0
        self._lock = threading.Lock()

    def render(self, window: Window) -> Frame:
        with self._lock:
            self._inside += 1
        try:
            time.sleep(0.001)
            if self._inside > self._room:
                raise MemoryError("no room")
            return super().render(window)
        finally:
            with self._lock:
                self._inside -= 1


@contextmanager
def hungry(room: int) -> Iterator[Engine]:
    def opened(
        clip: ClipInfo, settings: Settings, options: Mapping[str, str], services: Services
    ) -> Hungry:
        return Hungry(clip, MeanOptions.read("stage hungry", options), room)

    with engine_with(plugin(vdiff_stages=lambda: {"hungry": opened})) as engine:
        yield engine


@pytest.mark.parametrize("room", [1, 3])
def test_frames_come_out_fewer_at_a_time(room: int, caplog: pytest.LogCaptureFixture) -> None:
    with (
        hungry(room) as engine,
        engine.open(CLIP, Settings.of(stages="mean,hungry")) as session,
        ThreadPoolExecutor(8) as pool,
    ):
        given = dict(enumerate(FRAMES))
        found = list(pool.map(lambda n: session.render(n, given), range(LENGTH)))
    assert samples(found) == samples(whole_clip_means(FRAMES, [(1, 0), (1, 0)]))
    lines = [record.getMessage() for record in caplog.records]
    assert 1 <= len(lines) <= 3  # 8 at a time, halved
    assert all(line.startswith("memory ran out; going on") for line in lines)


def test_no_room_for_a_single_frame_is_one_line() -> None:
    with (
        hungry(0) as engine,
        engine.open(CLIP, Settings.of(stages="mean,hungry")) as session,
        pytest.raises(ResourceError, match="not enough memory for a single frame of 6x4"),
    ):
        session.render(5, dict(enumerate(FRAMES)))


def test_little_memory_is_kept_to_and_told_at_debug_level_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "vdiff_plugin.session")
    free = 40 * CLIP.frame_bytes
    monkeypatch.setattr(memory, "free_bytes", lambda: free)
    with engine_with() as engine, engine.open(CLIP, Settings.of(stages="mean")) as session:
        room = session.room(8)
        assert room.workers < 8
        assert engine.cache.limit < free
        found = list(render_clip(session, FRAMES, 8))
    assert samples(found) == samples(whole_clip_means(FRAMES, [(1, 0)]))
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [f"of 0 MB of free memory: {room}"]
