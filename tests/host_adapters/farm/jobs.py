"""Jobs for tests: clips, a temporal stage installed as a real plug-in, and comparing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from host_adapters.farm.opened import OpenJob
from host_adapters.farm.run import finish, run, serial
from host_adapters.media import EncodeOptions, enhance, read_clip
from vdiff_plugin.engine import Engine
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.settings import Settings

CHUNKS = 4  # of the film, at 6 frames each
LOSSLESS = EncodeOptions(codec="ffv1")
MEAN = Settings.of(stages=("mean:radius=2",))
TEMPORAL = ("--stages", "smear", "--codec", "ffv1")

# A plug-in like anybody's: it smears each frame with its neighbours. VDIFF_TEST_SMEAR says
# what goes wrong: `slow=SECONDS`, `raise=N` or `kill=N`, separated by commas.
_PLUGIN = """
import os
import signal
import time

import numpy as np
import vdiff_plugin as vdiff


@vdiff.hookimpl
def vdiff_stages():
    return {"smear": Smear}


class Smear:
    radius = 2
    fingerprint = b"smear/1"

    def __init__(self, clip, settings, options, services):
        self.clip = clip
        words = os.environ.get("VDIFF_TEST_SMEAR", "")
        self.wrong = dict(part.split("=") for part in words.split(",") if part)

    def render(self, window):
        time.sleep(float(self.wrong.get("slow", 0)))
        if self.wrong.get("raise") == str(window.n):
            raise ArithmeticError("a poisonous frame")
        if self.wrong.get("kill") == str(window.n):
            os.kill(os.getpid(), signal.SIGKILL)
        frames = [frame for frame in window.frames if frame is not None]
        planes = zip(*(frame.planes for frame in frames))
        return vdiff.Frame(tuple(
            (sum(p.astype(np.int64) for p in each) // len(each)).astype(each[0].dtype)
            for each in planes
        ))

    def close(self):
        pass
"""


def install_smear(folder: Path) -> Path:
    """Put the plug-in where a Python that has `folder` on its path finds it installed."""
    about = folder / "vdiff_smear-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "vdiff_smear.py").write_text(_PLUGIN)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: vdiff-smear\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[vdiff]\nsmear = vdiff_smear\n")
    return folder


class Program:
    """The real `vdiff`, with the plug-in, in processes of their own.

    Args:
        folder: they work here.
        plugins: on their path.
    """

    def __init__(self, folder: Path, plugins: Path) -> None:
        self.folder = folder
        self.plugins = plugins
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *words: str | Path, wrong: str = "") -> subprocess.Popen[str]:
        return self.python("-m", "vdiff_plugin", *words, wrong=wrong)

    def python(self, *words: str | Path, wrong: str = "") -> subprocess.Popen[str]:
        path = os.pathsep.join(filter(None, [str(self.plugins), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(
            [sys.executable, *map(str, words)],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": path, "VDIFF_TEST_SMEAR": wrong},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def end(self) -> None:
        """Leave nothing running, and no pipe open, when a test has failed."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            if process.stdout and not process.stdout.closed:
                process.communicate()

    def __call__(self, *words: str | Path, wrong: str = "") -> subprocess.CompletedProcess[str]:
        process = self.start(*words, wrong=wrong)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def good(self, *words: str | Path) -> str:
        done = self(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout


def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for something to become true, and give it back."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
    return found


def content(path: Path) -> dict[str, Any]:
    """All that must be equal of two outputs: samples, times, and every other packet."""
    with av.open(str(path)) as container:
        numbers = [each.index for each in container.streams if each.type != "video"]
        others: dict[int, list[Any]] = {number: [] for number in numbers}
        for packet in container.demux():
            if packet.size and packet.stream_index in others:
                others[packet.stream_index].append((packet.pts, packet.duration, bytes(packet)))
    clip = read_clip(path)
    pictures = list(clip.pictures())
    return {
        "info": clip.info,
        "tags": clip.source.tags,
        "times": [(Fraction(p.pts) * clip.source.time_base, p.duration) for p in pictures],
        "frames": [p.frame.key for p in pictures],
        "others": others,
    }


def states(folder: JobFolder) -> Mapping[str, int]:
    """How many files of each kind lie among the chunks."""
    names = [each.name for each in folder.chunks.iterdir()]
    return {
        "records": sum(n.endswith(".json") and not n.startswith(".") for n in names),
        "files": sum(n.endswith(".nut") and not n.startswith(".") for n in names),
        "partial": sum(n.startswith(".") for n in names),
    }


def resumed(folder: JobFolder, engine: Engine) -> None:
    """Run the job to its end, and compare with one that nothing happened to."""
    with OpenJob(folder, engine=engine) as job, folder.lock():
        finish(job, run(job, serial(job)))
    require_undisturbed(folder, engine)


def require_undisturbed(folder: JobFolder, engine: Engine) -> None:
    source, out = Path(folder.manifest.source.path), Path(folder.manifest.out)
    whole = out.with_name("whole.mkv")
    enhance(source, whole, settings=MEAN, encode=LOSSLESS, engine=engine)
    assert content(out) == content(whole)
