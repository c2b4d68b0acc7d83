from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vdiff_plugin.chain import (
    SMALL,
    MeanOptions,
    MeanStage,
    engine_with,
    noise_clip,
    plugin,
    samples,
    whole_clip_means,
)
from vdiff_plugin.cache import ENTRY_BYTES
from vdiff_plugin.contracts import Services
from vdiff_plugin.errors import (
    FrameError,
    PluginError,
    SettingsError,
    UnknownNameError,
    UsageError,
)
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat, Window
from vdiff_plugin.session import Session
from vdiff_plugin.settings import Settings

CHAIN = ((1, 3), (0, 1), (2, 0))
LENGTH = 24
FOUR_FRAMES = 4 * (ENTRY_BYTES + 36)


def stages(chain: Iterable[tuple[int, int]]) -> tuple[str, ...]:
    return tuple(f"mean:radius={radius}:shift={shift}" for radius, shift in chain)


def render_some(order: Iterable[int], cache: int, threads: int = 1) -> dict[int, bytes]:
    """Samples of the frames in `order`, each rendered from no more than it needs."""
    clip = noise_clip(LENGTH)
    with (
        engine_with() as engine,
        engine.open(
            SMALL.with_length(LENGTH), Settings.of(stages=stages(CHAIN), cache=cache)
        ) as session,
        ThreadPoolExecutor(threads) as pool,
    ):

        def one(n: int) -> tuple[int, bytes]:
            out = session.render(n, {m: clip[m] for m in session.needed(n)})
            return n, samples([out])[0]

        return dict(pool.map(one, order))


@pytest.fixture(scope="module")
def expected() -> dict[int, bytes]:
    return dict(enumerate(samples(whole_clip_means(noise_clip(LENGTH), CHAIN))))


@pytest.mark.parametrize("cache", [0, FOUR_FRAMES, 1 << 20])
@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("shuffled", [False, True])
def test_pixels_depend_on_nothing_but_the_window(
    expected: dict[int, bytes], cache: int, threads: int, shuffled: bool
) -> None:
    order = list(range(LENGTH)) * 3
    if shuffled:
        random.Random(7).shuffle(order)
    assert render_some(order, cache, threads) == expected


