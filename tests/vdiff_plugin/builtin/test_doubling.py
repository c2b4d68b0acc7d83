"""Task upscale2x through a real engine: sizes, formats, and the same bits however it is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.vdiff_plugin.networks import random_weights, random_weights_file
from vdiff_plugin import memory
from vdiff_plugin.builtin import doubling
from vdiff_plugin.builtin.doubling import Doubler, worth_restoring
from vdiff_plugin.builtin.interpolation import doubled, plane_taps
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import UnknownNameError, WeightsError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat, Plane
from vdiff_plugin.model.weights import Layer, save_weights
from vdiff_plugin.session import Session
from vdiff_plugin.settings import Settings
from vdiff_plugin.stream import render_clip

LENGTH = 6
YUV = PixelFormat(family="yuv", log2_w=1, log2_h=1)
CLIP = ClipInfo(width=89, height=57, length=LENGTH, format=YUV)
FORMATS = {
    "8 bit": YUV,
    "10 bit": replace(YUV, bits=10),
    "16 bit": replace(YUV, bits=16),
    "4:2:2, alpha": PixelFormat(family="yuv", log2_w=1, alpha=True),
    "4:4:4, 12 bit": PixelFormat(family="yuv", bits=12),
    "4:1:1": PixelFormat(family="yuv", log2_w=2),
    "grey, 9 bit": PixelFormat(family="gray", bits=9),
    "RGB, alpha": PixelFormat(family="rgb", alpha=True),
    "RGB, 16 bit": PixelFormat(family="rgb", bits=16),
    "grey, float": PixelFormat(family="gray", bits=32),
    "float": PixelFormat(family="yuv", bits=32),
}


def _frames(clip: ClipInfo = CLIP, seed: int = 0) -> dict[int, Frame]:
    """A coarse texture that drifts, with a little noise."""
    rng = np.random.default_rng(seed)
    shapes = clip.plane_shapes()
    bases = [rng.integers(40, 200, (h // 4 + 9, w // 4 + 9)).repeat(4, 0).repeat(4, 1)
             for h, w in shapes]  # fmt: skip
    frames = {}
    for n in range(LENGTH):
        planes = []
        for base, (height, width) in zip(bases, shapes, strict=True):
            view = base[n : n + height, 2 * n : 2 * n + width]
            codes = np.clip(view + rng.normal(0, 4, view.shape), 0, 255)
            planes.append((codes * clip.format.peak / 255).astype(clip.format.dtype))
        frames[n] = Frame(tuple(planes))
    return frames


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights_file(tmp_path_factory.mktemp("weights"), task="upscale2x")


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as opened:
        yield opened


def _open(engine: Engine, weights: Path, clip: ClipInfo = CLIP, **settings: object) -> Session:
    return engine.open(clip, Settings.of(task="upscale2x", weights=weights, **settings))


def _hashes(session: Session, order: list[int], frames: dict[int, Frame]) -> dict[int, bytes]:
    return {n: session.render(n, frames).key for n in order}


def test_pixels_do_not_depend_on_the_free_memory(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole pictures, tiles chosen by different amounts of memory, and given tiles."""
    clip = replace(CLIP, width=250, height=170)
    frames = _frames(clip)
    edges, hashes = [], []
    for free, tile in [(1 << 40, 0), (15_000_000, 0), (4_000_000, 0), (1 << 40, 48)]:
        monkeypatch.setattr(memory, "free_bytes", lambda free=free: free)
        with Engine() as engine:
            session = _open(engine, weights, clip, tile=tile)
            edges.append(session._links[0].stage._doubler._upscaler.tiles.edge((176, 256)))
            hashes.append([frame.key for frame in render_clip(session, frames.values(), 2)])
    assert edges[0] == 256 > edges[1] > edges[2]
    assert edges[3] == 48
    assert hashes[1:] == hashes[:1] * 3


