from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator, Mapping

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
from vdiff_plugin.contracts import Services
from vdiff_plugin.errors import FrameError, UsageError
from vdiff_plugin.frame import ClipInfo, Frame, Window
from vdiff_plugin.settings import Settings
from vdiff_plugin.stream import Stream, render_clip

CHAIN = ((1, 3), (2, 0))
TEXT = "mean:radius=1:shift=3,mean:radius=2"


@settings(max_examples=40, deadline=None)
@given(length=st.integers(0, 9), radius=st.integers(0, 3), known=st.booleans())
def test_pushed_frames_come_out_as_the_whole_clip_would(
    length: int, radius: int, known: bool
) -> None:
    frames = noise_clip(length)
    clip = SMALL.with_length(length) if known else SMALL
    with (
        engine_with() as engine,
        engine.open(clip, Settings.of(stages=f"mean:radius={radius}")) as session,
    ):
        stream = Stream(session)
        out = [done for frame in frames for done in stream.push(frame)]
        out += stream.finish()
    assert samples(out) == samples(whole_clip_means(frames, [(radius, 0)]))


def test_a_frame_comes_out_as_soon_as_its_window_is_there() -> None:
    with engine_with() as engine:
        session = engine.open(SMALL, Settings.of(stages="mean:radius=2"))
        stream = Stream(session)
        counts = [len(stream.push(frame)) for frame in noise_clip(6)]
        assert (counts, len(stream.finish())) == ([0, 0, 1, 1, 1, 1], 2)


def test_no_more_than_a_window_is_held() -> None:
    held: weakref.WeakSet[_Watched] = weakref.WeakSet()
    with engine_with() as engine:
        session = engine.open(SMALL, Settings.of(stages="mean:radius=2"))
        stream = Stream(session)
        most = 0
        for frame in noise_clip(40):
            watched = _Watched(frame.planes)
            held.add(watched)
            stream.push(watched)
            del watched
            most = max(most, len(held))
    assert most == 4  # and the fifth, while it is pushed


class _Watched(Frame):
    __hash__ = object.__hash__
    __eq__ = object.__eq__


def test_a_clip_that_ends_early_or_late_is_refused() -> None:
    frames = noise_clip(4)
    with engine_with() as engine:
        session = engine.open(SMALL.with_length(3), Settings.of(stages="mean"))
        early, late = Stream(session), Stream(session)
        early.push(frames[0])
        with pytest.raises(FrameError, match="ended before frame 1 of 3; open it with length=None"):
            early.finish()
        for frame in frames[:3]:
            late.push(frame)
        with pytest.raises(FrameError, match="frame 3 was not asked for; 3 is the end"):
            late.push(frames[3])


def test_a_finished_stream_takes_nothing_more() -> None:
    with engine_with() as engine:
        stream = Stream(engine.open(SMALL, Settings.of(stages="mean")))
        assert stream.finish() == []
        with pytest.raises(UsageError, match="the stream is finished"):
            stream.push(noise_clip(1)[0])
        with pytest.raises(UsageError, match="the stream is finished"):
            stream.finish()


@pytest.mark.parametrize("workers", [1, 2, 8, None])
@pytest.mark.parametrize("length", [0, 1, 30])
def test_a_clip_rendered_by_threads_is_the_same(workers: int | None, length: int) -> None:
    frames = noise_clip(length)
    with engine_with() as engine, engine.open(SMALL, Settings.of(stages=TEXT)) as session:
        out = list(render_clip(session, iter(frames), workers))
    assert samples(out) == samples(whole_clip_means(frames, CHAIN))


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_stretch_is_the_same_as_in_the_whole_clip(data: st.DataObject) -> None:
    length = data.draw(st.integers(1, 12))
    first = data.draw(st.integers(0, length - 1))
    last = data.draw(st.integers(first, length - 1))
    frames = noise_clip(length)
    with (
        engine_with() as engine,
        engine.open(SMALL.with_length(length), Settings.of(stages=TEXT)) as session,
    ):
        needed = range(session.needed(first).start, session.needed(last).stop)
        given_in = [frames[m] for m in needed]
        out = list(render_clip(session, given_in, first=first, last=last))
    assert samples(out) == samples(whole_clip_means(frames, CHAIN)[first : last + 1])


class _Gated(MeanStage):
    """Counts the threads inside; frame 5 fails where it is told to."""

    def __init__(self, clip: ClipInfo, options: MeanOptions) -> None:
        super().__init__(clip, options)
        self.lock = threading.Lock()
        self.inside = self.most = 0

    def render(self, window: Window) -> Frame:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.01)
        with self.lock:
            self.inside -= 1
        if self.shift and window.n == 5:
            raise ValueError("frame 5 is poison")
        return super().render(window)


def _gated(
    clip: ClipInfo, chosen: Settings, options: Mapping[str, str], services: Services
) -> _Gated:
    return _Gated(clip, MeanOptions.read("stage gated", options))


GATED = plugin(vdiff_stages=lambda: {"gated": _gated})


def test_frames_overlap_but_reading_stays_within_bounds() -> None:
    read = 0

    def source() -> Iterator[Frame]:
        nonlocal read
        for frame in noise_clip(40):
            read += 1
            yield frame

    with engine_with(GATED) as engine:
        session = engine.open(SMALL, Settings.of(stages="gated:radius=1"))
        for given_out, _ in enumerate(render_clip(session, source(), workers=3)):
            assert read - given_out <= 2 * 3 + 1
        stage = session._links[0].stage
        assert isinstance(stage, _Gated)
        assert stage.most == 3


def test_the_first_failure_comes_in_its_frames_place() -> None:
    with engine_with(GATED) as engine:
        session = engine.open(SMALL, Settings.of(stages="gated:radius=1:shift=1"))
        out = render_clip(session, noise_clip(30), workers=4)
        done = [next(out) for _ in range(5)]
        assert len(done) == 5
        with pytest.raises(ValueError, match="frame 5 is poison"):
            next(out)
    assert not _render_threads()


def test_a_failure_of_the_source_comes_through() -> None:
    def source() -> Iterator[Frame]:
        yield from noise_clip(3)
        raise OSError("the cable is out")

    with engine_with() as engine:
        session = engine.open(SMALL, Settings.of(stages="mean"))
        with pytest.raises(OSError, match="the cable is out"):
            list(render_clip(session, source()))
    assert not _render_threads()


def test_closing_early_drops_what_has_not_begun() -> None:
    with engine_with(GATED) as engine:
        session = engine.open(SMALL, Settings.of(stages="gated"))
        out = render_clip(session, noise_clip(40), workers=2)
        next(out)
        out.close()  # type: ignore[attr-defined]
        stage = session._links[0].stage
        assert isinstance(stage, _Gated)
        assert stage.inside == 0
        assert stage.rendered.total() <= 1 + 2 * 2
    assert not _render_threads()


def _render_threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("vdiff-render")]
