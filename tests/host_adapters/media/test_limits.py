"""The whole job under a real limit of memory: smaller steps, the same pixels."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import psutil
import pytest

from host_adapters.media import EncodeOptions, enhance
from host_adapters.media.decode import _decode
from tests.clips import count_frames, write_clip
from vdiff_plugin.errors import ResourceError
from vdiff_plugin.settings import Settings

MB = 10**6
FRAMES = 8
_4_GB = 2**32
# Limits the process to `room` bytes on top of what it took to start; of data rather than of
# addresses, because libav and glibc reserve addresses that they never use.
LIMITED = """
import resource, sys
import av, cv2, psutil
from vdiff_plugin.cli import main
used = psutil.Process().memory_info().data
room, *words = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_DATA, (used + int(room),) * 2)
sys.exit(main.run(words))
"""
# The same before OpenCV and libav are loaded, of which the first crashed for want of memory.
NARROW = LIMITED.replace("import av, cv2, psutil", "import psutil")
# As on a machine that has so many bytes free; prints the most that were really used.
SMALL_MACHINE = """
import re, sys
from pathlib import Path
from types import SimpleNamespace
from vdiff_plugin import memory
from vdiff_plugin.cli import main
room, *words = sys.argv[1:]
memory.psutil.virtual_memory = lambda: SimpleNamespace(available=int(room))
code = main.run(words)
status = Path("/proc/self/status").read_text()
print(1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]))
sys.exit(code)
"""

pytestmark = pytest.mark.skipif(not psutil.LINUX, reason="others do not enforce RLIMIT_DATA")


def enhance_within(room: int, path_in: Path, path_out: Path, *words: str) -> str:
    """What `vdiff enhance -v` says when it may take `room` bytes more than at its start."""
    return run(LIMITED, str(room), "enhance", path_in, path_out, "-v", *words).stderr


def run(program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """A Python program in a process of its own, which must succeed."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def packets(path: Path) -> list[bytes]:
    """What the encoder gave, byte for byte."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0)]


def is_tiled(said: str) -> bool:
    """Whether `-v` told of tiles smaller than the picture of 960x544."""
    tile = re.search(r"960x544 in tiles of (\d+)", said)
    return tile is not None and int(tile[1]) < 544


def test_a_clip_comes_out_the_same_with_little_memory(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", FRAMES, (960, 544))
    free, tight = tmp_path / "free.mkv", tmp_path / "tight.mkv"
    enhance(clip, free, settings=Settings.of(), encode=EncodeOptions(codec="ffv1"))
    assert is_tiled(enhance_within(200 * MB, clip, tight, "--codec", "ffv1"))
    assert packets(tight) == packets(free)


def test_encoders_are_told_the_same_on_a_small_machine(tmp_path: Path) -> None:
    """What they look ahead at goes by the picture's size, not by the memory that is free."""
    clip = write_clip(tmp_path / "in.mkv", FRAMES, (960, 544))
    free, tight = tmp_path / "free.mkv", tmp_path / "tight.mkv"
    settings = Settings.of(task="upscale2x")
    enhance(clip, free, settings=settings, encode=EncodeOptions(codec="libx264"))
    words = ("--task", "upscale2x", "--codec", "libx264", "-v")
    done = run(SMALL_MACHINE, str(200 * MB), "enhance", clip, tight, *words)
    assert is_tiled(done.stderr)
    assert packets(tight) == packets(free)


@pytest.mark.parametrize("room", [20, 60, 100, 150, 200])
def test_far_too_little_memory_is_no_crash(tmp_path: Path, room: int) -> None:
    clip = write_clip(tmp_path / "in.mkv", 2, (1280, 720))
    words = ("enhance", clip, tmp_path / "out.mkv", "--codec", "ffv1", "--progress", "none")
    done = subprocess.run(
        [sys.executable, "-c", NARROW, str(room * MB), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    assert done.returncode == 0 or done.stderr.splitlines()[-1].startswith("vdiff: ")


def test_a_decoder_that_cannot_start_is_no_damage() -> None:
    def fail(_: object) -> None:
        raise av.BlockingIOError(errno.EAGAIN, "avcodec_open2")

    decoder: Any = SimpleNamespace(is_open=False, decode=fail)
    with pytest.raises(ResourceError, match="not enough memory to start a decoder"):
        _decode(decoder, None)
    decoder.is_open = True
    assert _decode(decoder, None) is None


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("codec", ["ffv1", "libx264"])
@pytest.mark.parametrize("preset", ["fast", "quality"])
def test_8k_goes_through_4_gb(tmp_path: Path, preset: str, codec: str) -> None:
    clip = write_clip(tmp_path / "in.mkv", 2 * FRAMES, (7680, 4320), "libx264")
    out = tmp_path / "out.mkv"
    words = ("--preset", preset, "--codec", codec, "--progress", "none")
    done = run(SMALL_MACHINE, str(_4_GB - 600 * MB), "enhance", clip, out, *words)
    assert int(done.stdout) < _4_GB
    assert count_frames(out) == 2 * FRAMES
