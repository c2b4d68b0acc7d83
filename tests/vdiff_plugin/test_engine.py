from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.vdiff_plugin.chain import SMALL, engine_with, noise_clip, offers_of, plugin, samples
from vdiff_plugin.contracts import Change, Footprint, Fusion, Network, Pixels, WeightsFile
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import SettingsError, UnknownNameError, UsageError, WeightsError
from vdiff_plugin.settings import Settings

PIXELS = Pixels(np.zeros((16, 16), np.uint8), np.zeros((8, 8, 2), np.uint8), 1.0)


class AddingNetwork:
    """A network whose one weight is a file's first byte: it adds that much light."""

    radius, stride, halo, alignment, concurrent = 1, 16, 0, "dis", False
    footprint = Footprint(features=1 / 16, working=8)

    def __init__(self, path: Path) -> None:
        self.fingerprint = path.read_bytes()
        self.inside = 0

    def extract(self, pixels: Pixels) -> NDArray[np.uint8]:
        self._alone()
        return np.ascontiguousarray(pixels.luma[::4, ::4, None])

    def restore(self, fusion: Fusion) -> Change:
        self._alone()
        height, width = fusion.centre.luma.shape
        light = np.full((height, width), self.fingerprint[0], np.float32)
        return Change(light, np.zeros((height // 2, width // 2, 2), np.float32))

    def _alone(self) -> None:
        self.inside += 1
        time.sleep(0.001)
        assert self.inside == 1
        self.inside -= 1


class AddingBackend:
    """Runs `AddingNetwork` and counts what it loads."""

    def __init__(
        self,
        speed: int,
        missing: str = "",
        devices: Sequence[str] = ("cpu",),
        speeds: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._speed = speed
        self._speeds = speeds
        self._missing = missing
        self._devices = devices
        self.loaded: list[tuple[str, str, str]] = []

    def missing(self) -> str:
        return self._missing

    def devices(self) -> Sequence[str]:
        return self._devices

    def speed(self, device: str) -> int:
        return self._speeds.get(device, self._speed)

    def load(self, path: Path, *, device: str, precision: str) -> Network:
        self.loaded.append((path.name, device, precision))
        return AddingNetwork(path)


BACKENDS = {
    "slow": AddingBackend(1, devices=("cpu", "gpu:0")),
    "quick": AddingBackend(5),
    "brisk": AddingBackend(3, speeds={"cpu": 7}),
    "absent": AddingBackend(9, missing="its library is not installed; pip install it"),
}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    for backend in BACKENDS.values():
        backend.loaded.clear()
    offered = plugin(
        vdiff_weights=lambda: [
            write_weights(tmp_path, "fast", 1),
            write_weights(tmp_path, "best", 2),
        ],
        vdiff_backends=lambda: {name: lambda b=b: b for name, b in BACKENDS.items()},
    )
    with Engine(offers=offers_of(offered, ours=False)) as engine:
        yield engine


def write_weights(folder: Path, preset: str, light: int) -> WeightsFile:
    path = folder / preset
    path.write_bytes(bytes([light]))
    return WeightsFile(path=path, task="restore", preset=preset)


def loaded() -> dict[str, list[tuple[str, str, str]]]:
    return {name: backend.loaded for name, backend in BACKENDS.items() if backend.loaded}


def test_auto_takes_the_fastest_backend_that_can_run_here(engine: Engine) -> None:
    engine.network(Settings.of())
    assert loaded() == {"quick": [("fast", "auto", "auto")]}


def test_which_one_is_fastest_depends_on_the_device(engine: Engine) -> None:
    engine.network(Settings.of(device="cpu"))
    assert loaded() == {"brisk": [("fast", "cpu", "auto")]}


def test_a_backend_asked_for_is_taken(engine: Engine) -> None:
    engine.network(Settings.of(backend="slow", preset="best", device="cpu", precision="fp32"))
    assert loaded() == {"slow": [("best", "cpu", "fp32")]}


@pytest.mark.parametrize("device", ["gpu", "gpu:0"])
def test_a_wish_for_a_gpu_decides_among_backends(engine: Engine, device: str) -> None:
    engine.network(Settings.of(device=device))
    assert list(loaded()) == ["slow"]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (
            {"backend": "absent"},
            "no backend can run the network on auto .absent: its library is not",
        ),
        (
            {"backend": "quick", "device": "gpu"},
            "on gpu .quick: has cpu.; give --device cpu or auto",
        ),
        (
            {"device": "gpu:1"},
            "absent: .*, brisk: has cpu, quick: has cpu, slow: has cpu, gpu:0.; give",
        ),
    ],
)
def test_what_no_backend_can_do_is_explained(
    engine: Engine, wish: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        engine.network(Settings.of(**wish))


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"backend": "torch"}, "no backend 'torch'; have absent, brisk, quick, slow"),
        ({"task": "sharpen"}, "no task 'sharpen'; have restore"),
        ({"preset": "tiny"}, "no preset 'tiny' for task restore; have best, fast"),
    ],
)
def test_unknown_names_list_what_exists(engine: Engine, wish: dict[str, str], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        engine.network(Settings.of(**wish))


def test_a_weights_file_of_ones_own_wins_over_task_and_preset(
    engine: Engine, tmp_path: Path
) -> None:
    own = write_weights(tmp_path, "own", 9).path
    network = engine.network(Settings.of(weights=own, task="whatever"))
    assert network.fingerprint == b"\x09"
    with pytest.raises(WeightsError, match="nowhere: No such file or directory; give a readable"):
        engine.network(Settings.of(weights=tmp_path / "nowhere"))


def test_a_network_is_loaded_once_and_again_when_its_file_has_changed(
    engine: Engine, tmp_path: Path
) -> None:
    chosen = Settings.of()
    with ThreadPoolExecutor(8) as pool:
        networks = set(pool.map(engine.network, [chosen] * 16))
    assert len(networks) == len(BACKENDS["quick"].loaded) == 1
    write_weights(tmp_path, "fast", 7)
    assert engine.network(chosen).fingerprint == b"\x07"
    assert engine.network(Settings.of(precision="fp32")) is not engine.network(chosen)


def test_networks_are_called_one_at_a_time(engine: Engine) -> None:
    networks = [engine.network(Settings.of(preset=preset)) for preset in ("fast", "best")]
    fusion = Fusion(PIXELS, np.zeros((4, 4, 1), np.uint8), [None, None], (0.0, 0.0, 0.0))

    def call(index: int) -> float:
        network = networks[index % 2]
        if index % 3:
            return float(network.restore(fusion).luma[0, 0])
        return float(network.extract(PIXELS)[0, 0, 0])

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(call, range(24)))
    assert given == [(index % 2 + 1 if index % 3 else 0) for index in range(24)]
    facts = {(each.radius, each.stride, each.halo, each.alignment) for each in networks}
    assert facts == {(1, 16, 0, "dis")}


