"""What restoration is worth, vdiff's beside what people have, in one run.

    python -m tests.benchmarks.quality CLIPS --tune OTHER_CLIPS --out FOLDER
    python -m tests.benchmarks.quality CLIPS --tune OTHER_CLIPS --out FOLDER --speed
    python -m tests.benchmarks.quality CLIPS --out FOLDER --report

The centre of the first frames of every video in CLIPS is harmed with seeds, restored, and
compared with what it was. vdiff finds out the noise by itself; every peer is tuned for each
harm on OTHER_CLIPS first (without --tune there are no peers). Rows and settings found are
kept in FOLDER as soon as they are there, so a run that was broken off goes on, and --format,
--harm, --method and --clip let it be taken in parts; --report prints all tables and draws the
plot from what is there. Frames a second come from a pass of their own, --speed, one clip
through all methods on a quiet machine.

With --task upscale2x clips are halved, and harmed after that; the peers are swscale's bicubic
and Lanczos, which need no tuning.

PSNR of 4:2:0 weighs planes 6:1:1, means over frames, then over clips. Peers come from PyPI:
vapoursynth with vapoursynth-bm3d, -nlm-ispc, -mvtools, -dfttest2-cpu and -deblock, dfttest2,
imageio-ffmpeg; the plot needs matplotlib.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.clips import FORMATS, FRAMES, HARMS, Clip, Harm, read_clips
from tests.benchmarks.halves import HALVES
from tests.benchmarks.machine import describe, load
from tests.benchmarks.measures import MEASURES, measured
from tests.benchmarks.peers.catalogue import peers
from tests.benchmarks.peers.method import AbsentError, Method, Setting
from tests.benchmarks.peers.ours import Choice, ours
from tests.benchmarks.peers.pace import frames_a_second
from tests.benchmarks.peers.scalers import scalers
from tests.benchmarks.peers.tuning import Tuner
from tests.benchmarks.quality_report import report
from tests.benchmarks.rows import Row, Rows
from vdiff_plugin.model.presets import UPSCALING

_SPEED_HARMS = ("sigma 20", "H.264 crf 37", "half, sigma 10")  # the first it is meant for
_ALL = HARMS | HALVES
_TEMPORARY = "vdiff-quality-"


class Bench:
    """One session of measuring.

    Args:
        clips: clean ones.
        rows: that are there, and where new ones go.
        tuner: of the peers; None where there are none.
        threads: that a method may use.
        names: of the measures to take.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        rows: Rows,
        tuner: Tuner | None,
        *,
        threads: int,
        names: Sequence[str],
    ) -> None:
        self._clips = clips
        self._rows = rows
        self._tuner = tuner
        self._threads = threads
        self._names = names

    def untouched(self, harm: Harm) -> None:
        """Rows of the harmed clips as they are."""
        for clip in self._clips:
            row = Row("", "", clip.format, harm.name, clip.name, len(clip))
            if not self._rows.find(row, *self._names):
                self._keep(row, measured(harm.apply(clip), clip, self._names))

    def restored(self, method: Method, harm: Harm) -> None:
        """Rows of one method."""
        setting = self._setting(method, harm)
        for clip in self._clips:
            row = _row(method, setting, harm, clip)
            if not self._rows.find(row, *self._names):
                after = method.run(harm.apply(clip), setting, self._threads)
                self._keep(row, measured(after, clip, self._names))

    def timed(self, method: Method, harm: Harm, runs: int) -> None:
        """Frames a second on the first clip."""
        clip = self._clips[0]
        setting = self._setting(method, harm)
        found = frames_a_second(method, setting, clip, harm, threads=self._threads, runs=runs)
        self._keep(_row(method, setting, harm, clip), {"fps": found})

    def _setting(self, method: Method, harm: Harm) -> Setting:
        if not method.tunable:
            return Setting(0, 0)
        if self._tuner is None:
            raise AbsentError("it has to be tuned; give --tune")
        return self._tuner.best(method, harm, self._clips[0].format)

    def _keep(self, row: Row, measures: dict[str, float]) -> None:
        self._rows.add(row.with_measures(measures))
        shown = ", ".join(f"{name} {value:.3f}" for name, value in measures.items())
        print(
            f"{row.form} {row.harm} {row.method or 'as it is'} {row.clip}: {shown}",
            file=sys.stderr,
        )


