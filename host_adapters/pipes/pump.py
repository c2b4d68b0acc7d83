"""Frames from a pipe through a session into a pipe: as fast as it goes, or live."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any

from host_adapters.media.channel import read_ahead, write_behind
from host_adapters.pipes.contracts import Piped, PipeReader, PipeWriter
from vdiff_plugin.frame import Frame
from vdiff_plugin.session import Session
from vdiff_plugin.stream import Stream, render_clip

_WAITING = 4  # frames read and waiting, and frames rendered and waiting, at most


def pump(
    reader: PipeReader,
    session: Session,
    writer: PipeWriter,
    *,
    live: bool,
    progress: Callable[[int], None] | None = None,
    workers: int = 2,
) -> int:
    """Render every frame and return how many there were.

    Args:
        reader: gives the frames.
        session: renders them; the caller closes it.
        writer: takes them.
        live: hand each frame on as soon as its window is there, before the next one is
            read, so that nothing but the session's lookahead delays it; else reading,
            rendering and writing overlap.
        progress: called after each frame with their number.
        workers: threads that render, where not live.

    Raises:
        BrokenPipeError: nobody reads the output any more.
        MediaError: the input ends in the middle of a frame.
    """
    done = 0
    waiting = min(_WAITING, session.room(workers).waiting)
    rendered = _live(reader, session) if live else _overlapped(reader, session, workers, waiting)
    if live:
        for frame, ticket in rendered:
            writer.write(frame, ticket)
            done += 1
            if progress:
                progress(done)
    else:
        with closing(rendered), write_behind(_writing(writer), waiting, "vdiff-write") as put:
            for piped in rendered:
                put(piped)
                done += 1
                if progress:
                    progress(done)
    writer.finish()
    return done


def _writing(writer: PipeWriter) -> Callable[[Piped], None]:
    def write(piped: Piped) -> None:
        writer.write(piped.frame, piped.ticket)

    return write


def _live(reader: PipeReader, session: Session) -> Generator[Piped]:
    stream, tickets = Stream(session), deque[Any]()
    for frame, ticket in reader.frames():
        tickets.append(ticket)
        for done in stream.push(frame):
            yield Piped(done, tickets.popleft())
    for done in stream.finish():
        yield Piped(done, tickets.popleft())


def _overlapped(
    reader: PipeReader, session: Session, workers: int, waiting: int
) -> Generator[Piped]:
    tickets: deque[Any] = deque()

    def frames() -> Iterator[Frame]:
        for frame, ticket in ahead:
            tickets.append(ticket)
            yield frame

    with (
        closing(read_ahead(reader.frames(), waiting, "vdiff-read")) as ahead,
        closing(render_clip(session, frames(), workers)) as rendered,
    ):
        for frame in rendered:
            yield Piped(frame, tickets.popleft())
