"""Every backend gives the bits of the NumPy reference."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.vdiff_plugin.networks import random_fusion, random_weights_file
from vdiff_plugin.builtin.keras_backend import KerasBackend
from vdiff_plugin.builtin.native_backend import NativeBackend, Plans
from vdiff_plugin.builtin.openvino_backend import OpenVinoBackend
from vdiff_plugin.builtin.reference import NumpyBackend
from vdiff_plugin.builtin.tiling import TiledNetwork
from vdiff_plugin.contracts import Backend, Network
from vdiff_plugin.errors import SettingsError
from vdiff_plugin.model.presets import PRESETS
from vdiff_plugin.model.shapes import arithmetic
from vdiff_plugin.native import steps
from vdiff_plugin.native.library import Instructions, kernels

BACKENDS: dict[str, type[Backend]] = {
    "keras": KerasBackend,
    "native": NativeBackend,
    "openvino": OpenVinoBackend,
}
WINDOWS = {
    "8 bit": {"height": 48, "width": 80},
    "8 bit, clip start": {"height": 64, "width": 48, "missing": (0, 1)},
    "alone": {"height": 32, "width": 32, "missing": (0, 1, 2, 3)},
    "10 bit": {"height": 48, "width": 64, "dtype": np.uint16, "scale": 0.25},
    "16 bit": {"height": 48, "width": 64, "dtype": np.uint16, "scale": 1 / 16},
}


def _network(kind: str, path: Path) -> Network:
    backend = BACKENDS[kind]()
    if missing := backend.missing():
        pytest.skip(missing)
    return backend.load(path, device="cpu", precision="fp32")


@pytest.mark.parametrize("preset", ["fast", "quality"])
@pytest.mark.parametrize("kind", BACKENDS)
def test_backends_equal_the_reference(tmp_path: Path, kind: str, preset: str) -> None:
    path = random_weights_file(tmp_path, preset)
    network = _network(kind, path)
    reference = NumpyBackend().load(path, device="cpu", precision="fp32")
    assert network.fingerprint == reference.fingerprint
    for seed, window in enumerate(WINDOWS.values()):
        fusion = random_fusion(channels=PRESETS[preset].features, seed=seed, **window)
        expected, got = reference.restore(fusion), network.restore(fusion)
        assert np.abs(expected.luma).mean() > 1
        np.testing.assert_array_equal(got.luma, expected.luma)
        np.testing.assert_array_equal(got.chroma, expected.chroma)
        features = reference.extract(fusion.centre)
        assert features.std() > 1
        np.testing.assert_array_equal(network.extract(fusion.centre), features)


@pytest.mark.parametrize("preset", ["fast", "quality"])
@pytest.mark.parametrize("kind", BACKENDS)
def test_tiles_equal_the_whole(tmp_path: Path, kind: str, preset: str) -> None:
    network = _network(kind, random_weights_file(tmp_path, preset))
    fusion = random_fusion(208, 336, channels=PRESETS[preset].features)
    whole = network.restore(fusion)
    for tile in (64, 80, 192):
        tiled = TiledNetwork(network, tile).restore(fusion)
        np.testing.assert_array_equal(tiled.luma, whole.luma)
        np.testing.assert_array_equal(tiled.chroma, whole.chroma)


@pytest.mark.parametrize("most", Instructions)
@pytest.mark.parametrize("preset", ["fast", "quality"])
def test_bands_and_instructions_do_not_matter(
    tmp_path: Path, preset: str, most: Instructions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bands of four rows, over arrays that still hold another window."""
    path = random_weights_file(tmp_path, preset)
    network = _network("native", path)
    reference = NumpyBackend().load(path, device="cpu", precision="fp32")
    monkeypatch.setattr(steps, "_BAND", 1)
    size, channels = (80, 144), PRESETS[preset].features
    with kernels().limited(most):
        for seed in range(3):
            missing = (0, 3)[:seed]
            fusion = random_fusion(*size, channels=channels, seed=seed, missing=missing)
            expected, got = reference.restore(fusion), network.restore(fusion)
            np.testing.assert_array_equal(got.luma, expected.luma)
            np.testing.assert_array_equal(got.chroma, expected.chroma)


