"""The worker, spoken to as the plug-in does it."""

from __future__ import annotations

import fcntl
import mmap
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from host_adapters.frei0r import protocol
from tests.host_adapters.frei0r.clips import Picture, pictures
from tests.host_adapters.frei0r.processes import is_alive, wait_until
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.settings import Settings

_SLOTS = 5
_OPEN = struct.Struct("=IHHQ6I2Q")
_SEALS = 1 | 2 | 4  # further seals, shrinking, growing


class Worker:
    """A worker of ours with its control socket."""

    def __init__(self, plugin: Path) -> None:
        self.channels: list[socket.socket] = []
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            program = str(plugin / "vdiff-worker")
            moved = (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)
            self.pid = os.posix_spawn(program, [program], os.environ, file_actions=[moved])
        self.control.settimeout(60)
        assert self.control.recv(1000)[:8] == struct.pack("=IHH", protocol.MAGIC, 1, protocol.HELLO)

    def close(self) -> int:
        self.control.close()
        return os.waitpid(self.pid, 0)[1]


class Filter:
    """An instance as the plug-in has it."""

    def __init__(self, worker: Worker, width: int, height: int, *, seal: bool = True) -> None:
        self.shape = (height, width, 4)
        self.slot_bytes = -(-width * height * 4 // 4096) * 4096
        total = self.slot_bytes * (_SLOTS + 1)
        file = os.memfd_create("frames", os.MFD_ALLOW_SEALING)
        os.ftruncate(file, total)
        if seal:
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
        self.memory = mmap.mmap(file, total)
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.settimeout(120)
        worker.channels.append(self.channel)
        message = _OPEN.pack(
            protocol.MAGIC, 1, protocol.OPEN, 0, width, height, 1, 4 * width, _SLOTS, 0,
            self.slot_bytes, total,
        ).ljust(protocol.SIZE, b"\0")  # fmt: skip
        socket.send_fds(worker.control, [message], [file, theirs.fileno()])
        theirs.close()
        os.close(file)
        self.newest, self.ids, self.runs, self.count = 0, [0] * _SLOTS, [0] * _SLOTS, 0

    def answer(self) -> tuple[int, bytes]:
        """Kind and body of the next message."""
        data = self.channel.recv(1000)
        assert len(data) == protocol.SIZE
        return struct.unpack_from("=IHH", data)[2], data[16:]

    def slot(self, index: int) -> Picture:
        return np.ndarray(self.shape, np.uint8, self.memory, index * self.slot_bytes)

    def show(self, picture: Picture, *, run: int = 1, flags: int = 0, **given: object) -> Picture:
        """What the host would get."""
        self.count += 1
        self.newest = (self.newest + 1) % _SLOTS
        self.slot(self.newest)[:] = picture
        self.ids = [self.count, *self.ids[:-1]]
        self.runs = [run, *self.runs[:-1]]
        self.ask(flags=flags, **given)
        kind, body = self.answer()
        assert kind == protocol.RENDERED, body
        if body[0] == protocol.UNCHANGED:
            return picture
        return self.slot(_SLOTS).copy()

    def ask(
        self, *, flags: int = 0, strength: float = 1, noise: float = 0, mix: float = 0,
        task: str = "restore", preset: str = "fast",
    ) -> None:  # fmt: skip
        body = struct.pack("=IHHQ4d2I", protocol.MAGIC, 1, protocol.RENDER, self.count,
                           0, strength, noise, mix, flags, self.newest)  # fmt: skip
        window = [*self.ids, *[0] * 11, *self.runs, *[0] * 11]
        names = struct.pack("=32I64s64s", *window, task.encode(), preset.encode())
        self.channel.send((body + names).ljust(protocol.SIZE, b"\0"))


@pytest.fixture(scope="module")
def worker(plugin: Path) -> Iterator[Worker]:
    one = Worker(plugin)
    yield one
    assert one.close() == 0


@pytest.fixture(autouse=True)
def _instances_go(worker: Worker) -> Iterator[None]:
    yield
    while worker.channels:
        worker.channels.pop().close()


SHOWN = pictures(7, (64, 48))


def opened(worker: Worker, width: int = 64, height: int = 48) -> Filter:
    one = Filter(worker, width, height)
    assert one.answer()[0] == protocol.OPENED
    return one


def expected(shown: list[Picture], **settings: object) -> list[Picture]:
    height, width = shown[0].shape[:2]
    clip = ClipInfo(
        width=width, height=height, format=PixelFormat(family="rgb", alpha=True),
        matrix="bt601", full_range=True, length=len(shown),
    )  # fmt: skip
    frames = {n: Frame(tuple(np.moveaxis(each, 2, 0))) for n, each in enumerate(shown)}
    with Engine() as engine, engine.open(clip, Settings.of(**settings)) as session:
        made = [session.render(n, {m: frames[m] for m in session.needed(n)}) for n in frames]
    return [np.stack(frame.planes, axis=2) for frame in made]


def test_frames_are_those_of_live_windows(worker: Worker) -> None:
    one = opened(worker)
    got = [one.show(each, strength=0.7, noise=0.12) for each in SHOWN]
    assert all(map(np.array_equal, got, expected(SHOWN, lookahead=0, strength=0.7, noise=12)))


def test_delayed_frames_are_those_of_whole_windows(worker: Worker) -> None:
    one = opened(worker)
    got = [one.show(each, flags=protocol.DELAYED) for each in SHOWN]
    assert np.array_equal(got[0], SHOWN[0])  # nothing to give yet: the source
    whole = expected(SHOWN)
    assert all(map(np.array_equal, got[2:], whole[:5]))


def test_strength_may_move_and_reach_zero_without_moving_the_delay(worker: Worker) -> None:
    one = opened(worker)
    strengths = [0, 0, 0, 0.25, 0.5, 0, 1]
    moved = [
        one.show(each, flags=protocol.DELAYED, strength=strength)
        for each, strength in zip(SHOWN, strengths, strict=True)
    ]
    for n, strength in enumerate(strengths[2:]):
        assert np.array_equal(moved[n + 2], expected(SHOWN, strength=strength)[n])


def test_a_jump_in_time_cuts_the_window(worker: Worker) -> None:
    one = opened(worker)
    got = [one.show(each, run=1 + (n >= 3)) for n, each in enumerate(SHOWN)]
    parts = expected(SHOWN[:3], lookahead=0) + expected(SHOWN[3:], lookahead=0)
    assert all(map(np.array_equal, got, parts))


def test_the_change_map_is_grey_and_keeps_alpha(worker: Worker) -> None:
    one = opened(worker)
    still = [one.show(SHOWN[0], flags=protocol.CHANGE_MAP) for _ in range(2)]
    moved = one.show(SHOWN[5], flags=protocol.CHANGE_MAP)
    assert not still[1][..., :3].any()
    assert moved[..., 0].mean() > 20
    assert np.array_equal(moved[..., 0], moved[..., 1])
    assert np.array_equal(moved[..., 3], SHOWN[5][..., 3])


def test_mix_stands_between_both(worker: Worker) -> None:
    full = opened(worker).show(SHOWN[0])
    half = opened(worker).show(SHOWN[0], mix=0.5)
    middle = (full.astype(float) + SHOWN[0]) / 2
    assert np.abs(half - middle).max() <= 0.5
    assert np.abs(half.astype(int) - full).max() > 1


def test_a_wrong_name_fails_the_frame_and_not_the_instance(worker: Worker) -> None:
    one = opened(worker)
    good = one.show(SHOWN[0])
    one.ask(task="paint")
    kind, body = one.answer()
    assert kind == protocol.FAILED
    assert b"paint" in body
    assert b"restore" in body
    assert np.array_equal(one.show(SHOWN[0], run=2), good)


def test_nonsense_fails_and_the_instance_lives(worker: Worker) -> None:
    one = opened(worker)
    for noise in (b"x", b"x" * protocol.SIZE, b"x" * 600):
        one.channel.send(noise)
        assert one.answer()[0] == protocol.FAILED
    one.show(SHOWN[0])


@pytest.mark.parametrize(("size", "seal"), [((64, 48), False), ((20000, 1), True)])
def test_memory_that_could_vanish_is_refused(
    worker: Worker, size: tuple[int, int], seal: bool
) -> None:
    one = Filter(worker, *size, seal=seal)
    kind, body = one.answer()
    assert kind == protocol.FAILED
    assert b"not sealed" in body or b"picture of 20000x1" in body
    assert one.channel.recv(1) == b""  # closed
    opened(worker).show(SHOWN[0])


def test_an_instance_without_its_descriptors_is_passed_over(worker: Worker) -> None:
    worker.control.send(b"x" * protocol.SIZE)
    opened(worker).show(SHOWN[0])


@pytest.mark.parametrize("size", [(8, 8), (1, 1), (17, 9), (200, 34)])
def test_sizes(worker: Worker, size: tuple[int, int]) -> None:
    shown = pictures(3, size)
    one = opened(worker, *size)
    got = [one.show(each) for each in shown]
    assert all(map(np.array_equal, got, expected(shown, lookahead=0)))


def test_the_largest_picture_of_a_cinema(worker: Worker) -> None:
    one = opened(worker, 4096, 2160)
    picture = np.zeros((2160, 4096, 4), np.uint8)
    picture[:] = np.arange(4096, dtype=np.uint16)[None, :, None] // 16
    got = one.show(picture, strength=0)  # strength 0 with the whole way through memory
    assert np.array_equal(got, picture)


def test_it_ends_with_the_host(plugin: Path, tmp_path: Path) -> None:
    """Also where somebody else still holds the control socket open."""
    code = (
        "import sys, os, time; sys.path.insert(0, sys.argv[2])\n"
        "from pathlib import Path\n"
        "from tests.host_adapters.frei0r.test_worker import Worker\n"
        "one = Worker(Path(sys.argv[1])); print(one.pid, flush=True)\n"
        "print(os.fork() or time.sleep(30), flush=True); os._exit(0)"
    )
    root = Path(__file__).parents[3]
    host = subprocess.Popen(
        [sys.executable, "-c", code, plugin, root], stdout=subprocess.PIPE, text=True
    )
    assert host.stdout is not None
    with host.stdout:
        pid, forked = (int(host.stdout.readline()) for _ in range(2))
        assert wait_until(lambda: not is_alive(pid), 10)
        os.kill(forked, 9)
    assert host.wait() == 0


def test_a_task_of_another_size_is_refused_in_a_line(worker: Worker) -> None:
    one = opened(worker)
    one.ask(task="upscale2x")
    kind, body = one.answer()
    assert kind == protocol.FAILED
    assert b"task upscale2x changes the picture's size; choose another" in body
    assert one.show(SHOWN[0]).shape == SHOWN[0].shape
