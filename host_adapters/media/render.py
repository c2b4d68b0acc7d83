"""Any stretch of a clip through a session, in order, several frames at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from host_adapters.media.reader import Picture
from vdiff_plugin.frame import Frame
from vdiff_plugin.session import Session


def stretch_needed(session: Session, first: int, last: int) -> tuple[int, int]:
    """First and last frame to decode for the output frames `first` to `last`."""
    return session.needed(first).start, session.needed(last).stop - 1


def render_stretch(
    session: Session, pictures: Iterable[Picture], first: int, last: int, workers: int
) -> Generator[tuple[Picture, Frame]]:
    """Output frames `first` to `last`, each with the picture that it was made from.

    Frames keep their numbers and windows, so that a stretch is the same as in the whole
    clip. At most 2 * `workers` frames are under way beyond those of one window.

    Args:
        session: renders; the caller closes it.
        pictures: those that `stretch_needed` names, in order.
        first: output frame to begin with.
        last: output frame to end with, included.
        workers: threads that render.
    """
    under_way: deque[tuple[Picture, Future[Frame]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="vdiff-render") as pool:
        try:
            for picture, frames in _windows(session, pictures, first, last):
                future = pool.submit(session.render, picture.n, frames)
                under_way.append((picture, future))
                if len(under_way) >= 2 * workers:
                    picture, future = under_way.popleft()
                    yield picture, future.result()
            for picture, future in under_way:
                yield picture, future.result()
        finally:
            for _, future in under_way:
                future.cancel()


def _windows(
    session: Session, pictures: Iterable[Picture], first: int, last: int
) -> Iterator[tuple[Picture, Mapping[int, Frame]]]:
    """Each output frame's picture and window, as soon as all of it was decoded."""
    held: dict[int, Picture] = {}
    n = first
    for picture in pictures:
        held[picture.n] = picture
        while n <= last and (needed := session.needed(n)).stop <= picture.n + 1:
            yield held[n], {m: held[m].frame for m in needed}
            held.pop(n - session.radius, None)
            n += 1