def test_native_calls_run_side_by_side(tmp_path: Path) -> None:
    """Each thread has arrays of its own, also when picture sizes alternate."""
    network = _network("native", random_weights_file(tmp_path))
    assert network.concurrent
    fusions = [random_fusion(48 + 16 * (seed % 3), 80, seed=seed) for seed in range(12)]
    alone = [network.restore(fusion).luma for fusion in fusions]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda fusion: network.restore(fusion).luma, fusions * 4))
    for index, luma in enumerate(together):
        np.testing.assert_array_equal(luma, alone[index % len(alone)])


def test_plans_of_a_few_sizes_are_kept_and_no_more() -> None:
    made: list[tuple[int, ...]] = []
    plans = Plans(lambda size: made.append(size) or size)
    for size in [(1, 1), (2, 2), (3, 3)] * 3:
        with plans.borrow(size) as plan:
            assert plan == size
    assert len(made) == 3
    with plans.borrow((1, 1)), plans.borrow((1, 1)):
        assert len(made) == 4  # one is lent, so another is made
    for size in [(n, n) for n in range(4, 9)]:
        with plans.borrow(size):
            pass
    with plans.borrow((1, 1)):
        assert made.count((1, 1)) == 3  # it was let go for newer ones


def test_a_smaller_halo_would_show(tmp_path: Path) -> None:
    """The receptive field is real: tiles with half of it differ, so the test above bites."""
    network = NumpyBackend().load(random_weights_file(tmp_path), device="cpu", precision="fp32")
    fusion = random_fusion(64, 160)
    whole = network.restore(fusion)
    network.halo = 16
    tiled = TiledNetwork(network, 64).restore(fusion)
    assert (tiled.luma != whole.luma).any()


def test_a_missing_neighbour_weighs_nothing(tmp_path: Path) -> None:
    network = NumpyBackend().load(random_weights_file(tmp_path), device="cpu", precision="fp32")
    alone = network.restore(random_fusion(32, 32, missing=(0, 1, 2, 3)))
    joined = network.restore(random_fusion(32, 32))
    assert (alone.luma != joined.luma).any()


def test_presets_cost_what_they_promise() -> None:
    assert arithmetic(PRESETS["fast"]) < 6_500  # multiply-adds a pixel
    assert arithmetic(PRESETS["quality"]) < 35_000


SILENT = """
import sys
from pathlib import Path
from tests.vdiff_plugin.networks import random_fusion
from vdiff_plugin.builtin.keras_backend import KerasBackend
from vdiff_plugin.builtin.openvino_backend import OpenVinoBackend
for backend in (KerasBackend(), OpenVinoBackend()):
    network = backend.load(Path(sys.argv[1]), device="cpu", precision="auto")
    network.restore(random_fusion(32, 32))
assert sys.modules["openvino_telemetry"] is None
assert not any(name.startswith("openvino_telemetry.") for name in sys.modules)
"""


def test_backends_send_nothing_and_say_nothing(tmp_path: Path) -> None:
    """Footage and its use are nobody's business: the sender must not even be imported.

    In a process of its own, as others in this one may import what they like.
    """
    path = random_weights_file(tmp_path)
    _network("openvino", path)
    done = subprocess.run(
        [sys.executable, "-c", SILENT, path],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "1"},  # as JAX leaves it
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("backend", [NumpyBackend, OpenVinoBackend, NativeBackend])
def test_backends_refuse_what_they_cannot_run(tmp_path: Path, backend: type[Backend]) -> None:
    path = random_weights_file(tmp_path)
    with pytest.raises(SettingsError, match="choose backend keras"):
        backend().load(path, device="gpu:0", precision="fp32")
    with pytest.raises(SettingsError, match="choose backend keras"):
        backend().load(path, device="cpu", precision="bf16")


def test_keras_names_the_devices_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no device 'gpu:7'; have cpu"):
        KerasBackend().load(random_weights_file(tmp_path), device="gpu:7", precision="auto")


def test_bfloat16_gives_the_same_bits_in_any_tile(tmp_path: Path) -> None:
    path = random_weights_file(tmp_path)
    network = KerasBackend().load(path, device="cpu", precision="bf16")
    fusion = random_fusion(80, 96)
    whole = network.restore(fusion)
    tiled = TiledNetwork(network, 64).restore(fusion)
    np.testing.assert_array_equal(tiled.luma, whole.luma)
    exact = NumpyBackend().load(path, device="cpu", precision="fp32").restore(fusion)
    assert np.abs(whole.luma - exact.luma).mean() < 1
