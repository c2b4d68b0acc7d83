"""Restoring mirror images too: nearer to the truth, and the same in tiles, orders and backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from host_adapters.frei0r.bands import BandedEngine
from tests.vdiff_plugin.networks import random_fusion, random_weights_file
from vdiff_plugin.builtin import restore
from vdiff_plugin.builtin.matrix import rgb_of
from vdiff_plugin.builtin.mirrored import MIRRORS, MirroredNetwork, Views, views_of
from vdiff_plugin.builtin.native_backend import NativeBackend
from vdiff_plugin.builtin.reference import NumpyBackend, NumpyNetwork
from vdiff_plugin.builtin.tiling import TiledNetwork
from vdiff_plugin.cli.profiling import ProfiledEngine
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.contracts import Fusion, Pixels
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import UnknownNameError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.settings import Settings

SCENE = Scene(width=208, height=144, length=7)
CLEAN = {n: SCENE.clean(n) for n in range(7)}
NOISY = {n: SCENE.noisy(n, 15) for n in range(7)}
MIDDLE = 3


def _in_rgb(frame: Frame) -> Frame:
    codes = np.rint(np.clip(rgb_of(frame, SCENE.clip), 0, 1) * 255).astype(np.uint8)
    return Frame(tuple(np.ascontiguousarray(codes[..., i]) for i in range(3)))


RGB = ClipInfo(width=208, height=144, length=7, format=PixelFormat(family="rgb"), full_range=True)
IN_RGB = {n: _in_rgb(frame) for n, frame in NOISY.items()}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights_file(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def network(path: Path) -> NumpyNetwork:
    return NumpyBackend().load(path, device="cpu", precision="fp32")


def _over(plane: NDArray, axes: tuple[int, ...]) -> NDArray:
    return plane[tuple(slice(None, None, -1 if axis in axes else None) for axis in (0, 1))]


def _picture(pixels: Pixels, axes: tuple[int, ...]) -> Pixels:
    return Pixels(_over(pixels.luma, axes).copy(), _over(pixels.chroma, axes).copy(), pixels.scale)


def test_it_is_the_mean_of_what_the_mirrors_say(network: NumpyNetwork) -> None:
    mirrored = MirroredNetwork(network)
    window = random_fusion(48, 80, missing=(0,), dtype=np.uint16, scale=1 / 16)
    pictures = [window.centre, *(each[0] for each in window.neighbours if each)]
    seen = [mirrored.extract(each) for each in pictures]
    assert seen[0].shape == (12, 20, 4 * window.features.shape[-1])

    fusion = Fusion(
        window.centre, seen[0], [None, *zip(pictures[1:], seen[1:], strict=True)], window.levels
    )
    found = mirrored.restore(fusion)
    lumas, chromas = [], []
    for axes in MIRRORS:
        turned = [_picture(each, axes) for each in pictures]
        features = [network.extract(each) for each in turned]
        neighbours = [None, *zip(turned[1:], features[1:], strict=True)]
        change = network.restore(Fusion(turned[0], features[0], neighbours, window.levels))
        lumas.append(_over(change.luma, axes))
        chromas.append(_over(change.chroma, axes))
    assert np.ptp(lumas, axis=0).mean() > 0.1  # they differ
    np.testing.assert_allclose(found.luma, np.mean(lumas, axis=0), atol=1e-4)
    np.testing.assert_allclose(found.chroma, np.mean(chromas, axis=0), atol=1e-4)


def test_tiles_and_backends_agree(path: Path, network: NumpyNetwork) -> None:
    mirrored = MirroredNetwork(network)
    window = random_fusion(128, 400, channels=4 * 16)
    whole = mirrored.restore(window)
    tiled = TiledNetwork(mirrored, 64)
    np.testing.assert_array_equal(tiled.restore(window).luma, whole.luma)
    np.testing.assert_array_equal(tiled.restore(window).chroma, whole.chroma)
    np.testing.assert_array_equal(tiled.extract(window.centre), mirrored.extract(window.centre))
    native = NativeBackend()
    if missing := native.missing():
        pytest.skip(missing)
    other = MirroredNetwork(native.load(path, device="cpu", precision="fp32"))
    np.testing.assert_array_equal(other.restore(window).luma, whole.luma)
    assert other.fingerprint == mirrored.fingerprint != network.fingerprint


def test_pictures_of_one_frame_get_a_mirror_each(network: NumpyNetwork) -> None:
    assert views_of(network, 1, every=False) == Views((network,), network, 1)
    views = views_of(network, 4, every=False)
    window = random_fusion(48, 80, channels=4 * 16)
    changes = [each.restore(window).luma for each in views.networks]
    assert views.mirrors == 4
    np.testing.assert_allclose(
        np.mean(changes, axis=0), MirroredNetwork(network).restore(window).luma, atol=1e-4
    )
    every = views_of(network, 4, every=True)
    assert every.mirrors == 4
    assert views.networks[0].fingerprint != every.networks[0].fingerprint
    np.testing.assert_array_equal(
        every.networks[2].restore(window).luma, MirroredNetwork(network).restore(window).luma
    )


def _restored(clip: ClipInfo, frames: Mapping[int, Frame], **given: object) -> dict[int, Frame]:
    """Every other frame, the last first, without what an earlier run keeps."""
    with Engine() as engine, engine.open(clip, Settings.of(**given)) as session:
        return {n: session.render(n, frames) for n in (5, 3, 1)}


def _error(frame: Frame, truth: Frame) -> float:
    parts = zip(frame.planes, truth.planes, strict=True)
    return float(np.mean([np.mean((a.astype(float) - b) ** 2) for a, b in parts]))


def test_best_is_nearer_to_the_truth_than_quality() -> None:
    errors = {}
    for preset in ("quality", "best"):
        frame = _restored(SCENE.clip, NOISY, preset=preset)[MIDDLE]
        errors[preset] = _error(frame, CLEAN[MIDDLE])
    assert errors["best"] < 0.985 * errors["quality"]


@pytest.mark.parametrize("given", [{"tile": 64}, {"cache": 0}, {"backend": "numpy"}])
def test_best_is_the_same_in_tiles_without_a_cache_and_in_numpy(given: dict[str, object]) -> None:
    usual = _restored(SCENE.clip, NOISY, preset="best")
    other = _restored(SCENE.clip, NOISY, preset="best", **given)
    assert {n: frame.key for n, frame in usual.items()} == {n: f.key for n, f in other.items()}


def test_best_goes_with_weights_of_ones_own(path: Path) -> None:
    """Whatever task they are for, even one that has no presets; a slip of the pen is told."""

    def key(preset: str, task: str = "restore") -> str:
        return _restored(SCENE.clip, NOISY, preset=preset, task=task, weights=path)[MIDDLE].key

    assert key("fast") != key("best") == key("best", "of one's own")
    with pytest.raises(UnknownNameError, match="no preset 'bset'; have best, fast, quality"):
        key("bset")


@pytest.mark.parametrize("engine", [lambda: BandedEngine(2), ProfiledEngine])
def test_engines_that_listen_or_share_frames_out_see_the_same(engine: Callable[[], Engine]) -> None:
    """What is kept too, so that scene cuts lie where they do elsewhere."""
    found = []
    for make in (Engine, engine):
        with make() as opened, opened.open(RGB, Settings.of(preset="best")) as session:
            keys = [session.render(n, IN_RGB).key for n in (5, 3)]
            found.append((keys, opened.cache.statistics.bytes))
    assert found[0] == found[1]


def test_changes_are_those_of_the_picture_as_it_is() -> None:
    with Engine() as engine:
        plain, best = (engine.extractor(f"vdiff:preset={name}") for name in ("quality", "best"))
        seen = [each.extract(NOISY[0], SCENE.clip) for each in (plain, best)]
    np.testing.assert_array_equal(*seen)


def test_rgb_gains_by_a_mirror_a_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    truth = {n: _in_rgb(frame) for n, frame in CLEAN.items()}
    noisy = {
        n: Frame(
            tuple(
                np.clip(np.rint(plane + rng.normal(0, 15, plane.shape)), 0, 255).astype(np.uint8)
                for plane in frame.planes
            )
        )
        for n, frame in truth.items()
    }
    mirrored = _restored(RGB, noisy)
    assert mirrored[MIDDLE].key == _restored(RGB, noisy, tile=64)[MIDDLE].key
    monkeypatch.setattr(restore, "views_of", lambda one, count, **_: Views((one,) * count, one, 1))
    alike = _restored(RGB, noisy)
    assert _error(mirrored[MIDDLE], truth[MIDDLE]) < 0.995 * _error(alike[MIDDLE], truth[MIDDLE])
