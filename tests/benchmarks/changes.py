"""Cuts found in synthetic edits, by `vdiff changes` and by PySceneDetect, in the same run.

    python -m tests.benchmarks.changes FOLDER [--joints 40] [--edits 2]

FOLDER holds real shots as .mp4 files, one shot a file. Needs scenedetect, which only this
program uses. Thresholds were chosen on other edits (seeds from 100 up) of the same shots.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from scenedetect import ContentDetector, detect

from host_adapters.media import EncodeOptions, read_clip, write_video
from tests.benchmarks.edits import STYLES, Edit, Picture, Style, make_edit, read_shots
from tests.benchmarks.machine import describe, load
from tests.benchmarks.tables import Row, print_table
from vdiff_plugin.analysis.watch import Comparison, watch
from vdiff_plugin.engine import Engine
from vdiff_plugin.pictures import clip_of, frame_of

_CODEC = EncodeOptions(
    codec="h264", crf=18, pix_fmt="yuv420p", encoder_options={"preset": "veryfast"}
)
Finder = Callable[[Path], set[int]]


@dataclass
class Tally:
    """Cuts found and missed so far.

    Attributes:
        hits: right ones.
        false: found where there is none; a frame off counts as false and as missed.
        missed: not found.
        seconds: spent.
        frames: looked at.
    """

    hits: int = 0
    false: int = 0
    missed: int = 0
    seconds: float = 0
    frames: int = 0

    def count(self, truth: set[int], found: set[int]) -> None:
        """Add an edit."""
        self.hits += len(truth & found)
        self.false += len(found - truth)
        self.missed += len(truth - found)

    @property
    def precision(self) -> float:
        """Share of those found that are right."""
        return self.hits / max(1, self.hits + self.false)

    @property
    def recall(self) -> float:
        """Share of the cuts that were found."""
        return self.hits / max(1, self.hits + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.hits / max(1, 2 * self.hits + self.false + self.missed)


def by_vdiff(engine: Engine, features: str) -> Finder:
    """What the command does, without its outputs."""
    comparison = Comparison.of(engine, features)

    def find(path: Path) -> set[int]:
        reader = read_clip(path)
        timed = ((0.0, frame) for frame in reader.frames())
        return {one.n for one in watch(timed, reader.info, comparison) if one.cut.cut}

    return find


def by_scenedetect(path: Path) -> set[int]:
    """ContentDetector as it comes: threshold 27, scenes of 15 frames at least."""
    scenes = detect(str(path), ContentDetector())
    return {start.frame_num for start, _ in scenes} - {0}


def measure(
    finders: dict[str, Finder], shots: list[list[Picture]], style: Style, joints: int, edits: int
) -> dict[str, Tally]:
    """Every finder on the same edits."""
    tallies = {name: Tally() for name in finders}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(edits):
            edit = make_edit(shots, style, joints, seed)
            path = _written(edit, Path(folder) / "edit.mp4")
            for name, find in finders.items():
                start = time.perf_counter()
                tallies[name].count(set(edit.cuts), find(path))
                tallies[name].seconds += time.perf_counter() - start
                tallies[name].frames += len(edit.pictures)
    return tallies


def _written(edit: Edit, path: Path) -> Path:
    frames = map(frame_of, edit.pictures)
    clip = clip_of(edit.pictures[0])
    return write_video(frames, path, clip=clip, encode=_CODEC, overwrite=True)


def _rows(
    finders: dict[str, Finder], shots: list[list[Picture]], joints: int, edits: int
) -> Iterator[Row]:
    yield ("edits with", "cuts", "found by", "precision", "recall", "F1", "frames a second")
    sums = {name: Tally() for name in finders}
    for style in STYLES:
        tallies = measure(finders, shots, style, joints, edits)
        for name, tally in tallies.items():
            whole = sums[name]
            for each in ("hits", "false", "missed", "seconds", "frames"):
                setattr(whole, each, getattr(whole, each) + getattr(tally, each))
            yield _row(style.name, name, tally)
    for name, tally in sums.items():
        yield _row("together", name, tally)


def _row(style: str, name: str, tally: Tally) -> Row:
    shares = (tally.precision, tally.recall, tally.f1)
    rate = tally.frames / tally.seconds
    cuts = tally.hits + tally.missed
    return (style, str(cuts), name, *(f"{each:.3f}" for each in shares), f"{rate:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--joints", type=int, default=40, help="cuts and fades an edit")
    parser.add_argument("--edits", type=int, default=2, help="edits of each style")
    given = parser.parse_args()
    print(f"{describe()}, scenedetect {version('scenedetect')}; {load()}\n")
    with Engine() as engine:
        finders: dict[str, Finder] = {
            "vdiff": by_vdiff(engine, "vdiff"),
            "vdiff, pixel": by_vdiff(engine, "pixel"),
            "PySceneDetect": by_scenedetect,
        }
        print_table(_rows(finders, read_shots(given.folder), given.joints, given.edits))


if __name__ == "__main__":
    main()
