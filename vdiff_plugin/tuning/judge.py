"""Judgement on held-out frames: has the network gained, beyond what chance may give?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.tuning.batches import as_pairs

if TYPE_CHECKING:
    import keras

_GROUPS = 8  # of neighbouring patches, left out in turn
_CERTAIN = 2.0  # standard errors
_LEAST = 0.01  # dB against noisy targets
_PLANES = ((slice(0, 4), 6 / 8), (slice(4, 6), 2 / 8))  # Y and UV with their shares

Errors = NDArray[np.float64]


@dataclass(frozen=True)
class Gain:
    """What a network is better by than the bundled one, against noisy targets.

    The targets' noise, which no network can foresee, is part of both errors, so this is
    less than what is gained against the picture without noise.

    Attributes:
        decibels: weighted 6:2 over luma and chroma.
        uncertainty: its standard error.
    """

    decibels: float
    uncertainty: float

    @property
    def certain(self) -> bool:
        """Whether it is more than chance."""
        return self.decibels > max(_LEAST, _CERTAIN * self.uncertainty)


def errors_of(model: keras.Model, records: NDArray[np.void], batch: int) -> Errors:
    """(n, 2): summed squares of luma and chroma of each patch, where its target counts."""
    sums = []
    for start in range(0, len(records), batch):
        numbers = np.arange(start, start + batch) % len(records)  # the last batch is filled up
        inputs, truth = as_pairs(records[numbers])
        predicted = np.asarray(model.predict_on_batch(inputs), np.float64)
        square = np.square(np.clip(np.rint(predicted), 0, 255) - truth[..., :-1])
        square *= truth[..., -1:]
        part = np.stack([square[..., plane].sum(axis=(1, 2, 3)) for plane, _ in _PLANES], axis=-1)
        sums.append(part[: len(records) - start])
    return np.concatenate(sums)


def gain_of(before: Errors, after: Errors) -> Gain:
    """Gain and its uncertainty by the jackknife over groups of neighbouring patches."""
    groups = np.array_split(np.arange(len(before)), min(_GROUPS, len(before)))
    others = [np.delete(np.arange(len(before)), group) for group in groups]
    parts = [_decibels(before[each], after[each]) for each in others if len(each)]
    return Gain(_decibels(before, after), _jackknife(parts))


def _decibels(before: Errors, after: Errors) -> float:
    ratios = np.maximum(before.sum(axis=0), 1e-9) / np.maximum(after.sum(axis=0), 1e-9)
    shares = [share for _, share in _PLANES]
    return float(10 * np.log10(ratios) @ shares)


def _jackknife(parts: Sequence[float]) -> float:
    if len(parts) < 2:
        return math.inf
    return math.sqrt((len(parts) - 1) * float(np.var(parts)))
