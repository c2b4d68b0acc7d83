"""Hosts that are killed leave no worker behind; workers that are killed hang no host."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.host_adapters.frei0r.clips import read_rgba, write_rgba
from tests.host_adapters.frei0r.processes import children, is_alive, wait_until

Host = subprocess.Popen[bytes]
_ENDLESS = "testsrc2=size=96x64:rate=25"
_RAW = ["-pix_fmt", "rgba", "-f", "rawvideo", "-"]
FFMPEG = ["ffmpeg", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", _ENDLESS, "-vf"]
HOSTS = {
    "ffmpeg": [*FFMPEG, "frei0r=filter_name=vdiff", *_RAW],
    "melt": ["melt", "-silent", "color:red", "out=100000", "-profile", "square_pal",
             "-attach", "frei0r.vdiff", "-consumer", "avformat:pipe:1", "f=rawvideo",
             "vcodec=rawvideo", "an=1", "real_time=-1", "width=96", "height=64"],
}  # fmt: skip


@contextmanager
def started(name: str) -> Iterator[tuple[Host, list[int]]]:
    """A host that has given its first frame, and its workers."""
    with subprocess.Popen(HOSTS[name], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as host:
        try:
            assert host.stdout is not None
            assert len(host.stdout.read(96 * 64)) == 96 * 64
            workers = children(host.pid)
            assert len(workers) == 1
            yield host, workers
        finally:
            host.kill()


@pytest.mark.ffmpeg
@pytest.mark.mlt
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, signal.SIGPIPE])
def test_a_killed_host_leaves_no_worker(hosted: Path, how: signal.Signals) -> None:
    """Twenty starts in all: with each signal five of ffmpeg, and two of melt or one."""
    for name in ["ffmpeg"] * 5 + ["melt"] * (1 if how == signal.SIGPIPE else 2):
        with started(name) as (host, workers):
            if how == signal.SIGPIPE:
                assert host.stdout is not None
                host.stdout.close()  # whoever reads the frames has gone
            else:
                host.send_signal(how)
            _drain(host)
            host.wait(20)
            assert wait_until(lambda pids=workers: not any(map(is_alive, pids)), 10)


def _drain(host: Host) -> None:
    """Read what is left, so that a host that wants to end its file can."""
    assert host.stdout is not None
    if not host.stdout.closed:
        while host.stdout.read(1 << 16):
            pass


def _kill_worker(folder: Path, *, strict: bool) -> tuple[int, str, Path]:
    clip, out = write_rgba(folder / "in.mkv", 40, (96, 64)), folder / "out.mkv"
    words = ["ffmpeg", "-nostdin", "-v", "error", "-re", "-i", clip]
    words += ["-vf", "frei0r=filter_name=vdiff", "-pix_fmt", "bgra", "-c:v", "ffv1", out]
    env = os.environ | {"VDIFF_FREI0R_STRICT": "1" if strict else "0"}
    with subprocess.Popen(words, env=env, stderr=subprocess.PIPE, text=True) as host:
        assert wait_until(lambda: bool(children(host.pid)))
        (worker,) = children(host.pid)
        time.sleep(1)  # frames are under way
        os.kill(worker, signal.SIGKILL)
        said = host.communicate(timeout=60)[1]
        assert wait_until(lambda: not is_alive(worker))
        return host.returncode, said, out


@pytest.mark.ffmpeg
def test_a_killed_worker_costs_a_frame(hosted: Path, tmp_path: Path) -> None:
    code, said, out = _kill_worker(tmp_path, strict=False)
    assert code == 0
    assert said == "vdiff: the worker ended unexpectedly\n"
    source, got = read_rgba(tmp_path / "in.mkv"), read_rgba(out)
    plain = [n for n, (a, b) in enumerate(zip(source, got, strict=True)) if (a == b).all()]
    assert len(plain) == 1  # the next one has a new worker, with all of its window


@pytest.mark.ffmpeg
def test_a_killed_worker_ends_a_strict_host(hosted: Path, tmp_path: Path) -> None:
    code, said, _ = _kill_worker(tmp_path, strict=True)
    assert code == 1
    assert said.startswith("vdiff: the worker ended unexpectedly\n")
