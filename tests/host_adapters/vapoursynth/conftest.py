"""Weights that make every bit of a window visible, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vdiff_plugin.networks import random_weights_file


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights_file(tmp_path_factory.mktemp("weights"))
