"""Batches from stored samples, turned and mirrored at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.training.doublings import BASE_UNIT
from vdiff_plugin.training.samples import RADIUS

Batch = tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]


class SampleBatches(keras.utils.PyDataset):
    """Random batches; batch i of a seed is always the same, so a resumed run goes on."""

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        batch: int,
        steps: int,
        seed: int,
        first: int = 0,
        pairs: bool = False,
        **kwargs: Any,
    ) -> None:
        """Map the sample files.

        Args:
            paths: files of `samples.write_samples`.
            batch: samples a batch.
            steps: batches an epoch.
            seed: decides order and orientation.
            first: number of the first batch, for resuming.
            pairs: samples lie in pairs, and a batch holds both of each; `batch` is even.
            kwargs: of `PyDataset`.
        """
        super().__init__(**kwargs)
        self._arrays = [_mapped(path, path.stat().st_mtime_ns) for path in paths]
        self._ends = np.cumsum([len(array) for array in self._arrays])
        self._batch = batch
        self._steps = steps
        self._seed = seed
        self._pairs = pairs
        self.first = first

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> Batch:
        rng = np.random.default_rng((self._seed, self.first + index))
        numbers = self._draw(rng)
        records = np.stack([self._record(int(number)) for number in numbers])
        return as_batch(records, int(rng.integers(8)), bool(rng.integers(2)))

    def on_epoch_end(self) -> None:
        """Go on with the next batches."""
        self.first += self._steps

    def _draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        if not self._pairs:
            return np.sort(rng.integers(self._ends[-1], size=self._batch))
        pairs = np.sort(rng.integers(self._ends[-1] // 2, size=self._batch // 2))
        return np.stack([2 * pairs, 2 * pairs + 1], axis=1).ravel()

    def _record(self, number: int) -> NDArray[np.void]:
        which = int(np.searchsorted(self._ends, number, side="right"))
        start = 0 if which == 0 else self._ends[which - 1]
        return self._arrays[which][number - start]  # type: ignore[no-any-return]


@lru_cache(maxsize=256)
def _mapped(path: Path, changed: int) -> NDArray[np.void]:
    """The samples of a file, which `changed` tells from others of its name.

    Mapped once: Keras keeps the batches of every `fit`, and their mappings with them.
    """
    del changed
    return np.asanyarray(np.load(path, mmap_mode="r"))


def as_batch(records: NDArray[np.void], turn: int, backwards: bool) -> Batch:
    """Network inputs and truth from records, in one of 8 orientations and 2 directions.

    Samples for doubling are only mirrored up and down: their chroma lies to the left.
    """
    if "base" in (records.dtype.names or ()):
        return _doublings(records, turn & 2)
    frames, warped, target = (
        _turn_packed(records[n], turn) for n in ("frames", "warped", "target")
    )
    flow = _turn_flow(records["flow"], turn)
    valid = records["valid"]
    if backwards:
        frames, warped, flow, valid = (
            frames[:, ::-1],
            warped[:, ::-1],
            flow[:, ::-1],
            valid[:, ::-1],
        )
    inputs = {
        "frames": frames, "warped": warped, "flow": flow, "valid": valid,
        "levels": records["levels"],
    }  # fmt: skip
    return _batch(inputs, target)


def before(inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """What the network of a batch adds to, packed codes: frame n, or the interpolation."""
    return inputs["base"] if "base" in inputs else inputs["frames"][:, RADIUS]


def _doublings(records: NDArray[np.void], turn: int) -> Batch:
    small, source, base, target = (
        _turn_packed(records[n], turn) for n in ("small", "source", "base", "target")
    )
    inputs: dict[str, NDArray[Any]] = {
        "small": small, "source": source, "base": base.astype(np.float32) / BASE_UNIT,
        "levels": records["levels"],
    }  # fmt: skip
    return _batch(inputs, target)


def _batch(arrays: Mapping[str, NDArray[Any]], target: NDArray[np.uint8]) -> Batch:
    """Inputs, and truth with how far each sample is from it."""
    inputs = {name: np.ascontiguousarray(part, np.float32) for name, part in arrays.items()}
    harm = np.sqrt(np.mean(np.square(before(inputs) - target), axis=(1, 2, 3)))
    level = np.broadcast_to(harm[:, None, None, None], (*target.shape[:3], 1))
    return inputs, np.concatenate([np.float32(target), level], axis=-1)


def _turn_packed(packed: NDArray[Any], turn: int) -> NDArray[Any]:
    """Turn (..., h, w, 6); the four luma phases trade places with the picture."""
    if turn & 1:
        packed = packed[..., ::-1, :][..., [1, 0, 3, 2, 4, 5]]
    if turn & 2:
        packed = packed[..., ::-1, :, :][..., [2, 3, 0, 1, 4, 5]]
    if turn & 4:
        packed = np.swapaxes(packed, -3, -2)[..., [0, 2, 1, 3, 4, 5]]
    return packed


def _turn_flow(flow: NDArray[np.int16], turn: int) -> NDArray[np.int16]:
    if turn & 1:
        flow = flow[..., ::-1, :] * np.array([-1, 1], np.int16)
    if turn & 2:
        flow = flow[..., ::-1, :, :] * np.array([1, -1], np.int16)
    if turn & 4:
        flow = np.swapaxes(flow, -3, -2)[..., ::-1]
    return flow
