"""What repeated and unchanged pictures cost, in processor time, as a Markdown table.

python -m tests.benchmarks.reuse [CLIP] [--preset NAME]

Each clip is restored as it is, and again with one sample of every block of 16x16 pixels
one code off in every frame, so that nothing in it repeats: that is what it would cost if
nothing were used twice. Decoding and encoding are not counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from host_adapters.media import read_clip
from tests.benchmarks.machine import describe, load
from tests.benchmarks.tables import Row, print_table
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.engine import open_clip
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.settings import Settings

_BLOCK = 16
_SIZE = (1280, 720)
_FRAMES = 30
_SIGMA = 6.0  # codes of noise in the drawn clips


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.reuse")
    parser.add_argument("clip", nargs="?", type=Path, help="a clip of a screen, say")
    parser.add_argument("--preset", default="fast")
    given = parser.parse_args()
    print(f"{describe()}; {load()} at the start.\n")
    settings = Settings.of(preset=given.preset)
    print_table(_table(list(_clips(given.clip)), settings))


def _clips(path: Path | None) -> Iterator[tuple[str, ClipInfo, Sequence[Frame]]]:
    scene = Scene(width=_SIZE[0], height=_SIZE[1], length=_FRAMES)
    drawn = [scene.noisy(n, _SIGMA) for n in range(_FRAMES)]
    for times in (1, 2, 3, 5):
        name = f"each picture {times} times" if times > 1 else "film"
        yield name, scene.clip, [drawn[n // times] for n in range(_FRAMES)]
    if path:
        reader = read_clip(path)
        frames = list(reader.frames())
        yield path.stem, reader.info.with_length(len(frames)), frames


def _table(
    clips: Sequence[tuple[str, ClipInfo, Sequence[Frame]]], settings: Settings
) -> Iterator[Row]:
    yield "clip", "repeated frames", "ms a frame", "if nothing repeats", "times faster"
    for name, info, frames in clips:
        repeated = 1 - len({frame.key for frame in frames}) / len(frames)
        taken, all_new = (
            1000 * _seconds(info, each, settings) / len(frames)
            for each in (frames, _unlike(frames))
        )
        yield name, f"{repeated:.0%}", f"{taken:.1f}", f"{all_new:.1f}", f"{all_new / taken:.1f}"


def _seconds(info: ClipInfo, frames: Sequence[Frame], settings: Settings) -> float:
    """Processor time of the whole clip in one thread, hashing of its frames included."""
    window = dict(enumerate(frames))
    with open_clip(replace(info, length=len(frames)), settings) as session:
        session.render(0, window)  # arrays of that size, and what is loaded late
        fresh = {n: _copied(frame) for n, frame in window.items()}
        return _timed(lambda: [session.render(n, fresh) for n in fresh])


def _copied(frame: Frame) -> Frame:
    return Frame(tuple(plane.copy() for plane in frame.planes))


def _timed(work: Callable[[], object]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start


def _unlike(frames: Sequence[Frame]) -> list[Frame]:
    """The same frames, with one sample of each block one code off in a place of its own."""
    return [
        Frame((_touched(frame.planes[0], n), *frame.planes[1:])) for n, frame in enumerate(frames)
    ]


def _touched(luma: NDArray[np.uint8], n: int) -> NDArray[np.uint8]:
    luma = luma.copy()
    y, x = divmod(n % _BLOCK**2, _BLOCK)
    luma[y::_BLOCK, x::_BLOCK] ^= 1
    return luma


if __name__ == "__main__":
    main()
