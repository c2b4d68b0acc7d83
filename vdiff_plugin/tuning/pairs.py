"""Windows with their targets, cut into patches that a tuning learns from or is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.flow import DisAligner
from vdiff_plugin.training.footage import Sequence420
from vdiff_plugin.training.samples import RADIUS, align_window, cut_records, sample_dtype
from vdiff_plugin.tuning.targets import Target, make_target

_GRID = 8  # pixels
_FURTHEST = 4  # frames; a window reaches so far where nearer frames may not be seen
_EMPTY = 0.05  # share of a patch that has to count
_DRAWS = 12  # places looked at for each patch wanted


def pair_dtype(patch: int) -> np.dtype[np.void]:
    """A training sample whose target is a neighbour, and where that target counts."""
    half = patch // 2
    return np.dtype([*sample_dtype(patch).descr, ("weight", np.uint8, (half, half))])


@dataclass(frozen=True, kw_only=True)
class PairMaker:
    """How pairs are made.

    Attributes:
        patch: side in pixels.
        finest_scale: of the network's own aligner.
        apart: frames that a target lies from every frame of its window: 1 where noise is
            new in every frame, more where it lingers.
    """

    patch: int
    finest_scale: int
    apart: int

    def make(
        self,
        noisy: Sequence420,
        restored: Sequence420,
        *,
        windows: int,
        places: int,
        rng: np.random.Generator,
    ) -> NDArray[np.void]:
        """Patches of `windows` windows, `places` each, fewer where little counts.

        Args:
            noisy: consecutive frames; windows and targets are of these alone.
            restored: the same after the bundled network.
            windows: how many, spread over the frames.
            places: patches of a window.
            rng: decides targets and places.
        """
        records: list[tuple[object, ...]] = []
        for n in _spread(len(noisy), windows):
            records += self._window(noisy, restored, n, places, rng)
        return np.array(records, pair_dtype(self.patch))

    def _window(
        self,
        noisy: Sequence420,
        restored: Sequence420,
        n: int,
        places: int,
        rng: np.random.Generator,
    ) -> Iterator[tuple[object, ...]]:
        t = self._other(n, len(noisy), rng)
        if t is None:
            return
        target = make_target(noisy, restored, n, t)
        numbers, valid = self.seen(n, t, len(noisy))
        window = Sequence420(noisy.luma[numbers], noisy.chroma[numbers])
        aligned = align_window(window, RADIUS, DisAligner(self.finest_scale))
        chosen = self._places(target, places, rng)
        cut = cut_records(_as_clip(target), window, aligned, valid, chosen, self.patch)
        for record, place in zip(cut, chosen, strict=True):
            yield *record, _weight_at(target, place, self.patch)

    def _other(self, n: int, length: int, rng: np.random.Generator) -> int | None:
        sides = [t for t in (n - self.apart, n + self.apart) if 0 <= t < length]
        return sides[int(rng.integers(len(sides)))] if sides else None

    def seen(self, n: int, t: int, length: int) -> tuple[list[int], NDArray[np.uint8]]:
        """The five frames of a window that does not see `t` or what is near it.

        Returns:
            frame numbers in time order (n where one is missing), and (4,) 0 for those.
        """
        before, after = (
            self._nearest(range(n + step, n + step * (_FURTHEST + 1), step), t, length)
            for step in (-1, 1)
        )
        others = [*reversed(before), *after]
        numbers = [n if each is None else each for each in others]
        valid = np.array([each is not None for each in others], np.uint8)
        return [*numbers[:RADIUS], n, *numbers[RADIUS:]], valid

    def _nearest(self, candidates: range, t: int, length: int) -> list[int | None]:
        free = [i for i in candidates if 0 <= i < length and abs(i - t) >= self.apart]
        return [*free[:RADIUS], *[None] * (RADIUS - len(free[:RADIUS]))]

    def _places(
        self, target: Target, count: int, rng: np.random.Generator
    ) -> list[tuple[int, int]]:
        """Where much of a patch counts, drawn from many."""
        limits = [(size - self.patch) // _GRID + 1 for size in target.luma.shape]
        drawn = [
            (int(rng.integers(limits[0])) * _GRID, int(rng.integers(limits[1])) * _GRID)
            for _ in range(_DRAWS * count)
        ]
        filled = [_weight_at(target, place, self.patch).mean() for place in drawn]
        usable = [place for place, share in zip(drawn, filled, strict=True) if share >= _EMPTY]
        return usable[:count]


def _spread(length: int, count: int) -> list[int]:
    return sorted({int(n) for n in np.linspace(0, length - 1, min(count, length))})


def _as_clip(target: Target) -> Sequence420:
    """The target as frame `RADIUS` of a clip, for that is where windows have their centre."""
    luma = np.broadcast_to(target.luma, (RADIUS + 1, *target.luma.shape))
    return Sequence420(luma, np.broadcast_to(target.chroma, (RADIUS + 1, *target.chroma.shape)))


def _weight_at(target: Target, place: tuple[int, int], patch: int) -> NDArray[Any]:
    y, x = (value // 2 for value in place)
    return target.weight[y : y + patch // 2, x : x + patch // 2]
