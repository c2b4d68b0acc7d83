"""Training samples: degraded windows, aligned as at run time, kept on disk.

Aligning needs whole frames, so windows are degraded and aligned once; many patches are
cut from each and written to a memory-mapped array that any number of trainings reads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.atomic import unwritable
from vdiff_plugin.builtin.flow import DisAligner
from vdiff_plugin.builtin.levels import Levels, frame_levels, window_levels
from vdiff_plugin.builtin.warp import motion_of, warp_pixels
from vdiff_plugin.contracts import Flow, Pixels
from vdiff_plugin.errors import MediaError
from vdiff_plugin.model.presets import LEVELS
from vdiff_plugin.training.degrade import DEGRADATIONS, ENCODED, Degradation
from vdiff_plugin.training.footage import Sequence420, moving_still, read_still, read_video
from vdiff_plugin.training.graphics import with_graphics
from vdiff_plugin.training.halving import LEAST_SIDE, sometimes_halved
from vdiff_plugin.training.survey import Footage

PATCH = 96  # pixels, unless the recipe says otherwise
RADIUS = 2
_STEP = 8  # pixels; a neighbour's patch follows its motion in these steps
FLOW_UNIT = 64  # flow is kept in 1/64 quarter-size pixels
_PATIENCE = 50  # clips in a row that gave nothing


def sample_dtype(patch: int) -> np.dtype[np.void]:
    """One sample of `patch` pixels a side; truth and window packed as `pack` does."""
    half, quarter = patch // 2, patch // 4
    return np.dtype(
        [
            ("frames", np.uint8, (2 * RADIUS + 1, half, half, 6)),
            ("warped", np.uint8, (2 * RADIUS, half, half, 6)),
            ("flow", np.int16, (2 * RADIUS, quarter, quarter, 2)),
            ("target", np.uint8, (half, half, 6)),
            ("valid", np.uint8, (2 * RADIUS,)),
            ("levels", np.float32, (LEVELS,)),
        ]
    )


@dataclass(frozen=True, kw_only=True)
class SampleRecipe:
    """How samples are made; equal recipes and footage give equal samples."""

    count: int
    seed: int = 1
    stills: float = 0.4  # share of samples from stills, 0..1
    halved: float = 0.0  # share of videos that are halved first, 0..1
    graphics: float = 0.0  # share of clips with text and shapes over them, 0..1
    missing: float = 0.1  # share of windows that lack neighbours, 0..1
    degradations: Mapping[str, float]  # name to weight
    patch: int = PATCH  # pixels, a multiple of 16
    windows: int = 6  # of a clip, at most
    places: int = 5  # patches of a window
    pairs: bool = False  # every sample is followed by that of the next frame, same place
    restorer: str = ""  # for doubling: the size of the network that restores before


# From a clean clip: arrays of samples, or None where a degradation lost frames.
Make = Callable[[Sequence420, Degradation, np.random.Generator], Iterator[NDArray[np.void]] | None]


def write_samples(footage: Footage, recipe: SampleRecipe, path: Path) -> None:
    """Fill `path` (.npy of `sample_dtype` records) from `footage`.

    Raises:
        OutputError: the file cannot be written, or the disk is full.
        MediaError: the footage, which was readable, no longer is.
    """

    def make(
        clean: Sequence420, degrade: Degradation, rng: np.random.Generator
    ) -> Iterator[NDArray[np.void]] | None:
        degraded = degrade(clean, rng)
        return _windows(clean, degraded, recipe, rng) if len(degraded) == len(clean) else None

    write_records(footage, recipe, path, sample_dtype(recipe.patch), make)


def write_records(
    footage: Footage, recipe: SampleRecipe, path: Path, dtype: np.dtype[np.void], make: Make
) -> None:
    """Fill `path` with what `make` makes of clips from `footage`; raises as `write_samples`.

    The whole file is claimed first: writing to a mapped file on a full disk would be fatal.
    """
    partial = path.with_suffix(".partial")
    try:
        array = _claim(partial, dtype, recipe.count)
        _fill(array, _endless(footage, recipe, make))
        array.flush()
        partial.replace(path)
    except OSError as error:
        raise unwritable(path, error.errno) from error
    finally:
        partial.unlink(missing_ok=True)


def _claim(
    partial: Path, dtype: np.dtype[np.void], count: int
) -> np.memmap[Any, np.dtype[np.void]]:
    array = np.lib.format.open_memmap(partial, mode="w+", dtype=dtype, shape=(count,))
    with partial.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)
    return array


def _fill(array: NDArray[np.void], source: Iterator[NDArray[np.void]]) -> None:
    filled = 0
    for records in source:
        take = min(len(records), len(array) - filled)
        array[filled : filled + take] = records[:take]
        filled += take
        if filled == len(array):
            return


def _endless(footage: Footage, recipe: SampleRecipe, make: Make) -> Iterator[NDArray[np.void]]:
    rng = np.random.default_rng(recipe.seed)
    names = list(recipe.degradations)
    weights = np.array([recipe.degradations[name] for name in names], float)
    failed = 0
    while True:
        name = str(rng.choice(names, p=weights / weights.sum()))
        clean = _draw_clip(footage, recipe, 24 if name in ENCODED else 8, rng)
        if clean is not None and recipe.graphics and rng.random() < recipe.graphics:
            clean = with_graphics(clean, rng)
        made = None if clean is None else make(clean, DEGRADATIONS[name], rng)
        if made is None:
            failed += 1  # the file is gone, or the encoder dropped frames
            if failed == _PATIENCE:
                raise MediaError("the footage can no longer be read; is it still there?")
            continue
        failed = 0
        yield from made


def _draw_clip(
    footage: Footage, recipe: SampleRecipe, count: int, rng: np.random.Generator
) -> Sequence420 | None:
    try:
        if footage.stills and (not footage.videos or rng.random() < recipe.stills):
            still = footage.stills[int(rng.integers(len(footage.stills)))]
            return moving_still(read_still(still), min(count, 12), rng)
        return _draw_part(footage, recipe, count, rng)
    except MediaError:
        return None


def _draw_part(
    footage: Footage, recipe: SampleRecipe, count: int, rng: np.random.Generator
) -> Sequence420:
    """Up to `count` frames of a shot. Raises MediaError."""
    shots = footage.videos[int(rng.integers(len(footage.videos)))]
    lengths = np.array([len(shot) for shot in shots], float)
    shot = shots[int(rng.choice(len(shots), p=lengths / lengths.sum()))]
    start = shot.start + int(rng.integers(max(1, len(shot) - count + 1)))
    stop = min(start + count, shot.stop)
    clip = read_video(shot.path, stop).cut(start, stop - start)
    if not recipe.halved:
        return clip
    return sometimes_halved(clip, recipe.halved, max(LEAST_SIDE, recipe.patch), rng)


def _windows(
    clean: Sequence420, degraded: Sequence420, recipe: SampleRecipe, rng: np.random.Generator
) -> Iterator[NDArray[np.void]]:
    centres = np.arange(RADIUS, len(clean) - RADIUS - recipe.pairs)
    count = min(len(centres), 6 if len(clean) > 8 else 3, recipe.windows)
    for n in rng.choice(centres, count, replace=False):
        aligner = DisAligner(int(rng.integers(1, 3)))
        numbers = (int(n), int(n) + 1)[: 1 + recipe.pairs]
        aligned = [align_window(degraded, number, aligner) for number in numbers]
        places = _places(clean.luma.shape[1:], recipe, rng)
        valid = np.ones(2 * RADIUS, np.uint8)
        if rng.random() < recipe.missing:
            valid = _missing(rng)
        records = [
            _record(clean, degraded, window, valid, place, recipe.patch)
            for place in places
            for window in aligned
        ]
        yield np.array(records, sample_dtype(recipe.patch))


@dataclass(frozen=True)
class AlignedWindow:
    """A window brought to its centre frame.

    Attributes:
        n: the centre.
        warped: packed neighbours, (4, H/2, W/2, 6).
        flows: (H/2, W/2, 2) a neighbour, half-size pixels.
        levels: estimated noise of luma and chroma, and error of compression.
    """

    n: int
    warped: NDArray[np.uint8]
    flows: Sequence[Flow]
    levels: Levels


def align_window(clip: Sequence420, n: int, aligner: DisAligner) -> AlignedWindow:
    """Align frames n-2..n+2 of `clip` to frame n, as the product does."""
    numbers = range(n - RADIUS, n + RADIUS + 1)
    pixels = [Pixels(clip.luma[i], clip.chroma[i], 1.0) for i in numbers]
    guides = [aligner.prepare(clip.luma[i]) for i in numbers]
    others = [i for i in range(2 * RADIUS + 1) if i != RADIUS]
    flows = [aligner.flow(guides[RADIUS], guides[i]) for i in others]
    moved = [
        warp_pixels(pixels[i : i + 1], motion_of(flow))[0]
        for i, flow in zip(others, flows, strict=True)
    ]
    return AlignedWindow(
        n=n,
        warped=np.stack([pack(part.luma, part.chroma) for part in moved]),
        flows=flows,
        levels=window_levels([frame_levels(part) for part in pixels]),
    )


def pack(luma: NDArray[np.uint8], chroma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) and (H/2, W/2, 2) -> (H/2, W/2, 6)."""
    phases = [luma[i::2, j::2] for i in (0, 1) for j in (0, 1)]
    return np.concatenate([np.stack(phases, axis=-1), chroma], axis=-1)


