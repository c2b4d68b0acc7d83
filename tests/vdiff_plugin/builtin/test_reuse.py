"""What stands still is restored once, and nothing shows of it but the time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.vdiff_plugin.networks import random_weights_file
from vdiff_plugin.builtin import reuse
from vdiff_plugin.builtin.reference import NumpyBackend, NumpyNetwork
from vdiff_plugin.builtin.restore import _aligned
from vdiff_plugin.builtin.sight import Sight
from vdiff_plugin.cache import FeatureCache
from vdiff_plugin.contracts import Change, Fusion
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.model.weights import load_weights
from vdiff_plugin.settings import Settings

HEIGHT, WIDTH = 64, 352
LENGTH = 6


class _Measuring(NumpyNetwork):
    """Notes how many pixels it is given."""

    pixels = 0

    def restore(self, fusion: Fusion) -> Change:
        type(self).pixels += fusion.centre.luma.size
        return super().restore(fusion)


class _MeasuringBackend(NumpyBackend):
    def load(self, path: Path, *, device: str, precision: str) -> _Measuring:
        _ = device, precision
        return _Measuring(load_weights(path))


def _screen(clip: ClipInfo, draw: Callable[[NDArray[np.generic], int], None]) -> dict[int, Frame]:
    """A textured picture that stands still but for what `draw` puts on each plane."""
    frames = {}
    for n in range(LENGTH):
        rng = np.random.default_rng(7)
        planes = []
        for height, width in clip.plane_shapes():
            plane = rng.integers(0, clip.format.peak + 1, (height, width)).astype(clip.format.dtype)
            draw(plane, n)
            planes.append(plane)
        frames[n] = Frame(tuple(planes))
    return frames


def _rendered(clip: ClipInfo, frames: dict[int, Frame], weights: Path) -> tuple[list[bytes], int]:
    """Keys of all frames, and pixels that went through the network."""
    settings = Settings.of(weights=weights, backend="numpy", scene_cuts=False)
    with Engine() as engine:
        engine._backends["numpy"] = _MeasuringBackend()
        _Measuring.pixels = 0
        session = engine.open(clip, settings)
        return [session.render(n, frames).key for n in range(LENGTH)], _Measuring.pixels


def _clip(form: PixelFormat) -> ClipInfo:
    return ClipInfo(width=WIDTH - 6, height=HEIGHT - 2, length=LENGTH, format=form)


def _typed(plane: NDArray[np.generic], n: int) -> None:
    """A letter more in each frame, at the left."""
    plane[8:12, 2 : 4 + 2 * n] = 0


@pytest.mark.parametrize(
    "form",
    [
        PixelFormat(family="yuv", log2_w=1, log2_h=1),
        PixelFormat(family="yuv", bits=10, log2_w=1),
        PixelFormat(family="rgb", bits=16),
    ],
    ids=str,
)
def test_pixels_are_the_same_with_and_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: PixelFormat
) -> None:
    clip, weights = _clip(form), random_weights_file(tmp_path)
    frames = _screen(clip, _typed)
    found, work = _rendered(clip, frames, weights)
    monkeypatch.setattr(reuse, "_WORTH", 2.0)  # never
    expected, whole = _rendered(clip, frames, weights)
    assert found == expected
    assert len(set(found)) == LENGTH
    assert work < 0.8 * whole


def test_what_moves_everywhere_is_restored_as_ever(tmp_path: Path) -> None:
    clip = _clip(PixelFormat(family="yuv", log2_w=1, log2_h=1))

    def moved(plane: NDArray[np.generic], n: int) -> None:
        plane[...] = np.roll(plane, 3 * n, axis=1)

    _, work = _rendered(clip, _screen(clip, moved), random_weights_file(tmp_path))
    assert work == LENGTH * HEIGHT * WIDTH


def test_a_change_reaches_as_far_as_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With half of the halo stale pixels would be used: the test above bites."""
    clip, weights = _clip(PixelFormat(family="gray")), random_weights_file(tmp_path)
    frames = _screen(clip, _typed)
    expected, _ = _rendered(clip, frames, weights)
    monkeypatch.setattr(_Measuring, "halo", property(lambda _: 16, lambda *_: None), raising=False)
    assert _rendered(clip, frames, weights)[0] != expected


class _Panning:
    """An aligner that sees everything move by a pixel and a half."""

    fingerprint = b"panning"

    def prepare(self, luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return luma[::2, ::2]

    def flow(self, reference: NDArray[np.uint8], _: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.full((*reference.shape, 2), 1.5, np.float32)


def test_equal_blocks_have_not_moved(tmp_path: Path) -> None:
    clip = _clip(PixelFormat(family="yuv", log2_w=1, log2_h=1))
    frames = _screen(clip, _typed)
    network = NumpyBackend().load(random_weights_file(tmp_path), device="cpu", precision="fp32")
    sight = Sight(clip, network, _Panning(), FeatureCache(1 << 24), scene_cuts=False)
    centre, other = sight.see(frames[0]), sight.see(frames[5])
    moved = _aligned(_Panning(), centre, other)
    still = moved.still.repeat(16, 0).repeat(16, 1)
    assert 0 < moved.still.sum() < moved.still.size
    pixels = other.pixels[0].luma
    assert (moved.phases[0].luma == pixels)[still].all()
    assert (moved.phases[0].luma != pixels)[~still].mean() > 0.5
    assert _aligned(_Panning(), centre, centre).phases is centre.pixels


def test_pieces_cover_what_is_new() -> None:
    rng = np.random.default_rng(3)
    for share in (0.01, 0.05, 0.3):
        new = rng.random((20, 34)) < share
        covered = np.zeros_like(new)
        for top, left, bottom, right in reuse._pieces(new, 2):
            covered[top:bottom, left:right] = True
            outer = reuse._grown((top, left, bottom, right), 2, new.shape)
            assert 0 <= outer[0] <= max(top - 2, 0)
            assert min(bottom + 2, 20) <= outer[2] <= 20
            assert 0 <= outer[1] <= max(left - 2, 0)
            assert min(right + 2, 34) <= outer[3] <= 34
        assert covered[new].all()
