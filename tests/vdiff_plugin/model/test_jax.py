"""The network under Keras's JAX backend: the bits of the reference, on whatever JAX runs on."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

_RUN = """
import time
import jax
import numpy as np
from tests.vdiff_plugin.networks import random_fusion
from vdiff_plugin.builtin.reference import NumpyBackend
from vdiff_plugin.model.arrays import change_of, window_arrays
from vdiff_plugin.model.graph import Planes, WindowTensors, restore_graph
from vdiff_plugin.model.keras_ops import InferenceOps
from vdiff_plugin.model.weights import load_weights
from vdiff_plugin.plugins import load_offers

for preset in ("fast", "quality"):
    path = load_offers().weights_for("restore", preset).path
    weights = load_weights(path)
    fusion = random_fusion(96, 128, channels=weights.preset.features)
    arrays = window_arrays(fusion)
    codes = [np.asarray(each, np.float32) * arrays.scale
             for each in (arrays.luma, arrays.chroma, arrays.lumas, arrays.chromas)]
    window = WindowTensors(
        centre=Planes(codes[0], codes[1]),
        neighbours=Planes(codes[2], codes[3]),
        features=np.asarray(arrays.features, np.float32),
        neighbour_features=np.asarray(arrays.neighbour_features, np.float32),
        valid=arrays.valid,
        levels=arrays.levels,
    )
    ops = InferenceOps(weights.layers)
    change = change_of(*map(np.asarray, restore_graph(ops, weights.preset, window)))
    expected = NumpyBackend().load(path, device="cpu", precision="fp32").restore(fusion)
    np.testing.assert_array_equal(change.luma, expected.luma)
    np.testing.assert_array_equal(change.chroma, expected.chroma)
print(jax.devices()[0].platform)
"""


def _run_under_jax() -> str:
    done = subprocess.run(
        [sys.executable, "-c", _RUN],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jax") is None, reason="needs jax")
def test_jax_gives_the_bits_of_the_reference() -> None:
    assert _run_under_jax() in {"cpu", "gpu", "cuda", "rocm", "tpu"}
