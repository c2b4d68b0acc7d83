"""What the callbacks of one filter do: look at source frames, render output frames."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import vapoursynth as vs

from host_adapters.vapoursynth.errors import frame_errors
from host_adapters.vapoursynth.formats import new_frame, pixel_format, planes_of, video_format
from host_adapters.vapoursynth.maps import blended, share_of
from host_adapters.vapoursynth.props import Reading, is_cut, require_progressive
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.model.presets import UPSCALING
from vdiff_plugin.session import Session
from vdiff_plugin.settings import Settings

_ALPHA = "_Alpha"  # a frame of its own
_KEY = "vdiff_key"  # a frame's content address, from the node that looks to the one that renders


class Sessions:
    """A session for each way in which frames of one clip are to be read.

    Mostly that is one. A clip put together of parts may have several.

    Args:
        engine: opens them.
        clip: size, format and length; how it is read goes by each frame.
        settings: of all of them.

    Attributes:
        keeps: False where the cache holds nothing, so that working ahead would be in vain.
    """

    def __init__(self, engine: Engine, clip: ClipInfo, settings: Settings) -> None:
        self._engine = engine
        self._clip = clip
        self._settings = settings
        self.keeps = settings.cache > 0
        self._lock = threading.Lock()
        self._open: dict[Reading, Session] = {}

    def of(self, reading: Reading) -> Session:
        """The session for frames that are read this way; opened when first asked for."""
        with self._lock:
            if reading not in self._open:
                clip = reading.applied(self._clip)
                self._open[reading] = self._engine.open(clip, self._settings)
            return self._open[reading]

    def doubled(self, alpha: vs.VideoFrame) -> vs.VideoFrame:
        """Alpha of a doubled picture: interpolated, as files have it."""
        clip = ClipInfo(
            width=alpha.width, height=alpha.height, length=1,
            format=pixel_format(alpha.format), full_range=True,
        )  # fmt: skip
        plain = Settings.of(task=UPSCALING, strength=0)
        with self._engine.open(clip, plain) as session:
            return new_frame(session.render(0, {0: Frame(planes_of(alpha))}).planes, alpha.format)


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a filter may look at, and what it may change.

    Attributes:
        before: frames that it looks at before each frame.
        after: and after it.
        trusts_props: whether scene changes that are marked in frames end the window.
        planes: those that are changed.
    """

    before: int
    after: int
    trusts_props: bool
    planes: frozenset[int]

    def window(self, n: int, length: int, frames: Sequence[vs.VideoFrame]) -> range:
        """Places in `frames` of those that frame n may depend on.

        Args:
            n: frame number.
            length: frames in the clip.
            frames: `before` frames, frame n and `after` frames; beyond the clip's ends
                anything.
        """
        at = self.before
        earliest = at - min(self.before, n)
        latest = at + min(self.after, length - 1 - n)
        if not self.trusts_props:
            return range(earliest, latest + 1)

        def joined(place: int) -> bool:
            return not is_cut(frames[place - 1].props, frames[place].props)

        back = takewhile(joined, range(at, earliest, -1))
        ahead = takewhile(joined, range(at + 1, latest + 1))
        return range(at - len(list(back)), at + len(list(ahead)) + 1)


class Restoration:
    """The callbacks of one filter. Any thread may call them.

    Args:
        sessions: render.
        clip: what comes in.
        scope: what may be looked at and changed.
        source_format: VapourSynth's format of what comes in.
    """

    def __init__(
        self, sessions: Sessions, clip: ClipInfo, scope: Scope, source_format: vs.VideoFormat
    ) -> None:
        self._sessions = sessions
        self._clip = clip
        self._scope = scope
        self._format = source_format

    def look(self, n: int, frames: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Extract the features of one frame into the engine's cache; the frame itself goes on."""
        with frame_errors():
            (source,) = frames
            require_progressive(source.props, n)
            frame = Frame(planes_of(source))
            if self._sessions.keeps:
                self._sessions.of(self._reading(source)).prepare(frame)
            passed = source.copy()
            passed.props[_KEY] = frame.key
            return passed

    def render(self, n: int, frames: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Frame n of the output from the frames around it, and those of the maps after them."""
        with frame_errors():
            count = self._scope.before + 1 + self._scope.after
            window, maps = frames[:count], frames[count:]
            source = window[self._scope.before]
            require_progressive(source.props, n)
            reading = self._reading(source)
            share = share_of(maps) if maps else None
            if share is not None and not share.any():
                return self._finished(source.copy(), reading)
            before, after = self._rendered(n, window, reading)
            if share is not None:
                after = blended(before, after, share, reading.applied(self._clip))
            return self._output(source, before, after, reading)

    def _rendered(
        self, n: int, frames: Sequence[vs.VideoFrame], reading: Reading
    ) -> tuple[Frame, Frame]:
        """Frame n as it was and as it is now, its window rendered as if it were a whole clip.

        Pixels do not depend on frame numbers, and a window's ends are as a clip's.
        """
        assert self._clip.length is not None
        places = self._scope.window(n, self._clip.length, frames)
        given = {number: _frame_of(frames[place]) for number, place in enumerate(places)}
        number = self._scope.before - places.start
        session = self._sessions.of(reading)
        return given[number], session.render(number, given, length=len(places))

    def _output(
        self, source: vs.VideoFrame, before: Frame, after: Frame, reading: Reading
    ) -> vs.VideoFrame:
        if after is before:
            return self._finished(source.copy(), reading)
        out = self._sessions.of(reading).clip.format
        planes = [
            plane if index in self._scope.planes else before.planes[index]
            for index, plane in enumerate(after.planes)
        ]
        frame = new_frame(planes, video_format(out, self._format))
        frame.props = source.props
        alpha = frame.props.get(_ALPHA)
        if isinstance(alpha, vs.VideoFrame) and frame.width == 2 * source.width:
            frame.props[_ALPHA] = self._sessions.doubled(alpha)
        return self._finished(frame, reading)

    def _reading(self, source: vs.VideoFrame) -> Reading:
        return Reading.of(source.props, self._clip)

    def _finished(self, frame: vs.VideoFrame, reading: Reading) -> vs.VideoFrame:
        frame.props.pop(_KEY, None)
        reading.write(frame.props, self._sessions.of(reading).clip)
        return frame


def _frame_of(frame: vs.VideoFrame) -> Frame:
    return Frame(planes_of(frame), bytes(frame.props.get(_KEY, b"")))
