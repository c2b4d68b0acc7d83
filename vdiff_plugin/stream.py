"""For hosts that only go forward: push frames in, take finished frames out, in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple

from vdiff_plugin.errors import FrameError, UsageError
from vdiff_plugin.frame import Frame
from vdiff_plugin.session import Session


class _Task(NamedTuple):
    """Frame n can be rendered: everything it needs is here."""

    n: int
    frames: Mapping[int, Frame]
    length: int | None


class _Ahead:
    """Frames received and not done with yet; says which output frames they make possible."""

    def __init__(self, session: Session, first: int = 0, last: int | None = None) -> None:
        self._session = session
        self._held: dict[int, Frame] = {}
        self._next = first
        self._last = last
        self._received = max(0, first - session.radius)  # number of the next frame to come
        self._end = session.source.length if last is None else session.needed(last).stop

    def push(self, frame: Frame) -> list[_Task]:
        if self._received == self._end:
            raise FrameError(f"frame {self._received} was not asked for; {self._end} is the end")
        self._held[self._received] = frame
        self._received += 1
        return self._ready(self._session.source.length)

    def finish(self) -> list[_Task]:
        if self._end is not None and self._received != self._end:
            raise FrameError(
                f"the clip ended before frame {self._received} of {self._end}; "
                "open it with length=None where its end is not known"
            )
        return self._ready(self._session.source.length or self._received)

    def _ready(self, length: int | None) -> list[_Task]:
        tasks = []
        while self._next < self._received and (self._last is None or self._next <= self._last):
            needed = self._session.needed(self._next, length=length)
            if needed.stop > self._received:
                break
            tasks.append(_Task(self._next, {m: self._held[m] for m in needed}, length))
            self._held.pop(self._next - self._session.radius, None)
            self._next += 1
        return tasks


class Stream:
    """One pass over a clip, a frame at a time; the clip's length may be unknown.

    Holds at most 2 * radius + 1 frames.

    Args:
        session: what renders; the caller closes it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ahead = _Ahead(session)
        self._finished = False

    def push(self, frame: Frame) -> list[Frame]:
        """Take the next frame; give the frames that are finished by it, in order.

        Raises:
            FrameError: the frame does not fit the clip, or the clip has no more.
            UsageError: `finish` was called.
        """
        self._require_open()
        return self._render(self._ahead.push(frame))

    def finish(self) -> list[Frame]:
        """Give the frames still owed, now that the last one was pushed.

        Raises:
            FrameError: fewer frames came than the clip was said to have.
            UsageError: `finish` was called before.
        """
        self._require_open()
        self._finished = True
        return self._render(self._ahead.finish())

    def _require_open(self) -> None:
        if self._finished:
            raise UsageError("the stream is finished; make a new one")

    def _render(self, tasks: list[_Task]) -> list[Frame]:
        return [self._session.render(n, frames, length=end) for n, frames, end in tasks]


class PooledStream:
    """A `Stream` whose frames are rendered by threads, several at a time, given in order.

    At most 2 * workers frames are under way beyond those of one window. What is given when
    does not depend on how fast they are: a frame is handed out when as many wait behind it.

    Args:
        session: what renders; the caller closes it.
        workers: threads that render, at least 1; by default one a processor, 2 to 8. Fewer
            where memory is short.
        first: output frame to begin with.
        last: output frame to end with, included; by default the clip's last one.
    """

    def __init__(
        self,
        session: Session,
        workers: int | None = None,
        *,
        first: int = 0,
        last: int | None = None,
    ) -> None:
        workers = workers or min(8, max(2, os.cpu_count() or 2))
        workers = session.room(workers).workers
        self._session = session
        self._ahead = _Ahead(session, first, last)
        self._most = 2 * workers
        self._under_way: deque[Future[Frame]] = deque()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="vdiff-render")

    def push(self, frame: Frame) -> Iterator[Frame]:
        """Take the next frame; give those whose turn has come.

        Exhaust the iterator before the next call. A failure is raised in its frame's place.

        Raises:
            FrameError: the frame does not fit the clip, or the clip has no more.
        """
        return self._begin(self._ahead.push(frame))

    def finish(self) -> Iterator[Frame]:
        """Give the frames still owed, now that the last one was pushed.

        Raises:
            FrameError: fewer frames came than the clip was said to have.
        """
        yield from self._begin(self._ahead.finish())
        while self._under_way:
            yield self._under_way.popleft().result()

    def close(self) -> None:
        """Drop what has not begun, and wait for what has. Closing twice does nothing."""
        for future in self._under_way:
            future.cancel()
        self._pool.shutdown()

    def _begin(self, tasks: list[_Task]) -> Iterator[Frame]:
        for n, window, end in tasks:
            self._under_way.append(self._pool.submit(self._session.render, n, window, length=end))
            if len(self._under_way) >= self._most:
                yield self._under_way.popleft().result()


def render_clip(
    session: Session,
    frames: Iterable[Frame],
    workers: int | None = None,
    *,
    first: int = 0,
    last: int | None = None,
) -> Generator[Frame]:
    """Render a clip, or a stretch of it, in order and several frames at a time.

    Frames are read, and finished ones given, in the caller's thread, so that decoding
    and encoding overlap with rendering. The first failure is raised in its frame's place.
    Closing the iterator early drops what has not begun and waits for what has.

    Args:
        session: what renders; the caller closes it.
        frames: in order, from the first that `first` needs to the last that `last` needs.
        workers: see `PooledStream`, as `first` and `last`.
        first: output frame to begin with.
        last: output frame to end with, included; by default the clip's last one.

    Raises:
        FrameError: a frame that does not fit, or not as many as are needed.
    """
    with closing(PooledStream(session, workers, first=first, last=last)) as stream:
        for frame in frames:
            yield from stream.push(frame)
        yield from stream.finish()
