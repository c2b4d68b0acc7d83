"""Train the estimate of compression: `python -m vdiff_plugin.training.compression FOOTAGE..`.

Footage is described before and after real encoders and noise; a perceptron learns the
error that the encoder left from the description. Minutes on two cores.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.atomic import require_writable
from vdiff_plugin.builtin.compression import BIAS, Perceptron, describe
from vdiff_plugin.builtin.noise import noise_level
from vdiff_plugin.contracts import Pixels
from vdiff_plugin.errors import MediaError, VdiffError
from vdiff_plugin.training.degrade import DEGRADATIONS
from vdiff_plugin.training.footage import (
    Sequence420,
    find_media,
    moving_still,
    read_still,
    read_video,
)
from vdiff_plugin.training.halving import LEAST_SIDE, sometimes_halved

logger = logging.getLogger(__name__)
_KINDS = ("untouched", "h264", "h264", "mpeg", "gaussian", "sensor", "correlated")
_ENCODERS = frozenset({"h264", "mpeg"})
_LENGTH = 20  # frames; a group of pictures has to form
_FRAMES = 2  # described of each degraded clip
_STILLS = 0.3  # share of the clips
_HALVED = 0.35  # of the videos: sharp footage is easily taken for compressed
_UNITS = 16
_EPOCHS = 400
_HELD_OUT = 0.2


@dataclass(frozen=True)
class Rows:
    """Descriptions (n, d) and errors in codes (n,), clip after clip."""

    descriptions: NDArray[np.float64]
    errors: NDArray[np.float64]


def gather(roots: Sequence[Path], clips: int, seed: int) -> Rows:
    """Describe frames of `clips` clips of the footage in every degradation.

    Raises:
        MediaError: no usable footage.
    """
    rng = np.random.default_rng(seed)
    videos, stills = find_media(roots)
    rows = [row for clean in _draw(videos, stills, clips, rng) for row in _described(clean, rng)]
    return Rows(np.array([row[0] for row in rows]), np.array([row[1] for row in rows]))


def _draw(
    videos: Sequence[Path], stills: Sequence[Path], clips: int, rng: np.random.Generator
) -> Iterator[Sequence420]:
    drawn = 0
    for _ in range(50 * clips):
        try:
            if stills and (not videos or rng.random() < _STILLS):
                still = stills[int(rng.integers(len(stills)))]
                yield moving_still(read_still(still), _LENGTH, rng)
            else:
                clip = read_video(videos[int(rng.integers(len(videos)))])
                clip = clip.cut(int(rng.integers(max(1, len(clip) - _LENGTH))), _LENGTH)
                yield sometimes_halved(clip, _HALVED, LEAST_SIDE, rng)
        except MediaError:
            continue
        drawn += 1
        if drawn == clips:
            return
    raise MediaError("the footage cannot be read; give folders of videos and stills")


def _described(
    clean: Sequence420, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.float64], float]]:
    for kind in _KINDS:
        seen = DEGRADATIONS[kind](clean, rng)
        if len(seen) != len(clean):
            continue
        for n in rng.choice(len(clean), _FRAMES, replace=False):
            noise = noise_level(Pixels(seen.luma[n], seen.chroma[n], 1.0))
            harm = seen.luma[n].astype(np.float64) - clean.luma[n]
            error = float(np.sqrt(np.mean(harm**2))) if kind in _ENCODERS else 0.0
            yield describe(seen.luma[n], noise[0]), error


def fit(rows: Rows, seed: int) -> Perceptron:
    """Fit a perceptron to all rows but the last fifth, and report on those."""
    import keras

    keras.utils.set_random_seed(seed)
    kept = int(len(rows.errors) * (1 - _HELD_OUT))
    centre = rows.descriptions[:kept].mean(axis=0)
    spread = rows.descriptions[:kept].std(axis=0) + 1e-6
    x = np.clip((rows.descriptions - centre) / spread, -4, 4)
    y = np.log2(rows.errors + BIAS)
    model = keras.Sequential(
        [
            keras.layers.Dense(_UNITS, "tanh", kernel_regularizer=keras.regularizers.L2(1e-4)),
            keras.layers.Dense(1),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(5e-3, _EPOCHS * (kept // 128 + 1))
    model.compile(keras.optimizers.Adam(rate), "mse")
    model.fit(x[:kept], y[:kept], batch_size=128, epochs=_EPOCHS, verbose=0)
    guess = model.predict(x[kept:], verbose=0)[:, 0]
    _report(y[kept:], guess)
    parts = [np.asarray(weight, np.float64) for weight in model.get_weights()]
    hidden = np.concatenate([parts[0], parts[1][None]])
    out = np.concatenate([parts[2][:, 0], parts[3]])
    return Perceptron(centre, spread, hidden, out)


def _report(truth: NDArray[np.float64], guess: NDArray[np.float64]) -> None:
    error = guess - truth
    logger.info("held out: error %.2f of spread %.2f octaves", error.std(), truth.std())
    levels = 2.0**truth - BIAS
    for low, high in ((0, 0.01), (0.01, 2), (2, 4), (4, 8), (8, 99)):
        here = (levels >= low) & (levels < high)
        if here.any():
            told = np.percentile(np.maximum(2.0 ** guess[here] - BIAS, 0), [10, 50, 90])
            logger.info("true %g..%g codes: told %s", low, high, np.round(told, 2))


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m vdiff_plugin.training.compression")
    parser.add_argument("footage", type=Path, nargs="+", help="folders of clean videos and stills")
    parser.add_argument("-o", "--out", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--clips", type=int, default=1200, help="drawn in all (default 1200)")
    parser.add_argument("--seed", type=int, default=1, help="of everything random (default 1)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from safetensors.numpy import save_file

    try:
        require_writable(options.out, overwrite=True, sources=())
        perceptron = fit(gather(options.footage, options.clips, options.seed), options.seed)
    except VdiffError as error:
        parser.exit(error.exit_code, f"vdiff: {error}\n")
    save_file(vars(perceptron), options.out)


if __name__ == "__main__":
    main()
