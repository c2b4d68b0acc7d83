"""What the averaged network does to samples it was not trained on, by degradation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.training.batches import as_batch, before

if TYPE_CHECKING:
    import keras

CEILING = 100.0  # dB, of equal pictures
_PLANES = (slice(0, 4), slice(4, 5), slice(5, 6))
_WEIGHTS = np.array([6, 1, 1]) / 8  # of Y, U and V


@dataclass(frozen=True)
class Score:
    """Mean PSNR over samples, dB, weighted 6:1:1 over Y, U and V."""

    before: float
    after: float

    @property
    def gain(self) -> float:
        """What the network adds, dB."""
        return self.after - self.before


@dataclass(frozen=True)
class Example:
    """One sample's luma, (h, w) codes."""

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    truth: NDArray[np.float32]


def measure(
    model: keras.Model, files: Mapping[str, Path], batch: int
) -> tuple[dict[str, Score], dict[str, Example]]:
    """Score and first sample of each degradation's file.

    Args:
        model: with the weights to be measured.
        files: by degradation.
        batch: samples at a time, as in training, so that nothing is compiled twice.
    """
    scores, examples = {}, {}
    for name, path in files.items():
        inputs, truth = as_batch(np.load(path, mmap_mode="r"), 0, False)
        target, start = truth[..., :-1], _shown(before(inputs))
        after = _predict(model, inputs, batch)
        scores[name] = Score(*(float(psnr(each, target).mean()) for each in (start, after)))
        examples[name] = Example(*(_luma(each[0]) for each in (start, after, target)))
    return scores, examples


def _predict(
    model: keras.Model, inputs: Mapping[str, NDArray[np.float32]], batch: int
) -> NDArray[np.float32]:
    count = len(inputs["levels"])
    outputs = []
    for start in range(0, count, batch):
        numbers = np.arange(start, start + batch) % count  # the last batch is filled up
        part = model.predict_on_batch({name: each[numbers] for name, each in inputs.items()})
        outputs.append(np.asarray(part)[: count - start])
    return _shown(np.concatenate(outputs))


def _shown(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(np.rint(pictures), 0, 255)


def psnr(pictures: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) dB of packed pictures (n, h, w, 6) in codes, at most 100 a plane."""
    square = np.square(pictures.astype(np.float64) - truth)
    errors = np.stack([square[..., plane].mean(axis=(1, 2, 3)) for plane in _PLANES], axis=-1)
    floor = 255.0**2 / 10 ** (CEILING / 10)
    planes = 10 * np.log10(255.0**2 / np.maximum(errors, floor))
    decibels: NDArray[np.float64] = planes @ _WEIGHTS
    return decibels


def _luma(packed: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = packed.shape[:2]
    phases = packed[..., :4].reshape(height, width, 2, 2)
    return phases.transpose(0, 2, 1, 3).reshape(2 * height, 2 * width)
