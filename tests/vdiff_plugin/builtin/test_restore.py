"""The vdiff stage through a real engine, with a network of random weights.

What a window gives must not depend on anything else; random weights make every bit of
it visible. What the bundled weights are worth is measured elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from tests.vdiff_plugin.networks import random_weights_file
from vdiff_plugin import memory
from vdiff_plugin.builtin.reference import NumpyBackend, NumpyNetwork
from vdiff_plugin.contracts import Change, Fusion
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import SettingsError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.model.weights import load_weights
from vdiff_plugin.session import Session
from vdiff_plugin.settings import Settings
from vdiff_plugin.stream import render_clip

LENGTH = 8
CLIP = ClipInfo(
    width=90, height=58, length=LENGTH, format=PixelFormat(family="yuv", log2_w=1, log2_h=1)
)


def _frames(seed: int = 0, clip: ClipInfo = CLIP) -> dict[int, Frame]:
    """A texture that drifts, with noise."""
    rng = np.random.default_rng(seed)
    shapes = clip.plane_shapes()
    bases = [rng.integers(40, 200, (h // 4 + 30, w // 4 + 30)).repeat(4, 0).repeat(4, 1)
             for h, w in shapes]  # fmt: skip
    frames = {}
    for n in range(LENGTH):
        planes = []
        for base, (height, width) in zip(bases, shapes, strict=True):
            view = base[n : n + height, 2 * n : 2 * n + width]
            codes = np.clip(view + rng.normal(0, 8, view.shape), 0, 255)
            planes.append((codes * clip.format.peak / 255).astype(clip.format.dtype))
        frames[n] = Frame(tuple(planes))
    return frames


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights_file(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as opened:
        yield opened


def _open(engine: Engine, weights: Path, clip: ClipInfo = CLIP, **settings: object) -> Session:
    return engine.open(clip, Settings.of(weights=weights, backend="numpy", **settings))


def _hashes(session: Session, order: list[int], frames: dict[int, Frame]) -> dict[int, bytes]:
    return {n: session.render(n, frames).key for n in order}


def test_pixels_do_not_depend_on_order_threads_cache_or_tiles(
    engine: Engine, weights: Path
) -> None:
    frames = _frames()
    order = list(range(LENGTH))
    expected = _hashes(_open(engine, weights), order, frames)
    assert len(set(expected.values())) == LENGTH
    assert all(expected[n] != frames[n].key for n in order)
    with Engine() as other:
        shuffled = [5, 0, 7, 2, 2, 6, 1, 4, 3]
        assert _hashes(_open(other, weights, cache=0), shuffled, frames) == expected
    with Engine() as other:
        session = _open(other, weights, cache="60K")
        with ThreadPoolExecutor(8) as pool:
            found = dict(
                zip(order, pool.map(lambda n: session.render(n, frames).key, order), strict=True)
            )
        assert found == expected
    for tile in (16, 48):
        with Engine() as other:
            assert _hashes(_open(other, weights, tile=tile), order, frames) == expected


def test_pixels_do_not_depend_on_the_free_memory(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole pictures, tiles chosen by different amounts of memory, and given tiles."""
    clip = replace(CLIP, width=250, height=170)
    frames = _frames(clip=clip)
    tiles, hashes = [], []
    for free, tile in [(1 << 40, 0), (220_000_000, 0), (4_000_000, 0), (1 << 40, 96)]:
        monkeypatch.setattr(memory, "free_bytes", lambda free=free: free)
        with Engine() as engine:
            session = _open(engine, weights, clip, tile=tile)
            tiles.append(session._links[0].stage._network.tiles.edge((176, 256)))
            rendered = render_clip(session, frames.values(), 2)
            hashes.append([frame.key for frame in rendered])
    assert tiles[0] == 256 > tiles[1] > tiles[2]
    assert tiles[3] == 96
    assert hashes[1:] == hashes[:1] * 3


