"""Between two trainings: `python -m vdiff_plugin.training.blend A B --share 0.6 -o C`.

A network that was taught something new forgets some of the old. Where both trainings began
with the same weights, weights between theirs keep most of either (M. Wortsman et al.,
"Robust fine-tuning of zero-shot models", CVPR 2022).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from vdiff_plugin.atomic import unwritable
from vdiff_plugin.errors import SettingsError, VdiffError, WeightsError
from vdiff_plugin.model.weights import (
    Layer,
    Weights,
    load_weights,
    quantise_kernel,
    save_weights,
)


def blended(old: Weights, new: Weights, share: float) -> Weights:
    """Weights `share` (0..1) of the way from `old` to `new`, in integers again.

    Raises:
        WeightsError: they are of different networks.
        SettingsError: a share outside its range.
    """
    if not 0 <= share <= 1:
        raise SettingsError(f"share {share:g} is outside 0..1; give one within")
    if old.architecture != new.architecture:
        raise WeightsError(
            "weights of two networks cannot be blended; give two of one preset and depth"
        )
    layers = {name: _between(layer, new.layers[name], share) for name, layer in old.layers.items()}
    return Weights(layers, new.metadata)


def _between(old: Layer, new: Layer, share: float) -> Layer:
    kernel, bias = (
        (1 - share) * one.astype(np.float64) + share * other
        for one, other in zip(old.real, new.real, strict=True)
    )
    integers, shift = quantise_kernel(kernel.astype(np.float32))
    return Layer(integers, shift, np.rint(np.ldexp(bias, shift.astype(np.int32))).astype(np.int32))


def main() -> None:
    """Parse the command line and blend."""
    parser = argparse.ArgumentParser(prog="python -m vdiff_plugin.training.blend")
    parser.add_argument("old", type=Path, help="weights file")
    parser.add_argument("new", type=Path, help="weights file that began with it, or alike")
    parser.add_argument("--share", type=float, default=0.5, help="of the new one, 0 to 1")
    parser.add_argument("-o", "--out", type=Path, required=True, help="weights file to write")
    given = parser.parse_args()
    try:
        old, new = load_weights(given.old), load_weights(given.new)
        save_weights(given.out, blended(old, new, given.share))
    except VdiffError as error:
        parser.exit(error.exit_code, f"vdiff: {error}\n")
    except OSError as error:
        parser.exit(1, f"vdiff: {unwritable(given.out, error.errno)}\n")


if __name__ == "__main__":
    main()