def cut_records(
    clean: Sequence420,
    degraded: Sequence420,
    aligned: AlignedWindow,
    valid: NDArray[np.uint8],
    places: Sequence[tuple[int, int]],
    patch: int,
) -> list[tuple[object, ...]]:
    """One record of `sample_dtype` a place (row and column in pixels, multiples of 8)."""
    return [_record(clean, degraded, aligned, valid, place, patch) for place in places]


def _record(
    clean: Sequence420,
    degraded: Sequence420,
    aligned: AlignedWindow,
    valid: NDArray[np.uint8],
    place: tuple[int, int],
    patch: int,
) -> tuple[object, ...]:
    y, x = (value // 2 for value in place)
    here = (slice(y, y + patch // 2), slice(x, x + patch // 2))
    shape = aligned.warped.shape[1:3]
    own = _cut(degraded, aligned.n, (y, x), patch)
    frames, flows = [], []
    for index, flow in enumerate(aligned.flows):
        shift = _follow(flow[here], (y, x), shape)
        number = aligned.n + index - RADIUS + (index >= RADIUS)
        frames.append(_cut(degraded, number, (y + shift[0], x + shift[1]), patch))
        flows.append(_local_flow(flow[here], shift))
    frames.insert(RADIUS, own)
    target = _cut(clean, aligned.n, (y, x), patch)
    warped = aligned.warped[:, *here]
    packed = np.rint(np.stack(flows) * FLOW_UNIT).astype(np.int16)
    return np.stack(frames), warped, packed, target, valid, aligned.levels


def _follow(flow: Flow, place: tuple[int, int], shape: tuple[int, ...]) -> tuple[int, int]:
    """Whole steps (half-size pixels, y and x) by which the patch moved, kept inside."""
    step = _STEP // 2
    shift = []
    for axis, component in enumerate((1, 0)):
        wanted = int(np.rint(np.median(flow[..., component]) / step)) * step
        low = -(place[axis] // step) * step
        high = (shape[axis] - flow.shape[axis] - place[axis]) // step * step
        shift.append(min(max(wanted, low), high))
    return shift[0], shift[1]


def _local_flow(flow: Flow, shift: tuple[int, int]) -> Flow:
    """Flow left after `shift`, at quarter size in quarter-size pixels."""
    rest = flow - np.array([shift[1], shift[0]], np.float32)
    side = len(flow) // 2
    quarter = rest.reshape(side, 2, side, 2, 2).mean(axis=(1, 3)) / 2
    local: Flow = np.clip(quarter, -300, 300)
    return local


def _cut(clip: Sequence420, n: int, place: tuple[int, int], patch: int) -> NDArray[np.uint8]:
    y, x = place
    luma = clip.luma[n, 2 * y : 2 * y + patch, 2 * x : 2 * x + patch]
    return pack(luma, clip.chroma[n, y : y + patch // 2, x : x + patch // 2])


def _places(
    shape: tuple[int, ...], recipe: SampleRecipe, rng: np.random.Generator
) -> list[tuple[int, int]]:
    limits = [(size - recipe.patch) // _STEP + 1 for size in shape]
    return [
        (int(rng.integers(limits[0])) * _STEP, int(rng.integers(limits[1])) * _STEP)
        for _ in range(recipe.places)
    ]


def _missing(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Windows at clip ends and cuts: one side gone from some distance on."""
    ends = [[0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]]
    return np.array(ends[int(rng.integers(len(ends)))], np.uint8)
