"""Threads keep their scheduling, whatever encoders do as root."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_adapters.media import EncodeOptions, write_video
from host_adapters.media.priority import usual_priority
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.frame import Frame

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getscheduler") or os.geteuid() != 0,
    reason="only root on Linux gets real-time threads",
)


def policies() -> set[int]:
    threads = [int(each.name) for each in Path("/proc/self/task").iterdir()]
    return {os.sched_getscheduler(thread) for thread in threads}


def test_an_av1_encoder_makes_no_real_time_threads(tmp_path: Path) -> None:
    scene, seen = Scene(width=64, height=64, length=4), []

    def frames() -> Iterator[Frame]:
        for n in range(4):
            yield scene.clean(n)
            seen.append(policies())

    options = EncodeOptions(codec="libsvtav1")
    write_video(frames(), tmp_path / "out.mkv", clip=scene.clip, encode=options)
    assert seen == [{os.SCHED_OTHER}] * 4


def test_what_the_block_changes_is_changed_back() -> None:
    with usual_priority():
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        assert policies() != {os.SCHED_OTHER}
    assert policies() == {os.SCHED_OTHER}


def test_real_time_threads_of_the_host_stay_that() -> None:
    ready, done = threading.Event(), threading.Event()
    kept: list[int] = []

    def play() -> None:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        ready.set()
        done.wait(30)
        kept.append(os.sched_getscheduler(0))

    player = threading.Thread(target=play)
    player.start()
    assert ready.wait(30)
    with usual_priority():
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
    done.set()
    player.join()
    assert kept == [os.SCHED_RR]