def test_the_cache_is_as_large_as_the_largest_wish() -> None:
    with engine_with() as engine:
        sizes = []
        for cache in ("1M", "3M", "2M"):
            engine.open(SMALL, Settings.of(stages="mean", cache=cache))
            sizes.append(engine.cache.limit)
    assert sizes == [1 << 20, 3 << 20, 3 << 20]


def test_closing_an_engine_closes_its_sessions_and_lets_go(engine: Engine) -> None:
    frames = dict(enumerate(noise_clip(3)))
    session = engine.open(SMALL.with_length(3), Settings.of(stages="mean,mean"))
    engine.network(Settings.of())
    session.render(1, frames)
    assert engine.cache.statistics.entries
    engine.close()
    with pytest.raises(UsageError, match="session is closed"):
        session.render(1, frames)
    assert not engine.cache.statistics.entries
    assert not engine._networks


def test_parts_are_built_by_name_with_their_options() -> None:
    part = plugin(
        vdiff_extractors=lambda: {"sized": lambda services, size="3": (services, size)},
        vdiff_aligners=lambda: {"none": lambda: "aligner"},
    )
    with engine_with(part) as engine:
        built: list[object] = [engine.extractor(name) for name in ("sized", "sized:size=5")]
        assert built == [(engine, "3"), (engine, "5")]
        with pytest.raises(SettingsError, match="feature extractor pixel has no option 'size'"):
            engine.extractor("pixel:size=5")
        with pytest.raises(SettingsError, match="feature extractor sized: .*'depth'"):
            engine.extractor("sized:depth=5")
        with pytest.raises(SettingsError, match="aligner none: .*'depth'; write just none"):
            engine.aligner("none:depth=5")
        with pytest.raises(
            UnknownNameError, match="no feature extractor 'vgg'; have pixel, sized, vdiff, vgg16"
        ):
            engine.extractor("vgg")
        with pytest.raises(UnknownNameError, match="no change detector 'none'; have absolute"):
            engine.change_detector("none")


def test_one_clip_with_an_engine_of_its_own() -> None:
    import vdiff_plugin as vdiff

    frames = noise_clip(2)
    chosen = vdiff.Settings.of(stages="colour:brightness=0.1,colour:brightness=-0.1")
    with vdiff.open_clip(SMALL.with_length(2), chosen) as session:
        out = session.render(1, {1: frames[1]})
    with pytest.raises(UsageError):
        session.render(1, {1: frames[1]})
    assert samples([out])[0] != b""
    assert [plane.shape for plane in out.planes] == list(SMALL.plane_shapes())
