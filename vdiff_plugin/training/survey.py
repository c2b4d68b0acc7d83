"""A look at the footage before training: what is usable, and where its shots begin."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from vdiff_plugin.builtin.cuts import CUT_SCORE, Layout, cut_score, describe
from vdiff_plugin.errors import MediaError
from vdiff_plugin.training.footage import (
    SHORTEST,
    Sequence420,
    find_media,
    read_still,
    read_video,
)

logger = logging.getLogger(__name__)

_FLAT = 1.0  # codes; a picture that deviates less from its mean shows nothing

Mapper = Callable[[Callable[[Path], "Look"], Iterable[Path]], Iterable["Look"]]


@dataclass(frozen=True)
class Shot:
    """Frames start .. stop-1 of a video, which show one scene without a cut."""

    path: Path
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Footage:
    """Usable footage.

    Attributes:
        videos: the shots of each video, at least one.
        stills: files.
    """

    videos: tuple[tuple[Shot, ...], ...]
    stills: tuple[Path, ...]

    def split(self, share: float, seed: int) -> tuple[Footage, Footage]:
        """What to train on and what to hold out, whole files, about `share` of each kind.

        Where there is one file only nothing can be held out, and both are the whole.
        """
        rng = np.random.default_rng((seed, len(self.videos), len(self.stills)))
        videos = _held_out(len(self.videos), share, rng)
        stills = _held_out(len(self.stills), share, rng)
        if not videos and not stills:
            return self, self
        return self._only(videos, stills, kept=False), self._only(videos, stills, kept=True)

    def _only(self, videos: set[int], stills: set[int], *, kept: bool) -> Footage:
        return Footage(
            tuple(each for i, each in enumerate(self.videos) if (i in videos) == kept),
            tuple(each for i, each in enumerate(self.stills) if (i in stills) == kept),
        )


@dataclass(frozen=True)
class Look:
    """What a file holds: shots, a still, or nothing for a reason."""

    path: Path
    shots: tuple[Shot, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Inventory:
    """Which files there are, opened or not: what a model card says of its data.

    Attributes:
        videos, stills: numbers of files.
        digest: over names and sizes, so that equal data can be recognised.
    """

    videos: int
    stills: int
    digest: str


def take_inventory(roots: Sequence[Path]) -> Inventory:
    """Count the media below `roots`. Raises MediaError if there are none."""
    videos, stills = find_media(roots)
    digest = hashlib.blake2b(digest_size=16)
    for name, size in sorted((path.name, path.stat().st_size) for path in (*videos, *stills)):
        digest.update(f"{name}\0{size}\n".encode(errors="surrogateescape"))
    return Inventory(len(videos), len(stills), digest.hexdigest())


def survey(roots: Sequence[Path], mapper: Mapper = map) -> Footage:
    """Open every file below `roots` and tell, a line each, which are of no use.

    Args:
        roots: folders, or files.
        mapper: applies a function to many files, in order; `map` of a process pool.

    Raises:
        MediaError: nothing usable.
    """
    videos, stills = find_media(roots)
    seen = [_told(look) for look in mapper(look_at_video, videos)]
    still = [_told(look) for look in mapper(look_at_still, stills)]
    footage = Footage(
        tuple(look.shots for look in seen if look.shots),
        tuple(look.path for look in still if not look.reason),
    )
    total, left_out = len(seen) + len(still), sum(bool(each.reason) for each in (*seen, *still))
    if left_out == total:
        raise MediaError(f"none of {total} files is usable; give clean videos or stills")
    shots = sum(map(len, footage.videos))
    logger.info(
        "footage: %d videos with %d shots, %d stills; %d of %d files skipped",
        len(footage.videos), shots, len(footage.stills), left_out, total,
    )  # fmt: skip
    return footage


def _told(look: Look) -> Look:
    if look.reason:
        logger.warning("skipped %s", look.reason)
    return look


def look_at_video(path: Path) -> Look:
    """The shots of a video."""
    try:
        clip = read_video(path)
    except MediaError as error:
        return Look(path, reason=str(error))
    shots = tuple(Shot(path, start, stop) for start, stop in find_shots(clip))
    if shots:
        return Look(path, shots)
    return Look(path, reason=f"{path}: no shot of {SHORTEST} frames that shows anything")


def look_at_still(path: Path) -> Look:
    """Whether a still is usable."""
    try:
        flat = read_still(path).std() < _FLAT
    except MediaError as error:
        return Look(path, reason=str(error))
    return Look(path, reason=f"{path}: shows nothing, all of one colour" if flat else "")


def find_shots(clip: Sequence420) -> list[tuple[int, int]]:
    """(start, stop) of every run without a cut or a blank frame, long enough for samples."""
    borders = [0, *_borders(clip), len(clip)]
    return [
        (a, b) for a, b in pairwise(borders) if b - a >= SHORTEST and clip.luma[a].std() >= _FLAT
    ]


def _borders(clip: Sequence420) -> Iterator[int]:
    before: Layout | None = None
    for n, (luma, chroma) in enumerate(zip(clip.luma, clip.chroma, strict=True)):
        flat = luma.std() < _FLAT
        pixels = np.concatenate([luma[::2, ::2, None], chroma], axis=2)
        now = None if flat else describe(pixels)
        both = before is not None and now is not None
        if n and ((before is None) != (now is None) or (both and _cut(before, now))):
            yield n
        before = now


def _cut(before: Layout | None, after: Layout | None) -> bool:
    assert before is not None
    assert after is not None
    return cut_score(before, after) >= CUT_SCORE


def _held_out(count: int, share: float, rng: np.random.Generator) -> set[int]:
    if share <= 0 or count < 2:
        return set()
    wanted = min(count - 1, max(1, round(share * count)))
    return {int(i) for i in rng.choice(count, wanted, replace=False)}
