"""How far an encoder has carried a frame from its source, judged from that frame alone.

Encoders work on blocks of 4, 8 and 16 samples. What is left of that after their loop
filters: neighbouring samples differ otherwise across the lines of the block grid than
inside blocks, many do not differ at all, and fine detail is missing. Each is a ratio of
means over the picture, so it says nothing about footage that never met an encoder; a
small perceptron, trained on footage before and after real encoders, turns them into the
error in codes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.native.library import available, kernels

BIAS = 0.3  # codes; errors e are learnt as log2(e + BIAS), so that clean footage has a place
_TRAINED = Path(__file__).with_name("compression.safetensors")
_GRID = 8  # samples; what encoders do repeats at 4 or 8
_BAND, _PITCH = 8, 32  # lines looked at, of so many
_CEILING = 24  # codes; edges of things must not outweigh the rest
_SMALLEST = 32  # samples a side
_CURB = 0.02  # codes; keeps logarithms of empty pictures finite
_HIGHEST = 16.0  # codes

Rows = NDArray[np.uint8]


@dataclass(frozen=True)
class Perceptron:
    """One hidden layer.

    Attributes:
        centre, spread: of the descriptions it was trained on, (d,).
        hidden: (d + 1, n), the last row a bias.
        out: (n + 1,), the last a bias.
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    hidden: NDArray[np.float64]
    out: NDArray[np.float64]

    def __call__(self, description: NDArray[np.float64]) -> float:
        """log2(error + BIAS) of the frame described."""
        x = np.clip((description - self.centre) / self.spread, -4, 4)
        units = np.tanh((x[:, None] * self.hidden[:-1]).sum(axis=0) + self.hidden[-1])
        return float((units * self.out[:-1]).sum() + self.out[-1])


def compression_level(luma: NDArray[np.uint8], noise: float) -> float:
    """Root mean square error of luma that an encoder is thought to have left.

    Args:
        luma: (H, W) 8-bit codes.
        noise: level of its noise as `noise.noise_level` gives it.

    Returns:
        Codes, 0..16; 0 for pictures under 32 samples a side.
    """
    if min(luma.shape) < _SMALLEST:
        return 0.0
    error = 2.0 ** _perceptron()(describe(luma, noise)) - BIAS
    return float(min(max(error, 0.0), _HIGHEST))


def describe(luma: NDArray[np.uint8], noise: float) -> NDArray[np.float64]:
    """What the perceptron judges by, (d,): logarithms and ratios, means of both directions."""
    both = np.mean([_along(bands) for bands in _bands(luma)], axis=0)
    return np.concatenate([both, [np.log(noise + 0.1)]])


def _bands(luma: NDArray[np.uint8]) -> tuple[Rows, Rows]:
    """A quarter of the rows, and a quarter of the columns as rows; bands of eight."""
    height, width = (size // _PITCH * _PITCH for size in luma.shape)
    rows = luma[:height].reshape(-1, _PITCH, luma.shape[1])[:, :_BAND]
    columns = luma[:, :width].reshape(luma.shape[0], -1, _PITCH)[..., :_BAND]
    flat = np.ascontiguousarray(columns.reshape(luma.shape[0], -1).T)
    return np.ascontiguousarray(rows.reshape(-1, luma.shape[1])), flat


def _along(rows: Rows) -> NDArray[np.float64]:
    count, width = rows.shape
    sums = _sums_natively(rows) if available() else _sums_in_numpy(rows)
    first, equal, third = (
        _phases(sums[_GRID * i : _GRID * (i + 1)], count, width - order)
        for i, order in enumerate((1, 1, 3))
    )
    second, still = int(sums[-2]), int(sums[-1])
    return np.array(
        [
            *_contrast(first, 3),
            *_contrast(equal, 3),
            *_contrast(third, 2),
            _log(second / (count * (width - 2))) - _log(sum(first) / _GRID),
            _log(still / (count * (width - 3))),
        ]
    )


def _sums_natively(rows: Rows) -> NDArray[np.int64]:
    """By place in the grid, 8 each: first differences, equal neighbours, third differences.

    Then second differences, and three equal neighbours in a row.
    """
    sums = np.empty(3 * _GRID + 2, np.int64)
    kernels().differences(
        rows.ctypes.data, rows.strides[0], *rows.shape, _CEILING, sums.ctypes.data
    )
    return sums


def _sums_in_numpy(rows: Rows) -> NDArray[np.int64]:
    signed = rows.astype(np.int64)
    size, second = (np.abs(signed[:, by:] - signed[:, :-by]) for by in (1, 2))
    bend = np.abs(3 * (signed[:, 1:-2] - signed[:, 2:-1]) + signed[:, 3:] - signed[:, :-3])
    equal = size == 0
    still = equal[:, :-2] & equal[:, 1:-1] & equal[:, 2:]
    measures = (np.minimum(size, _CEILING), equal, np.minimum(bend, 2 * _CEILING))
    places = [each[:, place::_GRID].sum() for each in measures for place in range(_GRID)]
    return np.array([*places, np.minimum(second, _CEILING).sum(), still.sum()], np.int64)


def _phases(sums: NDArray[np.int64], count: int, width: int) -> list[float]:
    """Mean of each column's place in the grid."""
    columns = [len(range(place, width, _GRID)) for place in range(_GRID)]
    return [int(total) / (count * many) for total, many in zip(sums, columns, strict=True)]


def _contrast(phases: list[float], border: int) -> list[float]:
    """How unlike each other the places are; `border` straddles the grid of 4."""
    quarters = [(phases[place] + phases[place + 4]) / 2 for place in range(4)]
    least, low, high, most = sorted(quarters)
    middle, mean = _log((low + high) / 2), sum(phases) / _GRID
    spread = math.sqrt(sum((phase - mean) ** 2 for phase in phases) / _GRID)
    return [
        _log(mean),
        _log(most) - middle,
        _log(least) - middle,
        spread / (mean + _CURB),
        _log(quarters[border]) - middle,
        _log(phases[border + 4]) - _log(phases[border]),
        _log(quarters[(border + 2) % 4]) - middle,
    ]


def _log(value: float) -> float:
    return math.log(value + _CURB)


@cache
def _perceptron() -> Perceptron:
    from safetensors.numpy import load_file

    return Perceptron(**load_file(_TRAINED))
