"""Speed and memory of this machine, as Markdown tables for docs/benchmarks.md.

python -m tests.benchmarks.speed [--long] [--runs N] [--only NAME]
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from host_adapters.media import EncodeOptions, enhance, read_clip, write_video
from tests.benchmarks.footage import noisy_clip
from tests.benchmarks.machine import describe, load
from tests.benchmarks.memory import peak
from tests.benchmarks.tables import Row, print_table
from vdiff_plugin.builtin.keras_backend import KerasBackend
from vdiff_plugin.cli.profiling import ProfiledEngine, seconds_by_name
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.model.presets import Architecture
from vdiff_plugin.model.shapes import arithmetic
from vdiff_plugin.model.weights import load_weights
from vdiff_plugin.plugins import load_offers
from vdiff_plugin.settings import Settings

_HD, _FULL_HD = (1280, 720), (1920, 1080)
_WARM_UP = 16  # frames of a run that are not timed: tracing, caches, threads starting
_WINDOW = 5  # frames that one depends on
_SIDE = 2048
_TABLES = ("start_up", "files", "files_1080p", "stages", "roof", "memory")  # of `Bench`
_LOSSLESS = EncodeOptions(codec="ffv1")
_QUICK = EncodeOptions(codec="utvideo")  # as lossless, a quarter larger, a sixth of the time
_RAW = EncodeOptions(codec="rawvideo")  # as good as no encoder


class Bench:
    """One session of measuring.

    Args:
        folder: for clips.
        runs: repetitions; medians are reported.
        long: also take what needs 1,000 frames.
    """

    def __init__(self, folder: Path, runs: int, *, long: bool) -> None:
        self.folder = folder
        self.times = range(runs)
        self.long = long
        self.presets = [one.preset for one in load_offers().weights if one.task == "restore"]

    def start_up(self) -> Iterator[Row]:
        """Seconds until `vdiff --help` has ended, and a job that is little but its first frame."""
        yield "command", "median s", "least s"
        command = [sys.executable, "-m", "vdiff_plugin", "--help"]
        yield "`vdiff --help`", *self._starts(command)
        clip = noisy_clip(self.folder / "short.mkv", *_HD, _WINDOW)
        for name in self.presets:
            words = ["enhance", str(clip), str(self.folder / "short-out.mkv"), "--preset", name]
            command = [sys.executable, "-m", "vdiff_plugin", *words, "--codec", "ffv1", "-y"]
            what = f"`vdiff enhance --preset {name}` of {_WINDOW} frames of 720p, from start to end"
            yield what, *self._starts(command)

    def files(self) -> Iterator[Row]:
        """Frames a second of whole jobs: decode, render, encode without loss."""
        yield from self._files(_HD)

    def files_1080p(self) -> Iterator[Row]:
        """The same in 1080p."""
        yield from self._files(_FULL_HD)

    def _files(self, size: tuple[int, int]) -> Iterator[Row]:
        width, height = size
        clip = noisy_clip(self.folder / f"{height}p.mkv", width, height, _WARM_UP + 64)
        what = f"{width}x{height}, 8-bit 4:2:0, H.264 to FFV1"
        yield what, "fps", "lowest", "ms a frame", "to decode", "cores busy"
        decode = statistics.median(_decode_fps(clip) for _ in self.times)
        yield "decode alone", *_fps([decode]), f"{1:.2f}", ""
        jobs = [
            ("pass-through (strength 0), to raw video", Settings.of(strength=0), _RAW),
            ("pass-through (strength 0)", Settings.of(strength=0), _LOSSLESS),
        ]
        for name in self.presets:
            jobs.append((f"`{name}`", Settings.of(preset=name), _LOSSLESS))
            jobs.append((f"`{name}`, to Ut Video", Settings.of(preset=name), _QUICK))
        jobs += [
            (f"`{name}`, {gpu}", Settings.of(preset=name, device=gpu), _LOSSLESS)
            for gpu in KerasBackend().devices()[1:]
            for name in self.presets
        ]
        for name, settings, encode in jobs:
            with Engine() as engine:
                found = [self._enhance_fps(clip, settings, encode, engine) for _ in self.times]
            fps, busy = zip(*found, strict=True)
            share = f"{statistics.median(fps) / decode:.3f}"
            yield name, *_fps(fps), share, f"{statistics.median(busy):.0%}"

    def stages(self) -> Iterator[Row]:
        """Milliseconds of one frame by what they are spent on, in one thread."""
        clip = noisy_clip(self.folder / "720p.mkv", *_HD, _WARM_UP + 64)
        yield "one thread, 1280x720", "preset", "ms a frame", "share"
        for name in self.presets:
            spent = self._stage_times(clip, Settings.of(preset=name))
            total = sum(spent.values())
            for what, ms in spent.items():
                yield what, name, f"{ms:.1f}", f"{ms / total:.0%}"

    def roof(self) -> Iterator[Row]:
        """The network's multiply-adds a second on one core, beside what the core can do."""
        yield "one core", "GMAC/s", "of the matrix product"
        clip = noisy_clip(self.folder / "720p.mkv", *_HD, _WARM_UP + 64)
        with _one_core():
            product = max(_matrix_product() for _ in range(5))
            yield f"float32 matrix product of {_SIDE} by {_SIDE} (BLAS)", f"{product:.1f}", "100%"
            for name in self.presets:
                spent = self._stage_times(clip, Settings.of(preset=name))
                seconds = (spent["features"] + spent["diffusion and restoration"]) / 1000
                work = arithmetic(self._network(name)) * math.prod(_HD)
                rate = work / seconds / 1e9
                yield f"`{name}`, features to change", f"{rate:.1f}", f"{rate / product:.0%}"
        yield "memory copy, GB/s", f"{max(_copy_rate() for _ in range(5)):.1f}", ""

    def memory(self) -> Iterator[Row]:
        """Peak resident memory of the whole process."""
        yield "1920x1080, `enhance`", "frames", "peak GB", "to 100 frames"
        for name in self.presets:
            first = 0.0
            for frames in (100, 1000) if self.long else (100,):
                clip = noisy_clip(self.folder / f"{frames}.mkv", *_FULL_HD, frames)
                found = peak(clip, self.folder / "out.mkv", name)
                first = first or found
                yield f"`{name}`", str(frames), f"{found:.2f}", f"{found / first:.3f}"

    def _network(self, preset: str) -> Architecture:
        path = load_offers().weights_for("restore", preset).path
        return load_weights(path).architecture

    def _starts(self, command: Sequence[str]) -> tuple[str, str]:
        taken = [_seconds(lambda: _quietly(command)) for _ in (*self.times, *range(4))]
        return f"{statistics.median(taken):.2f}", f"{min(taken):.2f}"

    def _enhance_fps(
        self, clip: Path, settings: Settings, encode: EncodeOptions, engine: Engine
    ) -> tuple[float, float]:
        """Frames a second, and the share of all cores' time that went into them."""
        ticks: list[tuple[float, float]] = []

        def tick(*_: object) -> None:
            ticks.append((time.perf_counter(), time.process_time()))

        enhance(
            clip,
            self.folder / ("out.avi" if encode is _QUICK else "out.mkv"),
            settings=settings,
            encode=encode,
            overwrite=True,
            progress=tick,
            engine=engine,
        )
        tick()  # the encoder's last frames count too
        warm, end = ticks[_WARM_UP - 1], ticks[-1]
        wall, spent = end[0] - warm[0], end[1] - warm[1]
        return (len(ticks) - 1 - _WARM_UP) / wall, spent / (wall * len(os.sched_getaffinity(0)))

    def _stage_times(self, clip: Path, settings: Settings) -> dict[str, float]:
        reader = read_clip(clip)
        frames = dict(enumerate(reader.frames()))
        wanted = range(_WARM_UP, len(frames))
        with ProfiledEngine() as engine, engine.open(reader.info, settings) as session:

            def render(numbers: range) -> None:
                for n in numbers:
                    session.render(n, {m: frames[m] for m in session.needed(n)})

            render(range(_WARM_UP))
            engine.recorder.take()
            total = _seconds(lambda: render(wanted))
            found = seconds_by_name(engine.recorder.take())
            spent = {name: 1000 * seconds / len(wanted) for name, seconds in found.items()}
        spent["all else in a frame"] = 1000 * total / len(wanted) - sum(spent.values())
        spent["decoding (H.264)"] = 1000 / _decode_fps(clip)
        encoded = _seconds(lambda: self._encode(reader.info, frames.values()))
        spent["encoding (FFV1)"] = 1000 * encoded / len(frames)
        return spent

    def _encode(self, info: ClipInfo, frames: Iterable[Frame]) -> None:
        out = self.folder / "encoded.mkv"
        write_video(frames, out, clip=info, encode=_LOSSLESS, overwrite=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.speed")
    parser.add_argument("--long", action="store_true", help="also 1,000 frames of 1080p")
    parser.add_argument("--runs", type=int, default=3, help="repetitions (default 3)")
    parser.add_argument("--only", choices=_TABLES, help="one table")
    given = parser.parse_args()
    print(f"{describe()}; {load()} at the start; medians of {given.runs} runs.\n")
    with tempfile.TemporaryDirectory(prefix="vdiff-bench-") as folder:
        bench = Bench(Path(folder), given.runs, long=given.long)
        for name in [given.only] if given.only else _TABLES:
            print_table(getattr(bench, name)())


@contextmanager
def _one_core() -> Iterator[None]:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _matrix_product() -> float:
    """Thousand millions of multiply-adds a second."""
    one = np.random.default_rng(1).random((_SIDE, _SIDE), np.float32)
    return _SIDE**3 / _seconds(lambda: one @ one) / 1e9


def _copy_rate() -> float:
    """Thousand millions of bytes a second, each read once and written once."""
    source = np.zeros(2**28, np.uint8)
    target = np.ones_like(source)
    return source.nbytes / _seconds(lambda: np.copyto(target, source)) / 1e9


def _fps(found: Sequence[float]) -> tuple[str, str, str]:
    median = statistics.median(found)
    return f"{median:.1f}", f"{min(found):.1f}", f"{1000 / median:.1f}"


def _decode_fps(clip: Path) -> float:
    return len(read_clip(clip)) / _seconds(lambda: _exhaust(clip))


def _exhaust(clip: Path) -> None:
    for _ in read_clip(clip).frames():
        pass


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _quietly(command: Sequence[str]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
