"""Training samples for doubling: small restored pictures, and the large ones they come from.

Footage is halved, degraded and then restored by the engine as at run time, so that the
network learns on what it will meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.interpolation import UNIT_BITS, doubled, plane_taps
from vdiff_plugin.builtin.levels import Levels, frame_levels, window_levels
from vdiff_plugin.builtin.planes import to_pixels
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.model.presets import LEVELS, PIXEL_CHANNELS, STRIDE
from vdiff_plugin.settings import Settings
from vdiff_plugin.training.degrade import Degradation
from vdiff_plugin.training.footage import Sequence420
from vdiff_plugin.training.halving import CURVES, halved
from vdiff_plugin.training.samples import RADIUS, SampleRecipe, pack, write_records
from vdiff_plugin.training.survey import Footage

BASE_UNIT = 64  # the interpolation is kept in 1/64 codes
_GRID = 4  # pixels of the small picture; where patches begin
_FRAMES = 3  # of a clip, at most: others show nearly the same
_PLACES = 12  # patches of a frame, unless the recipe says fewer
_FORMAT = PixelFormat(family="yuv", log2_w=1, log2_h=1)


def doubling_dtype(patch: int) -> np.dtype[np.void]:
    """One sample of `patch` pixels a side of the large picture, packed as `pack` does.

    The small picture is there as restored and as it was before (`source`).
    """
    half, quarter = patch // 2, patch // 4
    return np.dtype(
        [
            ("small", np.uint8, (quarter, quarter, PIXEL_CHANNELS)),
            ("source", np.uint8, (quarter, quarter, PIXEL_CHANNELS)),
            ("base", np.int16, (half, half, PIXEL_CHANNELS)),
            ("target", np.uint8, (half, half, PIXEL_CHANNELS)),
            ("levels", np.float32, (LEVELS,)),
        ]
    )


def write_doublings(footage: Footage, recipe: SampleRecipe, path: Path) -> None:
    """Fill `path` with `doubling_dtype` records; raises as `samples.write_samples`."""
    with ExitStack() as stack:
        restorer = stack.enter_context(Restorer(recipe.restorer))

        def make(
            clean: Sequence420, degrade: Degradation, rng: np.random.Generator
        ) -> Iterator[NDArray[np.void]] | None:
            small = halved(clean, str(rng.choice(list(CURVES))))
            bad = degrade(small, rng)
            if len(bad) != len(clean):
                return None
            return _records(restorer, clean, bad, recipe, rng)

        write_records(footage, recipe, path, doubling_dtype(recipe.patch), make)


@dataclass(frozen=True)
class Restored:
    """A restored frame, 8-bit 4:2:0, and what its network is told of the window."""

    frame: Frame
    levels: Levels


class Restorer:
    """The bundled restoration; a context that ends its engine."""

    def __init__(self, preset: str) -> None:
        """Restore with the network of size `preset`."""
        self._settings = Settings.of(preset=preset, cache="64M")
        self._engine = Engine()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()

    def restore(self, clip: Sequence420, numbers: Sequence[int]) -> Iterator[Restored]:
        """Frames `numbers` of `clip`."""
        info = clip_info(clip)
        frames = {
            n: Frame((luma, np.ascontiguousarray(chroma[..., 0]), chroma[..., 1].copy()))
            for n, (luma, chroma) in enumerate(zip(clip.luma, clip.chroma, strict=True))
        }
        with self._engine.open(info, self._settings) as session:
            for n in numbers:
                window = [frames[m] for m in session.needed(n)]
                levels = [frame_levels(to_pixels(each, info, STRIDE)[0]) for each in window]
                yield Restored(session.render(n, frames), window_levels(levels))


def clip_info(clip: Sequence420) -> ClipInfo:
    """What hosts would say of `clip`."""
    height, width = clip.luma.shape[1:]
    return ClipInfo(width=width, height=height, format=_FORMAT, length=len(clip))


def _records(
    restorer: Restorer,
    clean: Sequence420,
    bad: Sequence420,
    recipe: SampleRecipe,
    rng: np.random.Generator,
) -> Iterator[NDArray[np.void]]:
    numbers = _draw_frames(len(clean), recipe, rng)
    for n, restored in zip(numbers, restorer.restore(bad, numbers), strict=True):
        small, source = _packed(restored.frame), pack(bad.luma[n], bad.chroma[n])
        base = _interpolated(restored.frame, clip_info(bad))
        target = pack(clean.luma[n], clean.chroma[n])
        side = recipe.patch // 4
        records = []
        for y, x in _places(small.shape[:2], recipe, rng):
            here, there = (np.s_[y * k : (y + side) * k, x * k : (x + side) * k] for k in (1, 2))
            records.append((small[here], source[here], base[there], target[there], restored.levels))
        yield np.array(records, doubling_dtype(recipe.patch))


def _draw_frames(count: int, recipe: SampleRecipe, rng: np.random.Generator) -> list[int]:
    """Frames with a whole window, now and then some at an end, which lack neighbours."""
    frames = np.arange(RADIUS, count - RADIUS)
    if rng.random() < recipe.missing:
        frames = np.array([0, 1, count - 2, count - 1])
    drawn = rng.choice(frames, min(_FRAMES, recipe.windows, len(frames)), replace=False)
    return [int(n) for n in drawn]


def _places(
    shape: tuple[int, ...], recipe: SampleRecipe, rng: np.random.Generator
) -> list[tuple[int, int]]:
    """Corners of patches, in half-size positions of the small picture."""
    step = _GRID // 2
    rows, columns = ((size - recipe.patch // 4) // step + 1 for size in shape)
    count = min(_PLACES, recipe.places * _PLACES // 5)
    return [(int(rng.integers(rows)) * step, int(rng.integers(columns)) * step)
            for _ in range(count)]  # fmt: skip


def _packed(frame: Frame) -> NDArray[np.uint8]:
    luma, u, v = frame.planes
    return pack(np.asarray(luma, np.uint8), np.asarray(np.stack([u, v], axis=-1), np.uint8))


def _interpolated(frame: Frame, clip: ClipInfo) -> NDArray[np.int16]:
    """The doubled frame in 1/64 codes, packed."""
    unit = BASE_UNIT / (1 << (2 * UNIT_BITS))
    luma, u, v = (
        np.rint(doubled(plane, *plane_taps(clip, index)) * unit).astype(np.int16)
        for index, plane in enumerate(frame.planes)
    )
    phases = [luma[i::2, j::2] for i in (0, 1) for j in (0, 1)]
    return np.stack([*phases, u, v], axis=-1)
