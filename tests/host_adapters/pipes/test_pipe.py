"""`vdiff pipe` as a process: bytes in, bytes out, and nothing else on stdout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from host_adapters.media import read_clip, write_video
from host_adapters.media.codecs import EncodeOptions
from host_adapters.media.shapes import write_shapes
from host_adapters.pipes.container import CONTAINERS
from host_adapters.pipes.y4m import Y4mReader
from tests.clips import write_clip
from tests.conftest import Vdiff
from tests.host_adapters.media.clips import Recipe, make, make_film
from tests.host_adapters.pipes.test_y4m import stream
from vdiff_plugin.settings import Settings

Pipe = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def pipe(tmp_path: Path) -> Pipe:
    def run(data: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            command(*words), input=data, capture_output=True, timeout=120, check=False
        )

    return run


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "vdiff_plugin", "pipe", *words]


@pytest.mark.parametrize("tag", ["420mpeg2", "444alpha", "mono10", "422p12"])
def test_strength_0_gives_the_stream_back(pipe: Pipe, tag: str) -> None:
    data = stream(tag, 33, 17, extra=" XCOLORRANGE=LIMITED")
    done = pipe(data, "--strength", "0")
    assert (done.returncode, done.stdout, done.stderr) == (0, data, b"")


def test_pixels_are_those_of_enhance(pipe: Pipe, vdiff: Vdiff, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=5)
    done = vdiff("enhance", clip, tmp_path / "out.mkv", "--codec", "ffv1", "--matrix", "bt709")
    assert done.returncode == 2  # enhance reads the matrix from the file
    assert vdiff("enhance", clip, tmp_path / "out.mkv", "--codec", "ffv1").returncode == 0
    piped = pipe(as_y4m(clip), "--matrix", "bt709")
    assert piped.returncode == 0, piped.stderr
    assert same_frames(piped.stdout, tmp_path / "out.mkv") == 5


def as_y4m(path: Path) -> bytes:
    frames = list(read_clip(path).frames())
    data = b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n"
    return data + b"".join(
        b"FRAME\n" + b"".join(plane.tobytes() for plane in frame.planes) for frame in frames
    )


def same_frames(y4m: bytes, path: Path) -> int:
    import io

    piped = [each.frame for each in Y4mReader(io.BytesIO(y4m)).frames()]
    filed = list(read_clip(path).frames())
    assert len(piped) == len(filed)
    for ours, theirs in zip(piped, filed, strict=True):
        for a, b in zip(ours.planes, theirs.planes, strict=True):
            np.testing.assert_array_equal(a, b)
    return len(piped)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12", "rgb24", "gray16le", "p010le"])
def test_raw_samples_of_any_layout(pipe: Pipe, pix_fmt: str) -> None:
    rng = np.random.default_rng(3)
    size = {"yuv420p": 96, "nv12": 96, "rgb24": 192, "gray16le": 128, "p010le": 192}[pix_fmt]
    data = rng.integers(0, 256, size * 3, np.uint8)
    if pix_fmt == "p010le":
        data.view("<u2")[:] &= 0xFFC0
    words = ("--format", "raw", "--size", "8x8", "--pix-fmt", pix_fmt, "--rate", "25")
    done = pipe(data.tobytes(), *words, "--strength", "0")
    assert (done.returncode, done.stdout) == (0, data.tobytes()), done.stderr


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "gray", "nv12"])
def test_raw_samples_become_y4m_at_a_rate(pipe: Pipe, pix_fmt: str) -> None:
    """The same stream as ffmpeg makes of the same samples, but for the tag of the siting."""
    size = {"yuv420p": 96, "nv12": 96, "yuv422p10le": 256, "gray": 64}[pix_fmt]
    data = np.random.default_rng(5).integers(0, 256, size * 2, np.uint8)
    data[1::2] &= 3 if pix_fmt.endswith("10le") else 255
    form = ("-f", "rawvideo", "-pix_fmt", pix_fmt, "-s", "8x8", "-r", "30000/1001", "-i", "-")
    to_planes = ("-pix_fmt", "yuv420p") if pix_fmt == "nv12" else ()
    theirs = subprocess.run(
        ["ffmpeg", "-v", "error", *form, *to_planes, "-f", "yuv4mpegpipe", "-strict", "-1", "-"],
        input=data.tobytes(),
        capture_output=True,
        check=True,
    ).stdout
    words = ("--format", "raw", "--size", "8x8", "--pix-fmt", pix_fmt, "--to", "y4m")
    done = pipe(data.tobytes(), *words, "--rate", "30000/1001", "--strength", "0")
    assert done.returncode == 0, done.stderr
    ours_head, ours = done.stdout.split(b"\n", 1)
    head, frames = theirs.split(b"\n", 1)
    assert ours == frames
    fields = {each[:1]: each for each in head.split(b" ")}
    got = {each[:1]: each for each in ours_head.split(b" ")}
    assert [got[name] for name in (b"W", b"H", b"F")] == [fields[n] for n in (b"W", b"H", b"F")]
    assert got[b"C"].replace(b"mpeg2", b"jpeg") == fields[b"C"]


def test_a_rate_replaces_that_of_y4m(pipe: Pipe) -> None:
    data = stream("420jpeg", 16, 8)
    done = pipe(data, "--rate", "50", "--strength", "0")
    assert done.stdout == re.sub(rb" F\d+:\d+ ", b" F50:1 ", data, count=1)
    assert done.stdout != data


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--format", "raw"), b"--size"),
        (("--format", "nut", "--rate", "25"), b"nut has times of its own; leave --rate out"),
        (("--rate", "0"), b"rate '0' is none; write it as 25"),
        (("--to", "nut"), b"y4m is not written as nut"),
        (("--format", "raw", "--size", "8", "--pix-fmt", "gray"), b"size '8'"),
        (("--format", "mp4"), b"no format 'mp4'; have matroska, nut, raw, y4m"),
        (("--matrix", "x"), b"no matrix 'x'"),
        (("--lookahead", "-1"), b"lookahead"),
    ],
)
def test_wrong_words(pipe: Pipe, words: tuple[str, ...], says: bytes) -> None:
    done = pipe(b"", *words)
    assert (done.returncode, done.stdout) == (2, b"")
    assert says in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_half_a_frame_is_an_error_after_the_whole_ones(pipe: Pipe) -> None:
    data = stream("420jpeg", 16, 8)
    done = pipe(data[:-1], "--strength", "0")
    assert done.returncode == 1
    assert done.stderr.startswith(b"vdiff: stdin: ends within frame 2;")
    assert data.startswith(done.stdout)


def vfr_nut(path: Path) -> Path:
    return make(path, codec="rawvideo", pts=[0, 3, 4, 9], time_base=_MS40, frames=4)


_MS40 = Recipe().time_base
CONTAINER_OF = {".nut": "nut", ".mkv": "matroska"}


def test_nut_carries_times(pipe: Pipe, tmp_path: Path) -> None:
    clip = vfr_nut(tmp_path / "in.nut")
    done = pipe(clip.read_bytes(), "--format", "nut", "--strength", "0")
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out.nut"
    out.write_bytes(done.stdout)
    assert moments(out) == moments(clip)
    assert list(read_clip(out).frames())[2].key == list(read_clip(clip).frames())[2].key


def shaped_film(path: Path) -> Path:
    """Pixels of 16:11, and a time base and sound that a pipe has to keep as well."""
    make_film(path, video=Recipe(codec=CONTAINERS[CONTAINER_OF[path.suffix]]))
    assert write_shapes(path, CONTAINER_OF[path.suffix], {0: Fraction(16, 11)}) == {}
    return path


@pytest.mark.parametrize("suffix", [".nut", ".mkv"])
def test_a_container_keeps_the_shape_of_pixels(pipe: Pipe, tmp_path: Path, suffix: str) -> None:
    film, out = shaped_film(tmp_path / f"in{suffix}"), tmp_path / f"out{suffix}"
    done = pipe(film.read_bytes(), "--format", CONTAINER_OF[suffix], "--strength", "0")
    assert (done.returncode, done.stderr) == (0, b"")
    out.write_bytes(done.stdout)
    with av.open(str(out)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 11)
    assert moments(out) == moments(film)
    assert sound(out) == sound(film)


def test_a_shaped_pipe_that_breaks_ends_quietly(tmp_path: Path) -> None:
    film = shaped_film(tmp_path / "in.nut")
    with (
        film.open("rb") as source,
        subprocess.Popen(
            command("--format", "nut", "--strength", "0"),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_container_keeps_colours_and_sound(pipe: Pipe, tmp_path: Path) -> None:
    tags = {"colorspace": 9, "color_primaries": 9, "color_trc": 16, "color_range": 1}
    film = make_film(
        tmp_path / "in.mkv", video=Recipe(codec="ffv1", pix_fmt="yuv420p10le", tags=tags)
    )
    done = pipe(film.read_bytes(), "--format", "matroska", "--strength", "0")
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out.mkv"
    out.write_bytes(done.stdout)
    assert moments(out) == moments(film)
    assert read_clip(out).source.tags == read_clip(film).source.tags
    assert sound(out) == sound(film)


def moments(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [round(each.time or 0.0, 6) for each in container.decode(video=0)]


def sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(each) for each in container.demux(audio=0) if each.size]


def test_a_broken_pipe_ends_quietly() -> None:
    with subprocess.Popen(
        command("--strength", "0"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        feeder = threading.Thread(target=feed_until_refused, args=(process.stdin,))
        feeder.start()
        assert process.stdout.read(40).startswith(b"YUV4MPEG2")
        process.stdout.close()
        assert process.stderr.read() == b""
        feeder.join(60)
        assert not feeder.is_alive()


def feed_until_refused(stdin: Any) -> None:
    try:
        data = stream("420jpeg", 320, 240, frames=30)
        for _ in range(40):
            stdin.write(data if not _ else data.split(b"\n", 1)[1])
        stdin.close()
    except BrokenPipeError:
        return


@pytest.mark.parametrize(("lookahead", "delay"), [(0, 0), (1, 1), (9, 2)])
def test_live_delay_in_frames(lookahead: int, delay: int) -> None:
    """Frame n must come out when frame n + delay has gone in, the next not being sent before."""
    data = stream("420jpeg", 64, 48, frames=6)
    header, rest = data.split(b"\n", 1)
    size = len(rest) // 6
    with subprocess.Popen(
        command("--lookahead", str(lookahead)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(header + b"\n")
        for n in range(6):
            process.stdin.write(rest[n * size : (n + 1) * size])
            process.stdin.flush()
            if n == delay:
                assert process.stdout.readline() == header + b"\n"
            if n >= delay:
                assert read_in_time(process.stdout, size).startswith(b"FRAME\n")
        process.stdin.close()
        assert len(process.stdout.read()) == delay * size


def read_in_time(source: Any, size: int) -> bytes:
    """`size` bytes; killed by pytest's own timeout where they never come."""
    return bytes(source.read(size))