def main() -> None:
    """Measure what was asked for, then print every table that can be made."""
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY) as spare:
        folder = given.out or Path(spare)
        folder.mkdir(parents=True, exist_ok=True)
        rows = Rows(folder / "rows.jsonl")
        methods = _methods(given)
        if not given.report:
            print(f"{describe()}; {load()} at the start.\n", file=sys.stderr)
            _measure(given, rows, _chosen(given, methods), folder)
        report(rows, methods, folder if given.out else None, each=given.each)


def _measure(
    given: argparse.Namespace, rows: Rows, methods: Sequence[Method], folder: Path
) -> None:
    settings = given.settings or folder / "settings.json"
    tuner = Tuner(given.tune, settings, given.threads) if given.tune else None
    clips = read_clips(given.clips, form=given.format, frames=given.frames, names=given.clip)
    bench = Bench(clips, rows, tuner, threads=given.threads, names=given.measure or MEASURES)
    for harm, method in _jobs(given, methods):
        try:
            if method is None:
                bench.untouched(harm)
            elif given.speed:
                bench.timed(method, harm, given.runs)
            else:
                bench.restored(method, harm)
        except AbsentError as error:
            print(f"{method and method.name} is left out: {error}", file=sys.stderr)


def _jobs(
    given: argparse.Namespace, methods: Sequence[Method]
) -> Iterator[tuple[Harm, Method | None]]:
    """Harms with the methods for them; None is the harmed clip as it is."""
    if given.speed:
        for method in methods:
            suited = [name for name in _SPEED_HARMS if method.suits(_ALL[name], given.format)]
            yield from ((_ALL[name], method) for name in suited[:1])
        return
    doubling = given.task == UPSCALING
    for harm in (_ALL[name] for name in given.harm or (HALVES if doubling else HARMS)):
        if harm.kind != "half":  # a half is not of the size to compare it
            yield harm, None
        yield from ((harm, one) for one in methods if one.suits(harm, given.format))


def _methods(given: argparse.Namespace) -> list[Method]:
    choice = Choice(
        presets=tuple(given.preset or ("fast", "quality")),
        task=given.task,
        weights=given.weights,
        backend=given.backend,
    )
    if given.task == UPSCALING:
        return [*ours(choice), *scalers()]
    return [*ours(choice), *(peers() if given.tune or given.report else ())]


def _chosen(given: argparse.Namespace, methods: Sequence[Method]) -> list[Method]:
    words = [word.lower() for word in given.method]
    return [one for one in methods if not words or any(w in one.name.lower() for w in words)]


def _row(method: Method, setting: Setting, harm: Harm, clip: Clip) -> Row:
    fields = setting.as_fields() if method.tunable else {}
    return Row(method.name, method.version, clip.format, harm.name, clip.name, len(clip), fields)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.quality",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("clips", type=Path, help="folder of clean clips")
    add("--tune", type=Path, help="folder of other clips, to tune peers on")
    add("--out", type=Path, help="folder for rows, settings, results and the plot")
    add("--settings", type=Path, help="file of tuned settings (default OUT/settings.json)")
    add("--format", choices=list(FORMATS), default="yuv420")
    add("--harm", action="append", choices=list(_ALL), help="again for more; default all")
    add("--method", action="append", default=[], help="part of a name; again for more; default all")
    add("--clip", action="append", default=[], help="file name without suffix; again for more")
    add("--measure", action="append", choices=MEASURES, help="again for more; default all")
    add("--frames", type=int, default=FRAMES)
    add("--threads", type=int, default=2, help="that a method may use (default 2)")
    add("--preset", action="append", help="fast, quality; default both")
    add("--task", default="restore", help="that the weights were trained for")
    add("--weights", type=Path, help="a weights file of the preset given")
    add("--backend", default="auto")
    add("--each", action="store_true", help="a line a clip as well")
    add("--speed", action="store_true", help="measure frames a second, on one clip")
    add("--runs", type=int, default=3, help="repetitions of --speed; medians count")
    add("--report", action="store_true", help="only print what is there")
    return parser


if __name__ == "__main__":
    main()
