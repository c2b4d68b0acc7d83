"""Real scripts through the real `vspipe`."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

vs = pytest.importorskip("vapoursynth")

from host_adapters.media import read_clip
from tests.clips import write_clip
from tests.host_adapters.vapoursynth.clips import (
    environment,
    hash_of,
    hashes_of,
    program,
    vspipe,
)
from vdiff_plugin.engine import open_clip
from vdiff_plugin.settings import Settings

pytestmark = [pytest.mark.vapoursynth, pytest.mark.timeout(120)]

LENGTH = 9
SIZE = (64, 48)
JOB = """\
import vapoursynth as vs
from host_adapters.vapoursynth import vdiff
{before}
clip = vs.core.bs.VideoSource("in.mkv", cachemode=0)
clip = vdiff(clip, {keywords})
clip.set_output()
"""


def _job(keywords: str = "", before: str = "") -> str:
    return JOB.format(keywords=keywords, before=before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("vspipe")
    write_clip(made / "in.mkv", frames=LENGTH, size=SIZE)
    return made


@pytest.fixture(scope="module")
def expected(folder: Path) -> list[str]:
    clip = read_clip(folder / "in.mkv")
    frames = dict(enumerate(clip.frames()))
    with open_clip(clip.info, Settings.of()) as session:
        return hashes_of(session.render(n, frames) for n in frames)


def _raw(stdout: bytes) -> list[str]:
    """Hashes of the frames of a raw 4:2:0 stream."""
    width, height = SIZE
    shapes = [(height, width), (height // 2, width // 2), (height // 2, width // 2)]
    sizes = [rows * columns for rows, columns in shapes]
    assert len(stdout) % sum(sizes) == 0
    frames = np.frombuffer(stdout, np.uint8).reshape(-1, sum(sizes))
    return [
        hash_of([part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)])
        for parts in (np.split(frame, np.cumsum(sizes)[:-1]) for frame in frames)
    ]


@pytest.mark.parametrize("requests", ["1", "2", "8"])
@pytest.mark.parametrize("threads", [1, 4])
def test_any_requests_and_threads(
    requests: str, threads: int, folder: Path, expected: list[str]
) -> None:
    done = vspipe(folder, _job(before=f"vs.core.num_threads = {threads}"), "-r", requests)
    assert done.returncode == 0, done.stderr
    assert _raw(done.stdout) == expected


@pytest.mark.parametrize(("start", "end"), [(0, 0), (3, 5), (4, 8), (8, 8)])
def test_a_stretch_of_it(start: int, end: int, folder: Path, expected: list[str]) -> None:
    done = vspipe(folder, _job(), "-s", str(start), "-e", str(end))
    assert done.returncode == 0, done.stderr
    assert _raw(done.stdout) == expected[start : end + 1]


def test_arguments_of_vspipe_are_texts(folder: Path) -> None:
    job = _job("strength=strength, tile=tile, noise=noise")
    done = vspipe(folder, job, "-a", "strength=0.5", "-a", "tile=32", "-a", "noise=4")
    numbers = vspipe(folder, _job("strength=0.5, tile=32, noise=4.0"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == numbers.stdout


def test_properties_reach_its_json(folder: Path) -> None:
    done = vspipe(folder, _job(), "-e", "0", "-j", "props.json")
    assert done.returncode == 0, done.stderr
    (props,) = json.loads((folder / "props.json").read_text())
    assert (props["_Matrix"], props["_Range"]) == (1, 0)
    assert "vdiff_key" not in props


@pytest.mark.slow
def test_tensorflow_writes_nothing_into_the_frames(folder: Path, expected: list[str]) -> None:
    done = vspipe(folder, _job('backend="keras"'))
    assert done.returncode == 0, done.stderr
    assert _raw(done.stdout) == expected


@pytest.mark.parametrize(
    ("keywords", "line"),
    [
        ('preset="huge"', "vdiff: no preset 'huge' for task restore; have best, fast, quality"),
        ("mask=clip", "vdiff: mask is a clip of YUV420P8; give a GRAY clip of 64x48 and 9 frames"),
    ],
)
def test_an_error_of_the_script_is_one_clear_line(keywords: str, line: str, folder: Path) -> None:
    done = vspipe(folder, _job(keywords))
    assert done.returncode == 1
    assert done.stdout == b""
    text = done.stderr.decode()
    assert f"Python exception: {line}\n" in text
    assert 'File "job.vpy", line 5' in text  # where, which VapourSynth always says
    assert "During handling" not in text


def test_an_error_of_a_frame_is_one_clear_line_and_no_traceback(folder: Path) -> None:
    job = _job(before="").replace(
        "clip = vdiff", "clip = clip[:5] + clip[5:].std.SetFieldBased(1)\nclip = vdiff"
    )
    done = vspipe(folder, job)
    assert done.returncode == 1
    text = done.stderr.decode()
    assert re.search(
        r"^vapoursynth\.Error: vdiff: frame 5 is interlaced; deinterlace .*$", text, re.M
    )
    assert "Traceback" not in text


def test_the_engine_is_closed_with_the_script(folder: Path) -> None:
    watch = """\
import sys
from vdiff_plugin.engine import Engine
def closing(self, close=Engine.close, sys=sys):  # names of the script are gone by then
    close(self)
    print("closed with", self.cache.statistics.bytes, "bytes", file=sys.stderr)
Engine.close = closing
"""
    second = "clip = vdiff(clip, strength=0.5)\nclip.set_output()"
    done = vspipe(folder, _job(before=watch).replace("clip.set_output()", second))
    assert done.returncode == 0, done.stderr
    assert done.stderr.decode().count("closed with 0 bytes") == 1


@pytest.mark.ffmpeg
def test_through_a_pipe_into_ffmpeg(folder: Path, expected: list[str]) -> None:
    (folder / "piped.vpy").write_text(_job(), encoding="utf-8")
    line = f"'{program('vspipe')}' -c y4m piped.vpy - | ffmpeg -v error -i - -y -c:v ffv1 out.mkv"
    done = _shell(line, folder)
    assert done.returncode == 0, done.stderr
    clip = read_clip(folder / "out.mkv")
    assert hashes_of(clip.frames()) == expected


def test_through_a_pipe_into_vdiff_pipe(folder: Path, expected: list[str]) -> None:
    commands = subprocess.run(
        [program("vdiff"), "--help"], capture_output=True, text=True, check=True
    )
    if not re.search(r"^\W*pipe\b", commands.stdout, re.M):
        pytest.skip("there is no command `vdiff pipe` yet")
    (folder / "piped.vpy").write_text(_job("strength=0"), encoding="utf-8")
    line = f"'{program('vspipe')}' -c y4m piped.vpy - | '{program('vdiff')}' pipe > out.y4m"
    done = _shell(line, folder)
    assert done.returncode == 0, done.stderr
    header, *frames = (folder / "out.y4m").read_bytes().split(b"FRAME\n")
    assert header.startswith(b"YUV4MPEG2")
    assert _raw(b"".join(frames)) == expected


def _shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