@pytest.mark.parametrize("options", [{}, {"dither": True}])
def test_doubling_counts_when_memory_is_shared_out(
    engine: Engine, weights: Path, options: dict[str, bool]
) -> None:
    clip = replace(CLIP, width=960, height=544)
    doubling = _open(engine, weights, clip, **options)._links[0].weight
    restoring = engine.open(clip, Settings.of(**options))._links[0].weight
    pixels = clip.width * clip.height
    assert doubling.render > restoring.render + (100 if options else 20) * pixels


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_doubled_exactly(engine: Engine, weights: Path, name: str) -> None:
    clip = replace(CLIP, format=FORMATS[name], full_range=FORMATS[name].family == "rgb")
    frames = _frames(clip)
    session = _open(engine, weights, clip)
    assert session.clip == replace(clip, width=178, height=114)
    plain = _open(engine, weights, clip, strength=0).render(2, frames)
    frame = session.render(2, frames).require(session.clip)
    planes = list(zip(frame.planes, plain.planes, strict=True))
    assert (planes[0][0] != planes[0][1]).any()  # the network is not idle
    if clip.format.alpha:
        np.testing.assert_array_equal(*planes[-1])


def test_strength_0_is_the_interpolation(engine: Engine, weights: Path) -> None:
    frames = _frames()
    frame = _open(engine, weights, strength=0).render(3, frames)
    for index, (plane, source) in enumerate(zip(frame.planes, frames[3].planes, strict=True)):
        height, width = session_shape = plane.shape
        wanted = np.rint(doubled(source, *plane_taps(CLIP, index)) / 2.0**14).clip(0, 255)
        np.testing.assert_array_equal(plane, wanted[:height, :width])
        assert session_shape == replace(CLIP, width=178, height=114).plane_shapes()[index]


def test_strength_0_needs_no_network(engine: Engine, tmp_path: Path) -> None:
    nowhere = tmp_path / "none.safetensors"
    assert _open(engine, nowhere, strength=0).radius == 0
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        _open(engine, nowhere)


def test_pixels_do_not_depend_on_order_threads_cache_or_tiles(
    engine: Engine, weights: Path
) -> None:
    frames = _frames()
    order = list(range(LENGTH))
    expected = _hashes(_open(engine, weights), order, frames)
    assert len(set(expected.values())) == LENGTH
    with Engine() as other:
        assert _hashes(_open(other, weights, cache=0), [5, 0, 2, 2, 1, 4, 3], frames) == expected
    with Engine() as other, ThreadPoolExecutor(8) as pool:
        session = _open(other, weights, cache="60K")
        found = pool.map(lambda n: session.render(n, frames).key, order)
        assert dict(zip(order, found, strict=True)) == expected
    for tile in (16, 48):
        assert _hashes(_open(engine, weights, tile=tile), order, frames) == expected


@pytest.mark.parametrize("backend", ["keras", "native", "openvino"])
def test_backends_agree(engine: Engine, weights: Path, backend: str) -> None:
    frames = _frames()
    one, other = (_open(engine, weights, backend=name) for name in ("numpy", backend))
    assert one.render(2, frames).key == other.render(2, frames).key


