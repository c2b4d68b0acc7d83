"""What a render farm costs, as Markdown tables for docs/benchmarks.md and docs/farm.md.

python -m tests.benchmarks.farm [--frames N] [--size WxH] [--plan-frames N] [--only NAME]
"""

from __future__ import annotations

import argparse
import heapq
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from host_adapters.farm.dask_engine import local_cluster, on_dask
from host_adapters.farm.join import check, join
from host_adapters.farm.opened import OpenJob
from host_adapters.farm.piece import render_piece
from host_adapters.farm.plan import plan
from host_adapters.media import EncodeOptions, enhance
from tests.benchmarks.footage import noisy_clip
from tests.benchmarks.machine import describe, load
from tests.benchmarks.tables import Row, print_table
from tests.clips import write_clip
from vdiff_plugin.engine import Engine
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.settings import Settings

if TYPE_CHECKING:
    from distributed import Client

_CHUNK = 60
_LOSSLESS = EncodeOptions(codec="ffv1")
_SETTINGS = Settings.of(precision="fp32")
_LENGTHS = (15, 30, 60, 120, 240, 480, 960)


class Bench:
    """One session of measuring.

    Args:
        folder: for clips and jobs.
        frames: of the clip.
        size: of the clip.
        plan_frames: of the clip that is only planned.
        runs: repetitions; medians are reported.
    """

    def __init__(
        self, folder: Path, frames: int, size: tuple[int, int], plan_frames: int, runs: int
    ) -> None:
        self.folder = folder
        self.frames = frames
        self.size = size
        self.plan_frames = plan_frames
        self.runs = range(runs)
        self._jobs = 0

    def throughput(self) -> Iterator[Row]:
        """Frames a second of one-thread workers, the first chunk of each not counted.

        Each worker has a core of its own, decoding and encoding included: on a farm, one
        has no use for the other's cores.
        """
        yield "one-thread workers", "fps", "of one worker"
        clip, first = self._clip(), 0.0
        for workers in (1, 2):
            found = statistics.median(self._fps(clip, workers) for _ in self.runs)
            first = first or found
            yield str(workers), f"{found:.2f}", f"{found / first:.3f}"

    def overhead(self) -> Iterator[Row]:
        """Chunks that know nothing of each other, and the join, against one `enhance`."""
        yield f"{self.frames} frames, one engine", "seconds", "of the whole run", "of its CPU time"
        clip = self._clip()
        with Engine() as engine:
            self._whole(clip, engine)  # loads, compiles
            pairs = [
                (self._whole(clip, engine), *self._chunked(clip, engine, _CHUNK))
                for _ in self.runs  # turn by turn: a busy machine slows both
            ]
        pairs = [(whole, render, joined, render + joined) for whole, render, joined in pairs]
        names = ("`enhance`", f"chunks of {_CHUNK}: rendering", "join", "together")
        for name, *costs in zip(names, *pairs, strict=True):
            wall = statistics.median(cost.wall for cost in costs)
            shares = [cost / pair[0] for cost, pair in zip(costs, pairs, strict=True)]
            yield (
                name,
                f"{wall:.2f}",
                *(
                    f"{statistics.median(each):.3f}"
                    for each in ((share.wall for share in shares), (share.cpu for share in shares))
                ),
            )

    def planning(self) -> Iterator[Row]:
        """Seconds to plan a long file."""
        yield "planning", "frames", "seconds"
        clip = write_clip(self.folder / "long.mkv", self.plan_frames, codec="mpeg4")
        begin = time.perf_counter()
        self._plan(clip, _CHUNK)
        yield "`farm plan`", str(self.plan_frames), f"{time.perf_counter() - begin:.2f}"

    def schedule(self) -> Iterator[Row]:
        """SIMULATED: what a large farm would need, from chunk times measured here."""
        yield (
            *("SIMULATED: 200 workers, 100,000 frames, 1 % deaths a chunk", "minutes"),
            *("worker hours", "of them lost", "of ideal"),
        )
        fixed, each = self._cost()
        start = self._start_up()
        for length in _LENGTHS:
            found = simulate(
                frames=100_000,
                length=length,
                workers=200,
                deaths=0.01,
                fixed=fixed,
                each=each,
                start=start,
            )
            ideal = 100_000 * each / 200
            yield (
                f"chunks of {length}",
                f"{found.elapsed / 60:.1f}",
                f"{found.spent / 3600:.1f}",
                f"{found.lost / found.spent:.1%}",
                f"{found.elapsed / ideal:.3f}",
            )
        yield (
            f"measured here: {fixed:.2f} s a chunk, {each:.3f} s a frame, {start:.1f} s to start",
            *[""] * 4,
        )

    def _clip(self) -> Path:
        return noisy_clip(self.folder / "clip.mkv", *self.size, self.frames)

    def _plan(self, clip: Path, length: int, engine: Engine | None = None) -> JobFolder:
        self._jobs += 1
        out, job = self.folder / f"out-{self._jobs}.mkv", self.folder / f"job-{self._jobs}"
        return plan(
            clip,
            out,
            job,
            chunk_frames=length,
            settings=_SETTINGS,
            encode=_LOSSLESS,
            engine=engine,
        )

    def _fps(self, clip: Path, workers: int) -> float:
        folder = self._plan(clip, max(8, self.frames // 12))
        with local_cluster(workers) as client:
            _pin(client)
            render = on_dask(client, folder)
            table = folder.manifest.table
            list(render(table[:workers]))  # each loads the network
            begin = time.perf_counter()
            assert not [each for each in render(table[workers:]) if each.failure]
            taken = time.perf_counter() - begin
        return sum(map(len, table[workers:])) / taken

    def _whole(self, clip: Path, engine: Engine) -> Cost:
        engine.cache.clear()
        out = self.folder / "whole.mkv"
        return _seconds(
            lambda: enhance(
                clip, out, settings=_SETTINGS, encode=_LOSSLESS, overwrite=True, engine=engine
            )
        )

    def _chunked(self, clip: Path, engine: Engine, length: int) -> tuple[Cost, Cost]:
        folder = self._plan(clip, length, engine)
        with OpenJob(folder, engine=engine) as job:
            job.session  # noqa: B018  # opened once a worker, not once a chunk
            rendering = Cost(0.0, 0.0)
            for span in folder.manifest.table:
                engine.cache.clear()  # a neighbour may have been rendered elsewhere
                rendering += _seconds(lambda span=span: render_piece(job, span))
            return rendering, _seconds(lambda: join(job, check(folder)))

    def _cost(self) -> tuple[float, float]:
        """Seconds a chunk costs beside its frames, and seconds a frame costs."""
        lengths, times = (8, max(16, self.frames // 2)), []
        clip = self._clip()
        with Engine() as engine:
            self._whole(clip, engine)
            for length in lengths:
                rendering, _ = self._chunked(clip, engine, length)
                times.append(rendering.wall * length / self.frames)
        each = (times[1] - times[0]) / (lengths[1] - lengths[0])
        return max(0.0, times[0] - each * lengths[0]), each

    def _start_up(self) -> float:
        """Seconds from the start of a cluster of one until its network is loaded."""
        folder = self._plan(self._clip(), 1)
        begin = time.perf_counter()
        with local_cluster(1) as client:
            list(on_dask(client, folder)(folder.manifest.table[:1]))
            return time.perf_counter() - begin


@dataclass(frozen=True)
class Cost:
    """What a piece of work took, in seconds of the clock and of all cores."""

    wall: float
    cpu: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.cpu + other.cpu)

    def __truediv__(self, other: Cost) -> Cost:
        return Cost(self.wall / other.wall, self.cpu / other.cpu)


@dataclass
class Schedule:
    """What a simulated farm needed, in seconds.

    Attributes:
        elapsed: until the last chunk was finished.
        spent: by all workers together, waiting at the end not counted.
        lost: of that, in chunks whose worker died, and in starting again.
    """

    elapsed: float = 0.0
    spent: float = 0.0
    lost: float = 0.0


def simulate(
    *,
    frames: int,
    length: int,
    workers: int,
    deaths: float,
    fixed: float,
    each: float,
    start: float,
    seed: int = 1,
) -> Schedule:
    """A farm that hands out chunks as workers get free; no real machine takes part.

    Args:
        frames: of the job.
        length: of a chunk.
        workers: that start together.
        deaths: probability that a chunk's worker dies before it is finished, at any moment.
        fixed: seconds a chunk costs beside its frames.
        each: seconds a frame costs.
        start: seconds until a new worker is ready.
        seed: of chance.
    """
    chance, found = random.Random(seed), Schedule()
    waiting = [length] * (frames // length) + [frames % length] * bool(frames % length)
    free = [start] * workers
    found.spent = start * workers
    while waiting:
        now = heapq.heappop(free)
        chunk = waiting.pop(0)
        cost = fixed + each * chunk
        if chance.random() < deaths:
            cost = cost * chance.random() + start
            found.lost += cost
            waiting.append(chunk)
        else:
            found.elapsed = max(found.elapsed, now + cost)
        found.spent += cost
        heapq.heappush(free, now + cost)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.farm")
    parser.add_argument("--frames", type=int, default=240, help="of the clip (default 240)")
    parser.add_argument("--size", default="640x360", help="of the clip (default 640x360)")
    parser.add_argument("--plan-frames", type=int, default=100_000, help="default 100,000")
    parser.add_argument("--runs", type=int, default=3, help="repetitions (default 3)")
    parser.add_argument("--only", help="throughput, overhead, planning or schedule")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    print(f"{describe()}; {load()} at the start; medians of {given.runs} runs.\n")
    with tempfile.TemporaryDirectory(prefix="vdiff-farm-") as folder:
        bench = Bench(Path(folder), given.frames, (width, height), given.plan_frames, given.runs)
        for table in (bench.throughput, bench.overhead, bench.planning, bench.schedule):
            if given.only in (None, table.__name__):
                print_table(table())


def _seconds(work: Callable[[], object]) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def _pin(client: Client) -> None:
    """Give each worker of `client` a core of its own, as far as there are cores."""
    cores = sorted(os.sched_getaffinity(0))
    for address, core in zip(client.scheduler_info()["workers"], cycle(cores), strict=False):
        client.run(_stay_on, core, workers=[address])


def _stay_on(core: int) -> None:
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


if __name__ == "__main__":
    main()
