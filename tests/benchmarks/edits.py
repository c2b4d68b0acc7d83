"""Synthetic edits of real shots, with known cuts: what a detector of cuts is measured on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from host_adapters.media import read_clip
from vdiff_plugin.builtin.matrix import rgb_of

Picture = NDArray[np.uint8]  # R'G'B', (height, width, 3)
SIZE = (320, 180)
_SHORTEST, _LONGEST = 16, 32  # frames of a shot
_FADE = 12  # frames


@dataclass(frozen=True, kw_only=True)
class Style:
    """What an edit holds beside hard cuts.

    Attributes:
        name: for tables.
        flashes: share of shots with a flash of 1 to 3 frames in them.
        fades: share of joints that are dissolves or go through black, instead of cuts.
        noise: standard deviation of white noise, 8-bit codes.
    """

    name: str
    flashes: float = 0
    fades: float = 0
    noise: float = 0


STYLES = (
    Style(name="hard cuts"),
    Style(name="flashes", flashes=0.7),
    Style(name="fades", fades=0.5),
    Style(name="noise 10", noise=10),
    Style(name="noise 25", noise=25),
    Style(name="all of it", flashes=0.5, fades=0.4, noise=10),
)


@dataclass(frozen=True)
class Edit:
    """Pictures in order, and the numbers of those that a hard cut brings."""

    pictures: list[Picture]
    cuts: list[int]


def read_shots(folder: Path) -> list[list[Picture]]:
    """Each clip of `folder` as one shot: cropped to 16:9 about its middle, 320x180."""
    return [_read_shot(path) for path in sorted(folder.glob("*.mp4"))]


def make_edit(shots: Sequence[Sequence[Picture]], style: Style, joints: int, seed: int) -> Edit:
    """Pieces of shots, never two of one shot in a row, joined `joints` times.

    Args:
        shots: at least two.
        style: what happens in them and between them.
        joints: cuts and fades together.
        seed: of everything that is drawn by lot.
    """
    rng = np.random.default_rng(seed)
    pieces = list(_pieces(shots, rng, joints + 1))
    pieces = [_flashed(one, rng) if rng.random() < style.flashes else one for one in pieces]
    pictures, cuts = list(pieces[0]), []
    for piece in pieces[1:]:
        if rng.random() < style.fades:
            pictures = _faded(pictures, piece, through_black=rng.random() < 0.5)
        else:
            cuts.append(len(pictures))
            pictures += piece
    return Edit([_noisy(one, style.noise, rng) for one in pictures], cuts)


def _read_shot(path: Path) -> list[Picture]:
    reader = read_clip(path)
    width, height = reader.info.width, reader.info.height
    wide, tall = min(width, height * 16 // 9), min(height, width * 9 // 16)
    x, y = (width - wide) // 2, (height - tall) // 2
    found = []
    for frame in reader.frames():
        codes = np.clip(rgb_of(frame, reader.info) * 255, 0, 255).astype(np.uint8)
        crop = np.ascontiguousarray(codes[y : y + tall, x : x + wide])
        found.append(np.asarray(cv2.resize(crop, SIZE, interpolation=cv2.INTER_AREA), np.uint8))
    return found


def _pieces(
    shots: Sequence[Sequence[Picture]], rng: np.random.Generator, count: int
) -> Iterator[list[Picture]]:
    last = -1
    for _ in range(count):
        last = int(rng.choice([i for i in range(len(shots)) if i != last]))
        length = int(rng.integers(_SHORTEST, _LONGEST + 1))
        start = int(rng.integers(0, len(shots[last]) - length + 1))
        yield list(shots[last][start : start + length])


def _flashed(piece: list[Picture], rng: np.random.Generator) -> list[Picture]:
    """With a flash of 1 to 3 frames, away from both ends."""
    length, strength = int(rng.integers(1, 4)), rng.uniform(0.6, 1.0)
    start = int(rng.integers(6, len(piece) - 6 - length))
    lit = list(piece)
    for n in range(start, start + length):
        lit[n] = _mixed(piece[n], np.full_like(piece[n], 255), strength)
    return lit


def _faded(before: list[Picture], after: list[Picture], *, through_black: bool) -> list[Picture]:
    """Joined by a dissolve of `_FADE` frames, or by going out and coming in as long together."""
    shares = (np.arange(_FADE) + 1) / (_FADE + 1)
    head, tail, lead, rest = before[:-_FADE], before[-_FADE:], after[:_FADE], after[_FADE:]
    if not through_black:
        mixed = zip(tail, lead, shares, strict=True)
        return head + [_mixed(one, other, share) for one, other, share in mixed] + rest
    black = np.zeros_like(tail[0])
    out = [_mixed(one, black, share) for one, share in zip(tail, shares, strict=True)]
    back = [_mixed(black, one, share) for one, share in zip(lead, shares, strict=True)]
    return head + out + back + rest


def _mixed(one: Picture, other: Picture, share: float) -> Picture:
    return np.asarray(cv2.addWeighted(one, 1 - share, other, share, 0), np.uint8)


def _noisy(picture: Picture, sigma: float, rng: np.random.Generator) -> Picture:
    if not sigma:
        return picture
    noise = rng.normal(0, sigma, picture.shape).astype(np.float32)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)