def test_two_halves_make_the_whole(expected: dict[int, bytes]) -> None:
    first = render_some(range(LENGTH // 2), 1 << 20)
    second = render_some(range(LENGTH // 2, LENGTH), 1 << 20)
    assert first | second == expected


@settings(max_examples=60, deadline=None)
@given(
    chain=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=4),
    length=st.integers(1, 9),
    cache=st.sampled_from([0, FOUR_FRAMES, 1 << 20]),
    data=st.data(),
)
def test_any_chain_in_any_order_equals_the_whole_clip_at_a_time(
    chain: list[tuple[int, int]], length: int, cache: int, data: st.DataObject
) -> None:
    clip = noise_clip(length)
    order = data.draw(st.lists(st.integers(0, length - 1), max_size=12))
    wanted = samples(whole_clip_means(clip, chain))
    with (
        engine_with() as engine,
        engine.open(
            SMALL.with_length(length), Settings.of(stages=stages(chain), cache=cache)
        ) as session,
    ):
        assert session.radius == sum(radius for radius, _ in chain)
        for n in order:
            out = session.render(n, {m: clip[m] for m in session.needed(n)})
            assert samples([out]) == [wanted[n]]


def test_needed_is_clamped_at_the_ends() -> None:
    with engine_with() as engine:
        known = engine.open(SMALL.with_length(5), Settings.of(stages="mean:radius=2"))
        assert [known.needed(n) for n in (0, 2, 4)] == [range(3), range(5), range(2, 5)]
        unknown = engine.open(SMALL, Settings.of(stages="mean:radius=2"))
        assert unknown.needed(4) == range(2, 7)
        assert unknown.needed(4, length=5) == range(2, 5)


@pytest.mark.parametrize("n", [-1, 5])
def test_a_frame_outside_the_clip_is_refused(n: int) -> None:
    with engine_with() as engine:
        session = engine.open(SMALL.with_length(5), Settings.of(stages="mean"))
        with pytest.raises(FrameError, match=f"no frame {n} in the clip; it has 5 frames"):
            session.needed(n)


def test_a_missing_frame_is_named() -> None:
    clip = noise_clip(3)
    with engine_with() as engine:
        session = engine.open(SMALL.with_length(3), Settings.of(stages="mean"))
        with pytest.raises(FrameError, match="frame 1 needs frame 2, which was not given"):
            session.render(1, {0: clip[0], 1: clip[1]})


def test_a_frame_that_does_not_fit_is_refused_wherever_it_is_in_the_window() -> None:
    clip = noise_clip(3)
    clip[2] = Frame(tuple(plane[:-1] for plane in clip[2].planes))
    with engine_with() as engine:
        session = engine.open(SMALL.with_length(3), Settings.of(stages="mean"))
        with pytest.raises(FrameError, match="do not fit the clip"):
            session.render(1, dict(enumerate(clip)))


def test_not_a_number_is_refused() -> None:
    floats = ClipInfo(width=4, height=2, format=PixelFormat(family="gray", bits=32), length=1)
    plane = np.zeros((2, 4), np.float32)
    plane[1, 3] = np.nan
    with engine_with() as engine:
        session = engine.open(floats, Settings.of(stages="colour"))
        with pytest.raises(FrameError, match="NaN"):
            session.render(0, {0: Frame((plane,))})


class _CountedFrame(Frame):
    """Counts how often it is checked, and never lets itself be hashed."""

    checks = 0

    def require(self, clip: ClipInfo) -> Frame:
        type(self).checks += 1
        return super().require(clip)

    @property
    def key(self) -> bytes:
        raise AssertionError("a single stage asked for a hash of the samples")


def test_a_single_stage_hashes_nothing_and_a_frame_is_checked_once() -> None:
    clip = [_CountedFrame(frame.planes) for frame in noise_clip(8)]
    _CountedFrame.checks = 0
    with engine_with() as engine:
        session = engine.open(SMALL.with_length(8), Settings.of(stages="mean:radius=2"))
        for n in range(8):
            session.render(n, dict(enumerate(clip)))
        assert engine.cache.statistics.misses == 0
    assert _CountedFrame.checks == 8


def test_stages_without_neighbours_behind_them_hash_nothing() -> None:
    clip = [_CountedFrame(frame.planes) for frame in noise_clip(4)]
    chosen = Settings.of(stages="mean:radius=1,colour:gamma=1.1,colour:saturation=0.5")
    with engine_with() as engine:
        session = engine.open(SMALL.with_length(4), chosen)
        for n in range(4):
            session.render(n, dict(enumerate(clip)))


def _stages_of(session: Session) -> list[MeanStage]:
    found = [link.stage for link in session._links]
    return [stage for stage in found if isinstance(stage, MeanStage)]


def test_frames_between_stages_are_computed_once_in_a_linear_pass() -> None:
    clip = noise_clip(LENGTH)
    with engine_with() as engine:
        session = engine.open(SMALL.with_length(LENGTH), Settings.of(stages=stages(CHAIN)))
        for n in range(LENGTH):
            session.render(n, {m: clip[m] for m in session.needed(n)})
        for stage in _stages_of(session):
            assert stage.rendered == dict.fromkeys(range(LENGTH), 1)


def test_repeated_pictures_are_not_computed_again() -> None:
    still = noise_clip(1) * 12
    with engine_with() as engine:
        chosen = Settings.of(stages="mean:radius=1,mean:radius=1")
        session = engine.open(SMALL.with_length(12), chosen)
        for n in range(12):
            session.render(n, dict(enumerate(still)))
        first, _ = _stages_of(session)
        # Both ends, where a neighbour is missing, and one frame in between.
        assert first.rendered.total() == 3


class _KeyStage(MeanStage):
    """Remembers the keys of what it was given."""

    def render(self, window: Window) -> Frame:
        self.keys = [frame.key for frame in window.frames if frame is not None]
        self.derived = [bool(frame.derived_key) for frame in window.frames if frame is not None]
        return super().render(window)


def _key_stages() -> Mapping[str, object]:
    def build(
        clip: ClipInfo, chosen: Settings, options: Mapping[str, str], services: Services
    ) -> _KeyStage:
        return _KeyStage(clip, MeanOptions.read("stage keys", options))

    return {"keys": build}


def test_frames_between_stages_are_addressed_by_what_they_came_from() -> None:
    clip = noise_clip(5)
    keys = []
    with engine_with(plugin(vdiff_stages=_key_stages)) as engine:
        for first in ("mean:shift=1", "mean:shift=1", "mean:shift=2"):
            session = engine.open(SMALL.with_length(5), Settings.of(stages=f"{first},keys"))
            session.render(2, dict(enumerate(clip)))
            stage = session._links[-1].stage
            assert isinstance(stage, _KeyStage)
            assert stage.derived == [True] * 3
            keys.append(stage.keys)
    assert keys[0] == keys[1]
    assert set(keys[0]).isdisjoint(keys[2])
    assert len(set(keys[0])) == 3


def test_equal_chains_share_what_they_computed_and_others_do_not() -> None:
    clip = dict(enumerate(noise_clip(3)))
    with engine_with() as engine:
        for chain, misses in (("mean,mean", 3), ("mean,mean", 3), ("mean:shift=1,mean", 6)):
            session = engine.open(SMALL.with_length(3), Settings.of(stages=chain))
            session.render(1, clip)
            assert engine.cache.statistics.misses == misses


def test_an_unknown_stage_lists_what_exists() -> None:
    with (
        engine_with() as engine,
        pytest.raises(
            UnknownNameError, match="no stage 'sharpen'; have changes, colour, mean, vdiff"
        ),
    ):
        engine.open(SMALL, Settings.of(stages="mean,sharpen"))


def test_options_that_a_stage_does_not_take_are_refused() -> None:
    with engine_with() as engine:
        with pytest.raises(SettingsError, match="stage mean has no option 'size'; have radius"):
            engine.open(SMALL, Settings.of(stages="mean:size=2"))
        with pytest.raises(SettingsError, match="stage mean: radius=9 is no good"):
            engine.open(SMALL, Settings.of(stages="mean:radius=9"))


def _broken(clip: ClipInfo, fault: str) -> MeanStage:
    stage = MeanStage(clip, MeanOptions(radius=0, shift=0))
    if fault == "radius":
        stage.radius = -1
    if fault == "length":
        stage.clip = clip.with_length(1)
    if fault == "format":
        stage.clip = ClipInfo(width=2, height=2, format=clip.format, length=clip.length)
    return stage


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("radius", "stage 'broken' has radius -1"),
        ("length", "stage 'broken' makes 1 frames of 3"),
        ("format", "stage 'broken' broke its contract: planes .* do not fit"),
    ],
)
def test_a_stage_that_breaks_its_contract_is_named(fault: str, message: str) -> None:
    broken = plugin(vdiff_stages=lambda: {"broken": lambda clip, *_: _broken(clip, fault)})

    def render() -> Frame:
        session = engine.open(SMALL.with_length(3), Settings.of(stages="broken"))
        return session.render(0, dict(enumerate(noise_clip(3))))

    with engine_with(broken) as engine, pytest.raises(PluginError, match=message):
        render()


def test_stages_are_closed_once_also_where_a_later_one_cannot_open() -> None:
    opened: list[MeanStage] = []

    def build(
        clip: ClipInfo, chosen: Settings, options: Mapping[str, str], services: Services
    ) -> MeanStage:
        opened.append(MeanStage(clip, MeanOptions.read("stage kept", options)))
        return opened[-1]

    with engine_with(plugin(vdiff_stages=lambda: {"kept": build})) as engine:
        with engine.open(SMALL, Settings.of(stages="kept,kept")) as session:
            session.close()
        with pytest.raises(UnknownNameError):
            engine.open(SMALL, Settings.of(stages="kept,nothing"))
    assert [stage.closed for stage in opened] == [1, 1, 1]


def test_a_closed_session_says_so() -> None:
    with engine_with() as engine:
        with engine.open(SMALL.with_length(1), Settings.of(stages="mean")) as session:
            pass
        with pytest.raises(UsageError, match="the session is closed"):
            session.render(0, dict(enumerate(noise_clip(1))))
