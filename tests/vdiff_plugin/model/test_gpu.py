"""Networks on a GPU, and what vdiff does where TensorFlow cannot use the one that is there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.vdiff_plugin.networks import random_fusion
from vdiff_plugin.builtin.keras_backend import KerasBackend
from vdiff_plugin.builtin.native_backend import NativeBackend
from vdiff_plugin.builtin.reference import NumpyBackend
from vdiff_plugin.engine import Engine
from vdiff_plugin.model import gpus
from vdiff_plugin.model.presets import PRESETS
from vdiff_plugin.model.quiet import import_tensorflow
from vdiff_plugin.plugins import load_offers
from vdiff_plugin.settings import Settings


@pytest.fixture
def idle_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a GPU and no library that drives it, such as most with a display."""
    if gpus.tensorflow_gpus():
        pytest.skip("TensorFlow can use the GPU here")
    monkeypatch.setattr(gpus, "has_gpu", lambda: True)
    monkeypatch.setattr(gpus, "find_library", lambda _: None)


@pytest.mark.usefixtures("idle_gpu")
def test_a_gpu_without_its_library_leaves_the_fastest_backend_in_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def import_nothing() -> None:
        pytest.fail("TensorFlow was imported to learn that it cannot use the GPU")

    monkeypatch.setattr(gpus, "import_tensorflow", import_nothing)
    keras = KerasBackend()
    assert list(keras.devices()) == ["cpu"]
    assert keras.speed("auto") < NativeBackend().speed("auto")


@pytest.mark.usefixtures("idle_gpu")
def test_a_gpu_that_tensorflow_does_not_see_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "find_library", lambda name: f"lib{name}.so")
    assert list(KerasBackend().devices()) == ["cpu"]


@pytest.mark.parametrize(("names", "count"), [((), 0), (("nvidia0", "nvidia1", "nvidiactl"), 2)])
def test_gpus_are_counted_by_their_devices(
    tmp_path: Path, names: tuple[str, ...], count: int
) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert gpus.gpu_count(tmp_path) == count
    assert gpus.has_gpu(tmp_path) == bool(count)


@pytest.mark.gpu
@pytest.mark.parametrize("preset", ["fast", "quality"])
def test_a_gpu_gives_the_bits_of_the_reference(preset: str) -> None:
    path = load_offers().weights_for("restore", preset).path
    expected = NumpyBackend().load(path, device="cpu", precision="fp32")
    fusion = random_fusion(channels=PRESETS[preset].features, height=96, width=128)
    for device in KerasBackend().devices()[1:]:
        network = KerasBackend().load(path, device=device, precision="auto")
        np.testing.assert_array_equal(
            network.extract(fusion.centre), expected.extract(fusion.centre)
        )
        np.testing.assert_array_equal(network.restore(fusion).luma, expected.restore(fusion).luma)


@pytest.mark.gpu
def test_a_gpu_is_chosen_where_there_is_one_and_gives_back_its_memory() -> None:
    with Engine() as engine:
        engine.network(Settings.of()).restore(
            random_fusion(channels=PRESETS["fast"].features, height=96, width=128)
        )
    memory = import_tensorflow().config.experimental.get_memory_info("GPU:0")
    assert 0 < memory["peak"] < 2**30  # not all of it, as TensorFlow takes by default


@pytest.mark.gpu
def test_the_processor_can_still_be_asked_for() -> None:
    assert KerasBackend().speed("cpu") < NativeBackend().speed("cpu")
    assert KerasBackend().speed("auto") > NativeBackend().speed("auto")