def test_halves_equal_the_whole(engine: Engine, weights: Path) -> None:
    """A chunk that is given just the frames it needs joins without a trace."""
    frames = _frames()
    whole = _hashes(_open(engine, weights), list(range(LENGTH)), frames)
    for chunk in (range(4), range(4, LENGTH)):
        with Engine() as other:
            session = _open(other, weights)
            needed = {m for n in chunk for m in session.needed(n)}
            given = {m: frames[m] for m in needed}
            assert _hashes(session, list(chunk), given) == {n: whole[n] for n in chunk}


def test_frames_outside_the_window_change_nothing(engine: Engine, weights: Path) -> None:
    frames, others = _frames(), _frames(seed=9)
    session = _open(engine, weights)
    mixed = {**others, **{n: frames[n] for n in session.needed(2)}}
    assert session.needed(2) == range(5)
    assert session.render(2, mixed).key == session.render(2, frames).key
    mixed[4] = others[4]
    assert session.render(2, mixed).key != session.render(2, frames).key


def test_strength_is_a_straight_line(engine: Engine, weights: Path) -> None:
    clip = ClipInfo(width=48, height=32, length=LENGTH, format=PixelFormat(family="gray", bits=32))
    frames = _frames(clip=clip)
    full, half = (
        _open(engine, weights, clip, strength=s).render(3, frames).planes[0] for s in (1.0, 0.5)
    )
    source = frames[3].planes[0]
    np.testing.assert_allclose(half - source, (full - source) / 2, atol=1e-6)


def test_strength_0_hands_the_frame_through(engine: Engine, weights: Path) -> None:
    session = _open(engine, weights, strength=0)
    frame = _frames()[3]
    assert session.needed(3) == range(3, 4)
    assert session.render(3, {3: frame}) is frame


