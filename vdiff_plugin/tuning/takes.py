"""Takes: the stretches of the user's footage that a tuning looks at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vdiff_plugin.errors import MediaError
from vdiff_plugin.training.footage import Sequence420, find_media, read_video
from vdiff_plugin.training.survey import find_shots

SHORTEST = 12  # frames: eight to learn from and four to judge by
_LONGEST = 32  # frames of a take
_TAKES = 6  # of all footage
_BOX = (384, 640)  # rows and columns of a take at most; flow at full size takes its time
_SAME = 0.002  # share of samples that differ between two frames that are one and the same


@dataclass(frozen=True)
class Take:
    """Consecutive frames of one shot without repeats.

    Attributes:
        learn: frames to learn from.
        judge: the frames after them, which are held out.
    """

    path: Path
    learn: Sequence420
    judge: Sequence420


def find_takes(paths: Sequence[Path], seed: int) -> tuple[list[Take], list[str]]:
    """Takes of all videos, and a line for each that gives none.

    Args:
        paths: files or folders.
        seed: decides which parts of large pictures and of much footage are taken.

    Raises:
        MediaError: no usable video; says why of the first.
    """
    for path in paths:
        if not path.exists():
            raise MediaError(f"{path}: no such file or folder; give videos, or folders of them")
    videos, _ = find_media(paths)
    if not videos:
        listed = ", ".join(map(str, paths))
        raise MediaError(f"{listed}: stills alone; tuning learns from frame to frame, give videos")
    rng = np.random.default_rng(seed)
    found: list[Take] = []
    refused: list[str] = []
    for path in videos:
        try:
            found += _takes_of(path, rng)
        except MediaError as error:
            refused.append(str(error))
    if not found:
        raise MediaError(refused[0])
    return _spread(found), refused


def _takes_of(path: Path, rng: np.random.Generator) -> list[Take]:
    clip = read_video(path)
    shots = [clip.cut(start, stop - start) for start, stop in find_shots(clip)]
    if not any(len(shot) >= SHORTEST for shot in shots):
        longest = max(map(len, shots), default=0)
        raise MediaError(
            f"{path}: too short, no more than {longest} frames of a shot; tuning needs {SHORTEST}"
        )
    moving = [_without_repeats(shot) for shot in shots if len(shot) >= SHORTEST]
    usable = [shot for shot in moving if len(shot) >= SHORTEST]
    if not usable:
        raise MediaError(
            f"{path}: static, its frames repeat each other; tuning learns from noise that changes"
        )
    return [_take(path, part, rng) for shot in usable for part in _parts(shot)]


def _parts(shot: Sequence420) -> Iterable[Sequence420]:
    count = max(1, len(shot) // _LONGEST)
    length = min(len(shot), _LONGEST)
    for start in np.linspace(0, len(shot) - length, count):
        yield shot.cut(int(start), length)


def _take(path: Path, part: Sequence420, rng: np.random.Generator) -> Take:
    boxed = _boxed(part, rng)
    judged = max(4, len(boxed) // 4)
    learnt = len(boxed) - judged
    return Take(path, boxed.cut(0, learnt), boxed.cut(learnt, judged))


def _boxed(part: Sequence420, rng: np.random.Generator) -> Sequence420:
    """A place in a large picture, on the grid that encoders use."""
    height, width = part.luma.shape[1:]
    rows, columns = (min(a, b) for a, b in zip((height, width), _BOX, strict=True))
    y = int(rng.integers((height - rows) // 16 + 1)) * 16
    x = int(rng.integers((width - columns) // 16 + 1)) * 16
    return Sequence420(
        part.luma[:, y : y + rows, x : x + columns],
        part.chroma[:, y // 2 : (y + rows) // 2, x // 2 : (x + columns) // 2],
    )


def _without_repeats(shot: Sequence420) -> Sequence420:
    kept = [0]
    for n in range(1, len(shot)):
        if np.mean(shot.luma[n] != shot.luma[kept[-1]]) > _SAME:
            kept.append(n)
    return Sequence420(shot.luma[kept], shot.chroma[kept])


def _spread(takes: list[Take]) -> list[Take]:
    if len(takes) <= _TAKES:
        return takes
    return [takes[int(i)] for i in np.linspace(0, len(takes) - 1, _TAKES)]
