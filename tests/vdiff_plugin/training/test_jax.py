"""The same networks learn under Keras's JAX backend, and compute the same bits there."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

_TESTS = (
    "test_training.py::test_training_and_inference_give_the_same_bits[fast]",
    "test_training.py::test_a_recipe_trains_a_network_that_loads",
)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(find_spec("jax") is None, reason="needs jax")
def test_training_under_jax() -> None:
    folder = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(str(folder / name) for name in _TESTS)],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout
