"""VapourSynth: our filter beside the core's own loop and beside other filters.

python -m tests.benchmarks.vapoursynth [--size 1280x720] [--frames N] [--runs N] [--only NAME]

Everything runs in `vspipe`, each job in a process of its own. The other filters come from
PyPI: vapoursynth-bm3d, vapoursynth-nlm-ispc, vapoursynth-mvtools, vapoursynth-dfttest2-cpu
with dfttest2. What is not installed is left out, and said.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from host_adapters.media import EncodeOptions, read_clip, write_video
from tests.benchmarks.footage import noisy_clip
from tests.benchmarks.machine import describe, load
from tests.benchmarks.tables import Row, print_table
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import Frame
from vdiff_plugin.plugins import load_offers
from vdiff_plugin.settings import Settings
from vdiff_plugin.stream import render_clip

_SIGMA = 10.0  # 8-bit codes of the noise that filters are compared on
_SCORED = 12  # frames that PSNR is taken from
_HEAD = """\
import vapoursynth as vs
core = vs.core
clip = core.bs.VideoSource({path!r}, cachemode=0, cachesize=8)
"""
_TAIL = "\nclip.set_output()\n"
_OURS = "from host_adapters.vapoursynth import vdiff\nclip = vdiff(clip, {keywords})"
_PEAK = """
def report(_open=open, _sys=__import__("sys")):
    with _open("/proc/self/status") as status:
        peak = next(line for line in status if line.startswith("VmHWM"))
    _sys.stderr.write("peak " + peak.split()[1] + " kB\\n")