def test_live_pixels_depend_on_earlier_frames_alone(pipe: Pipe, tmp_path: Path) -> None:
    """Whatever comes later, what came out stays: no frame of the future was looked at."""
    data = as_y4m(write_clip(tmp_path / "in.mkv", frames=5))
    cut = len(data) - (len(data) - data.index(b"\n") - 1) // 5
    whole, shorter = pipe(data, "--lookahead", "0"), pipe(data[:cut], "--lookahead", "0")
    assert whole.returncode == shorter.returncode == 0, whole.stderr
    assert whole.stdout.startswith(shorter.stdout)
    assert whole.stdout != pipe(data).stdout


def test_stdout_is_given_back(tmp_path: Path) -> None:
    """What prints to descriptor 1 while frames flow lands on stderr."""
    code = (
        "import os\nfrom host_adapters.pipes.stdio import frames_only\n"
        "with frames_only() as out:\n os.write(1, b'noise'); out.write(b'frames')\n"
        "os.write(1, b'!')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"frames!", b"noise")


def test_settings_hold_the_lookahead(tmp_path: Path) -> None:
    config = tmp_path / "live.toml"
    config.write_text("lookahead = 0\nstrength = 0.5\n")
    assert Settings.from_toml(config).lookahead == 0
    assert os.environ.get("PATH")
    assert EncodeOptions().codec is None
    assert write_video
