"""Any stretch of a clip through a session, each frame with the picture it was made from."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing

from host_adapters.media.channel import read_ahead, write_behind
from host_adapters.media.reader import ClipReader, Picture
from vdiff_plugin.frame import Frame
from vdiff_plugin.session import Session
from vdiff_plugin.stream import render_clip

Progress = Callable[[int, int], None]  # frames done, frames in all


def stretch_needed(session: Session, first: int, last: int) -> tuple[int, int]:
    """First and last frame to decode for the output frames `first` to `last`."""
    return session.needed(first).start, session.needed(last).stop - 1


def render_stretch(
    session: Session, pictures: Iterable[Picture], first: int, last: int, workers: int
) -> Generator[tuple[Picture, Frame]]:
    """Output frames `first` to `last`, each with the picture that it was made from.

    Frames keep their numbers and windows, so that a stretch is the same as in the whole
    clip.

    Args:
        session: renders; the caller closes it.
        pictures: those that `stretch_needed` names, in order.
        first: output frame to begin with.
        last: output frame to end with, included.
        workers: threads that render.
    """
    sources: deque[Picture] = deque()

    def frames() -> Iterator[Frame]:
        for picture in pictures:
            if first <= picture.n <= last:
                sources.append(picture)
            yield picture.frame

    with closing(render_clip(session, frames(), workers, first=first, last=last)) as rendered:
        for frame in rendered:
            yield sources.popleft(), frame


def process_stretch(
    reader: ClipReader,
    session: Session,
    first: int,
    last: int,
    write: Callable[[Picture, Frame], None],
    progress: Progress | None = None,
    workers: int = 2,
) -> None:
    """Decode, render and write output frames `first` to `last`, all three at once.

    Args:
        reader: gives what `session` needs of them.
        session: renders; the caller closes it.
        first: output frame to begin with.
        last: output frame to end with, included.
        write: called in order by a thread of its own, with the picture and its frame.
        progress: called after each frame, in the caller's thread.
        workers: threads that render.
    """

    def put_through(pair: tuple[Picture, Frame]) -> None:
        write(*pair)

    room = session.room(workers)
    pictures = read_ahead(
        reader.pictures(*stretch_needed(session, first, last)), room.waiting, "vdiff-decode"
    )
    with (
        write_behind(put_through, room.waiting, "vdiff-encode") as put,
        closing(pictures),
        closing(render_stretch(session, pictures, first, last, room.workers)) as rendered,
    ):
        for done, pair in enumerate(rendered, 1):
            put(pair)
            if progress:
                progress(done, last - first + 1)
