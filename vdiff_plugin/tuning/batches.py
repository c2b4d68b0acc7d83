"""Batches of pairs, and the loss that counts only where a target is to be trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops as k
from numpy.typing import NDArray

from vdiff_plugin.model.ops import Tensor
from vdiff_plugin.training.batches import Batch, SampleBatches, as_batch
from vdiff_plugin.tuning.noise import Noise

_CHROMA = 2 / 3  # a chroma sample's weight against a luma sample's: planes count 6:1:1
_CURB = 100.0  # positions; patches of which little counts must not weigh as much as others


class PairBatches(SampleBatches):
    """Random batches of `pairs.pair_dtype` records; batch i of a seed is always the same."""

    def __getitem__(self, index: int) -> Batch:
        """Network inputs, and six target channels with the weight of each position."""
        rng = np.random.default_rng((self._seed, self.first + index))
        records = np.stack([self._record(int(number)) for number in self._draw(rng)])
        return as_pairs(records, int(rng.integers(8)), bool(rng.integers(2)))


def as_pairs(records: NDArray[np.void], turn: int = 0, backwards: bool = False) -> Batch:
    """See `training.batches.as_batch`; the truth's last channel is the weight."""
    inputs, truth = as_batch(records, turn, backwards)
    weight = _turned(records["weight"], turn)[..., None]
    return inputs, np.concatenate([truth[..., :-1], weight.astype(np.float32)], axis=-1)


def _turned(weight: NDArray[Any], turn: int) -> NDArray[Any]:
    if turn & 1:
        weight = weight[..., ::-1]
    if turn & 2:
        weight = weight[..., ::-1, :]
    return np.swapaxes(weight, -2, -1) if turn & 4 else weight


def weighted_square(noise: Noise) -> Callable[[Tensor, Tensor], Tensor]:
    """Squared error in units of the noise, where the target counts.

    Squares and nothing else: their least mean is at the mean of what the target may be,
    which is the picture. An absolute error would lead to the median.
    """
    luma, chroma = (max(each, 0.5) ** 2 for each in (noise.luma, noise.chroma))
    scale = np.array([1 / luma] * 4 + [_CHROMA / chroma] * 2, np.float32)

    def loss(truth: Tensor, predicted: Tensor) -> Tensor:
        weight = truth[..., -1:]
        error = k.square(predicted - truth[..., :-1]) * scale * weight
        return k.sum(error, axis=(1, 2, 3)) / (k.sum(weight, axis=(1, 2, 3)) + _CURB)

    return loss
