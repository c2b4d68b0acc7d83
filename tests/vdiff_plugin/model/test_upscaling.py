"""The upscaling network: every backend gives the bits of the NumPy reference."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.vdiff_plugin.networks import random_fusion, random_weights_file
from vdiff_plugin.builtin.keras_backend import KerasBackend
from vdiff_plugin.builtin.levels import Levels
from vdiff_plugin.builtin.native_backend import NativeBackend
from vdiff_plugin.builtin.openvino_backend import OpenVinoBackend
from vdiff_plugin.builtin.reference import NumpyBackend
from vdiff_plugin.builtin.tiling import TiledUpscaler
from vdiff_plugin.contracts import Backend, Change, Doubling, Upscaler
from vdiff_plugin.errors import ResourceError, SettingsError, UnknownNameError, WeightsError
from vdiff_plugin.model.presets import UPSCALERS, architecture_of
from vdiff_plugin.model.shapes import arithmetic
from vdiff_plugin.native import steps
from vdiff_plugin.native.library import Instructions, kernels

BACKENDS: dict[str, type[Backend]] = {
    "keras": KerasBackend,
    "native": NativeBackend,
    "openvino": OpenVinoBackend,
}
PICTURES = {
    "8 bit": {"height": 48, "width": 80},
    "small": {"height": 16, "width": 32},
    "10 bit": {"height": 48, "width": 64, "dtype": np.uint16, "scale": 0.25},
    "16 bit": {"height": 64, "width": 48, "dtype": np.uint16, "scale": 1 / 16},
}
LEVELS = (11.3, 7.9, 2.6)


def _doubling(seed: int = 0, levels: Levels = LEVELS, **picture: object) -> Doubling:
    """Two pictures of noise, the one before restoration in samples of 8 bits."""
    restored = random_fusion(seed=seed, **picture).centre
    size = {name: picture[name] for name in ("height", "width")}
    return Doubling(restored, random_fusion(seed=seed + 90, **size).centre, levels)


def _upscaler(kind: str, path: Path) -> Upscaler:
    backend = BACKENDS[kind]()
    if missing := backend.missing():
        pytest.skip(missing)
    return backend.load_upscaler(path, device="cpu", precision="fp32")


def _file(folder: Path, preset: str = "fast") -> Path:
    return random_weights_file(folder, preset, task="upscale2x")


@pytest.mark.parametrize("preset", UPSCALERS)
@pytest.mark.parametrize("kind", BACKENDS)
def test_backends_equal_the_reference(tmp_path: Path, kind: str, preset: str) -> None:
    path = _file(tmp_path, preset)
    upscaler = _upscaler(kind, path)
    reference = NumpyBackend().load_upscaler(path, device="cpu", precision="fp32")
    assert upscaler.fingerprint == reference.fingerprint
    for seed, picture in enumerate(PICTURES.values()):
        doubling = _doubling(seed, **picture)
        expected, got = (each.upscale(doubling) for each in (reference, upscaler))
        assert np.abs(expected.luma).mean() > 1
        assert np.abs(expected.chroma).mean() > 1
        assert expected.luma.shape == tuple(2 * size for size in doubling.restored.luma.shape)
        np.testing.assert_array_equal(got.luma, expected.luma)
        np.testing.assert_array_equal(got.chroma, expected.chroma)


def test_fewer_instructions_and_bands_give_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upscaler = _upscaler("native", _file(tmp_path, "quality"))
    doubling = _doubling(height=48, width=80)
    special = upscaler.upscale(doubling)
    monkeypatch.setattr(steps, "_BAND", 1)
    upscaler = _upscaler("native", _file(tmp_path, "quality"))
    for most in Instructions:
        with kernels().limited(most):
            limited = upscaler.upscale(doubling)
        np.testing.assert_array_equal(limited.luma, special.luma)
        np.testing.assert_array_equal(limited.chroma, special.chroma)


@pytest.mark.parametrize("preset", UPSCALERS)
@pytest.mark.parametrize("kind", BACKENDS)
def test_tiles_equal_the_whole(tmp_path: Path, kind: str, preset: str) -> None:
    upscaler = _upscaler(kind, _file(tmp_path, preset))
    doubling = _doubling(height=160, width=208)
    whole = upscaler.upscale(doubling)
    for tile in (64, 80):
        tiled = TiledUpscaler(upscaler, tile).upscale(doubling)
        np.testing.assert_array_equal(tiled.luma, whole.luma)
        np.testing.assert_array_equal(tiled.chroma, whole.chroma)


def test_a_smaller_halo_would_show(tmp_path: Path) -> None:
    upscaler = NumpyBackend().load_upscaler(_file(tmp_path), device="cpu", precision="fp32")
    doubling = _doubling(height=64, width=160)
    whole = upscaler.upscale(doubling)
    upscaler.halo -= 2
    tiled = TiledUpscaler(upscaler, 64).upscale(doubling)
    assert (tiled.luma != whole.luma).any()


def test_tiles_get_smaller_when_memory_runs_out(tmp_path: Path) -> None:
    class Tight:
        def __init__(self, inner: Upscaler) -> None:
            self._inner = inner
            self.stride, self.halo, self.footprint = inner.stride, inner.halo, inner.footprint

        def upscale(self, doubling: Doubling) -> Change:
            if doubling.restored.luma.size > 128 * 128:
                raise ResourceError("full; buy more")
            return self._inner.upscale(doubling)

    upscaler = _upscaler("native", _file(tmp_path))
    doubling = _doubling(height=160, width=208)
    tight = TiledUpscaler(Tight(upscaler), 0).upscale(doubling)
    np.testing.assert_array_equal(tight.luma, upscaler.upscale(doubling).luma)


def test_native_calls_run_side_by_side(tmp_path: Path) -> None:
    upscaler = _upscaler("native", _file(tmp_path))
    assert upscaler.concurrent
    pictures = [_doubling(seed, height=48 + 16 * (seed % 3), width=80) for seed in range(9)]
    alone = [upscaler.upscale(each).luma for each in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda each: upscaler.upscale(each).luma, pictures * 4))
    for index, luma in enumerate(together):
        np.testing.assert_array_equal(luma, alone[index % len(alone)])


def test_levels_are_looked_at(tmp_path: Path) -> None:
    upscaler = _upscaler("native", _file(tmp_path))
    levels = (LEVELS, (0.0, 0.0, 0.0))
    one, other = (
        upscaler.upscale(_doubling(levels=each, height=32, width=64)).luma for each in levels
    )
    assert (one != other).any()


def test_presets_cost_what_they_promise() -> None:
    assert arithmetic(UPSCALERS["fast"]) < 10_000  # multiply-adds a pixel that comes in
    assert arithmetic(UPSCALERS["quality"]) < 36_000
    with pytest.raises(UnknownNameError, match="no preset 'huge'; have fast, quality"):
        architecture_of("upscale2x", "huge")


def test_each_kind_of_weights_has_its_own_place(tmp_path: Path) -> None:
    doubling, restoring = _file(tmp_path), random_weights_file(tmp_path)
    with pytest.raises(WeightsError, match="weights of task upscale2x; add --task upscale2x"):
        NumpyBackend().load(doubling, device="cpu", precision="fp32")
    with pytest.raises(WeightsError, match="weights of task restore; take --task upscale2x away"):
        NumpyBackend().load_upscaler(restoring, device="cpu", precision="fp32")


@pytest.mark.parametrize("backend", [NumpyBackend, OpenVinoBackend, NativeBackend])
def test_backends_refuse_what_they_cannot_run(tmp_path: Path, backend: type[Backend]) -> None:
    with pytest.raises(SettingsError, match="choose backend keras"):
        backend().load_upscaler(_file(tmp_path), device="gpu:0", precision="fp32")