def test_a_cut_parts_the_window(engine: Engine, weights: Path) -> None:
    """Frames beyond a cut weigh nothing: what lies there makes no difference."""
    dark = {n: Frame(tuple(plane // 8 for plane in f.planes)) for n, f in _frames().items()}
    bright = _frames(seed=4)
    joined = {n: dark[n] if n < 4 else bright[n] for n in range(LENGTH)}
    ended = {n: dark[n] for n in range(4)}
    with_cut = _open(engine, weights).render(3, joined)
    at_end = _open(engine, weights, CLIP.with_length(4)).render(3, ended)
    assert with_cut.key == at_end.key
    through = _open(engine, weights, scene_cuts=False).render(3, joined)
    assert through.key != at_end.key


def test_features_are_computed_once_a_frame(engine: Engine, weights: Path) -> None:
    frames = _frames()
    session = _open(engine, weights)
    _hashes(session, list(range(LENGTH)), frames)
    # Each is seen once, what chooses members is taken from that once, and each pair is asked
    # once whether a cut parts it.
    once = 2 * LENGTH + LENGTH - 1
    assert engine.cache.statistics.misses == once
    with Engine() as other:
        small = _open(other, weights, cache=0)
        _hashes(small, list(range(LENGTH)), frames)
        assert other.cache.statistics.misses > once


def _repeated(frames: dict[int, Frame], pattern: str) -> dict[int, Frame]:
    """One frame a letter; equal letters have equal planes in arrays of their own."""
    return {
        n: Frame(tuple(plane.copy() for plane in frames[ord(letter) - ord("a")].planes))
        for n, letter in enumerate(pattern)
    }


class Counting(NumpyNetwork):
    """Counts what it restores, and the neighbours that it is given."""

    restored: ClassVar[list[int]] = []

    def restore(self, fusion: Fusion) -> Change:
        self.restored.append(sum(each is not None for each in fusion.neighbours))
        return super().restore(fusion)


class CountingBackend(NumpyBackend):
    def load(self, path: Path, *, device: str, precision: str) -> Counting:
        _ = device, precision
        return Counting(load_weights(path))


@pytest.mark.parametrize(
    ("pattern", "neighbours"),
    [
        ("aabbccdd", [1, 2, 2, 1]),  # on twos: each drawing once, beside the two others
        ("aaabbbccc", [0, 0, 0]),  # held: from itself alone
        ("aaaaaaab", [0, 1]),  # a hold, and what ends it
        ("abababab", [1, 1]),
    ],
)
def test_repeated_pictures_are_restored_once(
    engine: Engine, weights: Path, monkeypatch: pytest.MonkeyPatch, pattern: str,
    neighbours: list[int],
) -> None:  # fmt: skip
    """Whatever the cache, equal windows give equal frames; with one, they are made once."""
    frames = _repeated(_frames(), pattern)
    clip = CLIP.with_length(len(pattern))
    order = list(range(len(pattern)))
    monkeypatch.setitem(engine._backends, "numpy", CountingBackend())
    Counting.restored.clear()
    kept = _hashes(_open(engine, weights, clip, scene_cuts=False), order, frames)
    assert sorted(Counting.restored) == sorted(neighbours)
    with Engine() as other:
        session = _open(other, weights, clip, cache=0, scene_cuts=False)
        assert _hashes(session, order[::-1], frames) == kept


def test_a_repeated_neighbour_says_nothing_new(engine: Engine, weights: Path) -> None:
    """What is restored from a frame and its copies is what is restored from it alone."""
    frames = _frames()
    same = _repeated(frames, "aaaa")
    alone = _open(engine, weights, CLIP.with_length(1)).render(0, {0: frames[0]})
    assert _open(engine, weights, CLIP.with_length(4)).render(1, same).key == alone.key


@pytest.mark.parametrize("family", ["yuv", "rgb"])
def test_black_and_white_stays_that(engine: Engine, weights: Path, family: str) -> None:
    shifts = {"log2_w": 1, "log2_h": 1} if family == "yuv" else {}
    clip = replace(CLIP, format=PixelFormat(family=family, **shifts), matrix="bt709")
    drift = [frame.planes[0] for frame in _frames().values()]
    flat = np.full(clip.plane_shapes()[1], 128, np.uint8)
    colours = (lambda luma: (luma, flat, flat)) if family == "yuv" else (lambda luma: (luma,) * 3)
    frames = {n: Frame(colours(luma)) for n, luma in enumerate(drift)}
    with engine.open(clip, Settings.of(weights=weights)) as session:
        out = session.render(3, {n: frames[n] for n in session.needed(3)})
    assert (out.planes[0] != drift[3]).any()
    expected = colours(out.planes[0])
    assert all(np.array_equal(*pair) for pair in zip(out.planes, expected, strict=True))


@pytest.mark.parametrize("bits", [8, 10])
def test_deeper_output(engine: Engine, weights: Path, bits: int) -> None:
    frames = _frames()
    plain = _open(engine, weights).render(2, frames).planes[0].astype(float)
    session = _open(engine, weights, stages=f"vdiff:depth={bits}")
    assert session.clip.format.bits == bits
    deep = session.render(2, frames).planes[0] / float(1 << (bits - 8))
    unclipped = plain < 255
    assert np.abs(deep - plain)[unclipped].max() <= 0.5
    assert (bits == 8) == (deep == plain).all()


def test_a_shallower_output_is_refused(engine: Engine, weights: Path) -> None:
    clip = ClipInfo(width=16, height=16, format=PixelFormat(family="gray", bits=10))
    with pytest.raises(SettingsError, match="it only deepens"):
        _open(engine, weights, clip, stages="vdiff:depth=8")


def test_noise_can_be_given(engine: Engine, weights: Path) -> None:
    frames = _frames()
    keys = {
        _open(engine, weights, noise=noise).render(3, frames).key for noise in ("auto", 0, 30.0)
    }
    assert len(keys) == 3