vs.register_on_destroy(report)
"""

# Other filters, as functions of tests.benchmarks.peers.nodes, with the variant and the
# strengths that are tried; the best by PSNR counts.
_PEERS = {
    "VBM3D, r=2 (vapoursynth-bm3d)": ("vbm3d", "", (14.0, 20.0, 28.0)),
    "NLMeans, d=1 (vapoursynth-nlm-ispc)": ("nlm", "1", (8.0, 12.0, 18.0)),
    "Degrain2 (vapoursynth-mvtools)": ("degrain2", "8", (800, 1600, 4000)),
    "DFTTest, 3 frames (vapoursynth-dfttest2-cpu)": ("dfttest", "3", (128.0, 256.0, 512.0)),
}
_PEER = """\
from tests.benchmarks.peers.nodes import {function}
clip = {function}(clip, ({{strength}}, {{strength}}), {variant!r})
"""


class Bench:
    """One session of measuring.

    Args:
        folder: for clips and scripts.
        size: width and height of the clips that are restored.
        frames: length of them.
        runs: repetitions; medians are reported.
    """

    def __init__(self, folder: Path, size: tuple[int, int], frames: int, runs: int) -> None:
        self.folder = folder
        self.size = size
        self.frames = frames
        self.times = range(runs)
        self.presets = [one.preset for one in load_offers().weights if one.task == "restore"]

    def loop(self) -> Iterator[Row]:
        """Frames a second in vspipe against those of the core's loop, one after the other."""
        clip = noisy_clip(self.folder / "loop.mkv", *self.size, self.frames)
        yield f"{_words(self.size)}, decode and restore", "core loop fps", "vspipe fps", "ratio"
        for name in self.presets:
            ours = _OURS.format(keywords=f"preset={name!r}")
            both = [(self._core_fps(clip, name), self._fps(clip, ours)) for _ in self.times]
            core, pipe = (statistics.median(each) for each in zip(*both, strict=True))
            yield f"`{name}`", f"{core:.2f}", f"{pipe:.2f}", f"{pipe / core:.2f}"

    def through(self) -> Iterator[Row]:
        """Milliseconds that the adapter adds to a frame that it passes on."""
        yield "1920x1080 YUV420P10", "ms a frame without", "with strength 0", "added"
        blank = (
            "clip = core.std.BlankClip(width=1920, height=1080, format=vs.YUV420P10, length=600,"
            " keep=True)"
        )
        scripts = blank, f"{blank}\n{_OURS.format(keywords='strength=0')}"
        found = [[1000 / self._fps(None, script) for _ in self.times] for script in scripts]
        without, added = (statistics.median(each) for each in found)
        yield "pass-through", f"{without:.2f}", f"{added:.2f}", f"{added - without:.2f}"

    def peers(self) -> Iterator[Row]:
        """Frames a second and PSNR of filters on one clip."""
        clean, noisy = self._pair()
        title = f"{_words(self.size)}, noise of sigma {_SIGMA:g}"
        yield title, "fps", "PSNR luma, dB", "PSNR chroma, dB", "strength"
        yield "the noisy clip", "", *_scores(clean, read_clip(noisy).frames(0, _SCORED - 1)), ""
        for name in self.presets:
            yield self._row(f"vdiff `{name}`", _OURS, [f"preset={name!r}"], clean, noisy)
        for name, (function, variant, strengths) in _PEERS.items():
            script = _PEER.format(function=function, variant=variant)
            yield self._row(name, script, strengths, clean, noisy)

    def memory(self) -> Iterator[Row]:
        """Peak resident memory of vspipe, over a shorter and a longer clip."""
        yield "320x180, `fast`", "frames", "peak GB"
        for frames in (500, 2000):  # by 500 the cache is full
            clip = noisy_clip(self.folder / f"{frames}.mkv", 320, 180, frames)
            text = self._run(clip, _OURS.format(keywords="cache='64M'") + _PEAK)
            yield "vspipe", str(frames), f"{int(_found(r'peak (\d+) kB', text)) / 1e6:.3f}"

    def _row(
        self, name: str, script: str, strengths: Sequence[object], clean: list[Frame], noisy: Path
    ) -> Row:
        try:
            tried = [self._score(script, strength, clean, noisy) for strength in strengths]
        except _AbsentError as error:
            return name, f"left out: {error}", "", "", ""
        luma, chroma, best = max(tried, key=lambda each: float(each[0]))
        filled = _filled(script, best)
        fps = statistics.median(self._fps(noisy, filled) for _ in self.times)
        return name, f"{fps:.2f}", luma, chroma, "" if script is _OURS else str(best)

    def _score(
        self, script: str, strength: object, clean: list[Frame], noisy: Path
    ) -> tuple[str, str, object]:
        out = self.folder / "scored.raw"
        self._run(noisy, _filled(script, strength), "-e", str(_SCORED - 1), target=out)
        shapes = [plane.shape for plane in clean[0].planes]
        sizes = [height * width for height, width in shapes]
        data = np.fromfile(out, np.uint8).reshape(_SCORED, sum(sizes))
        frames = [
            Frame(
                tuple(
                    part.reshape(shape)
                    for part, shape in zip(
                        np.split(row, np.cumsum(sizes)[:-1]), shapes, strict=True
                    )
                )
            )
            for row in data
        ]
        return *_scores(clean, frames), strength

    def _pair(self) -> tuple[list[Frame], Path]:
        """Clean frames, and a lossless file of them with noise."""
        scene = Scene(width=self.size[0], height=self.size[1], length=self.frames)
        path = self.folder / "noisy.mkv"
        drawn = min(24, self.frames)
        noisy = [scene.noisy(n, _SIGMA) for n in range(drawn)]
        there_and_back = noisy + noisy[-2:0:-1]
        frames = (there_and_back[n % len(there_and_back)] for n in range(self.frames))
        write_video(frames, path, clip=scene.clip, encode=EncodeOptions(codec="ffv1"))
        return [scene.clean(n) for n in range(_SCORED)], path

    def _core_fps(self, path: Path, preset: str) -> float:
        clip = read_clip(path)
        settings = Settings.of(preset=preset)
        with Engine() as engine, engine.open(clip.info, settings) as session:
            start = time.perf_counter()
            count = sum(1 for _ in render_clip(session, clip.frames()))
            return count / (time.perf_counter() - start)

    def _fps(self, path: Path | None, script: str) -> float:
        return float(_found(r"\(([\d.]+) fps\)", self._run(path, script)))

    def _run(self, path: Path | None, script: str, *words: str, target: Path | str = "--") -> str:
        head = (
            _HEAD.format(path=str(path)) if path else "import vapoursynth as vs\ncore = vs.core\n"
        )
        job = self.folder / "job.vpy"
        job.write_text(f"{head}{script}{_TAIL}", encoding="utf-8")
        done = subprocess.run(
            [_vspipe(), *words, str(job), str(target)],
            env=os.environ | _environment(self.folder),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise _AbsentError(_reason(done.stderr))
        return done.stderr


class _AbsentError(Exception):
    """A filter that is not installed, or does not run here."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.vapoursynth")
    parser.add_argument("--size", default="1280x720", help="of the clips (default 1280x720)")
    parser.add_argument("--frames", type=int, default=80, help="length (default 80)")
    parser.add_argument("--runs", type=int, default=3, help="repetitions (default 3)")
    parser.add_argument("--only", help="one table: loop, through, peers or memory")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    print(f"{describe()}; {load()} at the start; medians of {given.runs} runs.\n")
    with tempfile.TemporaryDirectory(prefix="vdiff-bench-") as folder:
        bench = Bench(Path(folder), (width, height), given.frames, given.runs)
        for table in (bench.loop, bench.through, bench.peers, bench.memory):
            if given.only in (None, table.__name__):
                print_table(table())


def _filled(script: str, strength: object) -> str:
    return script.format(strength=strength, keywords=strength)


def _scores(clean: Sequence[Frame], frames: Iterator[Frame] | Sequence[Frame]) -> tuple[str, str]:
    """PSNR of luma and of both chroma planes, over all frames."""
    errors: list[list[float]] = [[], []]
    for before, after in zip(clean, frames, strict=True):
        for index, (was, now) in enumerate(zip(before.planes, after.planes, strict=True)):
            difference = was.astype(np.float64) - now
            errors[min(index, 1)].append(float((difference**2).mean()))
    luma, chroma = (10 * np.log10(255**2 / np.mean(each)) for each in errors)
    return f"{luma:.2f}", f"{chroma:.2f}"


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"vspipe said nothing of {pattern!r}:\n{text}")
    return found[1]


def _reason(text: str) -> str:
    lines = [line for line in text.splitlines() if "Error" in line or "exception" in line]
    return lines[-1].strip() if lines else text.strip()[-200:]


def _vspipe() -> str:
    found = shutil.which("vspipe", path=_environment(Path())["PATH"])
    if found is None:
        raise SystemExit("no vspipe; pip install 'vdiff-plugin[vapoursynth]'")
    return found


def _environment(folder: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        "PATH": path,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }


def _words(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


if __name__ == "__main__":
    main()