@pytest.mark.parametrize("name", [name for name in FORMATS if "float" not in name])
def test_without_kernels_the_pixels_are_the_same(
    engine: Engine, weights: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = replace(CLIP, format=FORMATS[name], chroma_location="topleft")
    frame = _frames(clip)[0]
    settings = Settings.of(task="upscale2x", weights=weights, strength=0.7)
    doubler = Doubler(clip, settings, engine.upscaler(settings))
    natively = doubler.double(frame)
    monkeypatch.setattr(doubling, "available", lambda: False)
    assert doubler.double(frame).key == natively.key


def test_held_frames_are_doubled_once_and_stand_still(engine: Engine, weights: Path) -> None:
    frames = _frames()
    held = dict.fromkeys(range(LENGTH), frames[2])
    session = _open(engine, weights)
    assert len({session.render(n, held).key for n in range(LENGTH)}) == 1
    assert session.render(1, held).planes[0] is session.render(4, held).planes[0]


def test_strength_scales_the_change(engine: Engine, weights: Path) -> None:
    clip = replace(CLIP, format=PixelFormat(family="gray", bits=32))
    frame = _frames(clip)[0]
    none, half, full = (
        Doubler(clip, settings, engine.upscaler(settings) if settings.strength else None)
        .double(frame).planes[0]
        for settings in (
            Settings.of(task="upscale2x", weights=weights, strength=s) for s in (0, 0.5, 1)
        )
    )  # fmt: skip
    assert np.abs(full - none).max() > 0.01
    np.testing.assert_allclose(half - none, (full - none) / 2, atol=1e-6)


def test_chroma_lies_where_the_clip_says(engine: Engine, weights: Path) -> None:
    frames = _frames()
    keys = set()
    for location in ("left", "center", "topleft"):
        clip = replace(CLIP, chroma_location=location)
        planes = _open(engine, weights, clip, strength=0).render(2, frames).planes
        keys.add((planes[1].tobytes(), planes[0].tobytes()))
    assert len({chroma for chroma, _ in keys}) == 3
    assert len({luma for _, luma in keys}) == 1


def test_a_chain_goes_on_with_the_doubled_picture(engine: Engine, weights: Path) -> None:
    frames = _frames()
    session = _open(engine, weights, stages="vdiff,colour:gamma=1.2")
    assert (session.clip.width, session.clip.height) == (178, 114)
    assert session.render(0, frames).planes[0].shape == (114, 178)
    last = _open(engine, weights, stages="colour:gamma=1.2,vdiff")
    assert last.render(0, frames).planes[0].shape == (114, 178)
    twice = _open(engine, weights, stages="vdiff,vdiff")
    assert (twice.clip.width, twice.clip.height) == (356, 228)
    assert twice.render(3, frames).planes[1].shape == (114, 178)


def test_deeper_samples_come_before_doubling(engine: Engine, weights: Path) -> None:
    frames = _frames()
    deep = _open(engine, weights, stages="vdiff:depth=10")
    assert deep.clip.format.bits == 10
    plain = _open(engine, weights).render(2, frames).planes[0]
    assert np.abs(deep.render(2, frames).planes[0] / 4 - plain).mean() < 1


def test_black_and_white_stays_that(engine: Engine, weights: Path) -> None:
    frames = {
        n: Frame((each.planes[0], *(np.full_like(plane, 128) for plane in each.planes[1:])))
        for n, each in _frames().items()
    }
    _, u, v = _open(engine, weights).render(2, frames).planes
    assert (u == 128).all()
    assert (v == 128).all()


@pytest.mark.parametrize("name", ["8 bit", "RGB, alpha", "float"])
def test_borders_are_interpolated_alone(engine: Engine, weights: Path, name: str) -> None:
    clip = replace(CLIP, format=FORMATS[name], width=96, height=64)
    top = 16
    frames = {}
    for n, frame in _frames(clip).items():
        planes = tuple(plane.copy() for plane in frame.planes)
        for plane, (height, _) in zip(planes, clip.plane_shapes(), strict=True):
            plane[: top * height // 64] = planes[0].dtype.type(0)
        frames[n] = Frame(planes)
    whole, interpolated = (
        _open(engine, weights, clip, strength=strength).render(2, frames).planes[0]
        for strength in (1, 0)
    )
    edge = 2 * top
    assert (whole[: edge - 4] == 0).all()
    difference = whole[: edge - 4] != interpolated[: edge - 4]
    assert not difference.any()
    assert (whole[edge:] != interpolated[edge:]).mean() > 0.1


def test_a_plane_of_one_colour_stays_that(engine: Engine, weights: Path) -> None:
    frames = {n: Frame((np.full_like(each.planes[0], 77), *each.planes[1:]))
              for n, each in _frames().items()}  # fmt: skip
    assert (_open(engine, weights).render(2, frames).planes[0] == 77).all()


def test_dither_stays_within_half_a_code(engine: Engine, weights: Path) -> None:
    frames = _frames()
    plain, dithered = (
        _open(engine, weights, strength=0, dither=dither).render(1, frames).planes[0].astype(int)
        for dither in (False, True)
    )
    assert (plain != dithered).any()
    assert np.abs(plain - dithered).max() == 1


def test_weights_of_another_task_are_refused(engine: Engine, tmp_path: Path, weights: Path) -> None:
    restoring = random_weights_file(tmp_path)
    with pytest.raises(WeightsError, match="weights of task restore; take --task upscale2x away"):
        _open(engine, restoring)
    with pytest.raises(WeightsError, match="weights of task upscale2x; add --task upscale2x"):
        engine.open(CLIP, Settings.of(weights=weights))
    with pytest.raises(UnknownNameError, match="preset"):
        _open(engine, weights, preset="huge")


def test_what_tells_clips_apart(engine: Engine, weights: Path) -> None:
    """Frames that differ must never share a place in the cache."""
    fingerprints = {
        _open(engine, weights, clip, **settings).fingerprint
        for clip, settings in (
            (CLIP, {}),
            (CLIP, {"strength": 0.5}),
            (CLIP, {"strength": 0}),
            (replace(CLIP, chroma_location="center"), {}),
        )
    }
    assert len(fingerprints) == 4


@pytest.mark.parametrize(
    ("levels", "share"),
    [
        ((0.0, 0.0, 0.0), 0.0),
        ((1.4, 0.4, 1.4), 0.0),
        ((2.25, 0.0, 0.0), 0.5),
        ((0.0, 0.75, 0.0), 0.5),
        ((0.0, 0.0, 2.25), 0.5),
        ((0.0, 0.2, 9.0), 1.0),
        ((20.0, 20.0, 0.0), 1.0),
    ],
)
def test_clean_windows_are_doubled_from_their_source(
    levels: tuple[float, float, float], share: float
) -> None:
    assert worth_restoring(levels) == pytest.approx(share)


def test_clean_chroma_is_interpolated_and_noisy_chroma_restored(tmp_path: Path) -> None:
    """With an upscaler that changes nothing, what comes out is what went in, interpolated."""
    weights = random_weights(task="upscale2x")
    head = weights.layers["up.out"]
    silent = Layer(np.zeros_like(head.kernel), head.shift, np.zeros_like(head.bias))
    still = tmp_path / "still.safetensors"
    save_weights(still, replace(weights, layers={**weights.layers, "up.out": silent}))
    y, x = np.mgrid[:64, :96]
    clean = [np.uint8(96 + 60 * np.sin(y / 9 + n / 4) * np.cos(x / 7)) for n in range(LENGTH)]
    noise = np.random.default_rng(5)
    for sigma in (0, 6):
        frames = {}
        for n, luma in enumerate(clean):
            planes = [luma, luma[::2, ::2], 255 - luma[::2, ::2]]
            noisy = [plane + sigma * noise.standard_normal(plane.shape) for plane in planes]
            frames[n] = Frame(tuple(np.uint8(np.clip(np.rint(each), 0, 255)) for each in noisy))
        info = replace(CLIP, width=96, height=64)
        settings = Settings.of(task="upscale2x", weights=still)
        made, interpolated = (
            _rendered(info, settings.model_copy(update={"strength": strength}), frames)
            for strength in (1.0, 0.0)
        )
        same = [bool((one == other).all()) for one, other in zip(made, interpolated, strict=True)]
        assert same == [sigma == 0] * 3


def _rendered(clip: ClipInfo, settings: Settings, frames: dict[int, Frame]) -> Sequence[Plane]:
    with Engine() as engine, engine.open(clip, settings) as session:
        return session.render(3, frames).planes
