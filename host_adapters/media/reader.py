"""Reading frames by number, each one exactly, whatever is damaged around it."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import av
from av.sidedata.sidedata import Type

from host_adapters.media.decode import Threads, decode_from
from host_adapters.media.formats import unpack
from host_adapters.media.probe import probe
from host_adapters.media.source import Source, require_same
from vdiff_plugin.errors import FrameError, MediaError
from vdiff_plugin.frame import ClipInfo, Frame

logger = logging.getLogger(__name__)

_SAID = 20  # damaged frames named one by one; beyond that they are counted


@dataclass(frozen=True)
class Picture:
    """One frame of a file.

    Attributes:
        n: frame number.
        pts: when it is shown, in the stream's time base.
        duration: for how long, in the same unit.
        frame: its samples.
        carrier: the decoded picture, where it has closed captions to hand on.
    """

    n: int
    pts: int
    duration: int
    frame: Frame
    carrier: av.VideoFrame | None = None


@dataclass
class Damage:
    """What was found damaged while reading.

    Attributes:
        repeated: frames that gave no picture; the one before is shown again.
        concealed: frames that are damaged and yet gave a picture.
        doubtful: first and last frame of stretches in which something is damaged.
    """

    repeated: list[int] = field(default_factory=list)
    concealed: list[int] = field(default_factory=list)
    doubtful: list[tuple[int, int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.repeated) + len(self.concealed) + len(self.doubtful)


class ClipReader:
    """Frames of a probed file. Every pass opens the file anew, so passes may overlap.

    Attributes:
        source: the file.
        damage: what all passes found, in the order of the frames of a pass.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.damage = Damage()
        self._untold = list(source.notes)

    @property
    def info(self) -> ClipInfo:
        """Size, format, length and colours."""
        return self.source.info

    def __len__(self) -> int:
        return self.source.length

    def frames(self, start: int = 0, end: int | None = None) -> Iterator[Frame]:
        """Frames `start` to `end`, both included; to the last one without `end`.

        Raises:
            FrameError: no such frames.
        """
        for picture in self.pictures(start, end):
            yield picture.frame

    def pictures(self, start: int = 0, end: int | None = None) -> Generator[Picture]:
        """The same with times and side data; a pass never gives more or fewer frames.

        A pass starts with all threads. At the first sign of damage it goes back to the
        frame in question and on with a decoder that treats each packet by itself, so that
        the same file gives the same pictures each time and from every starting point.
        """
        last = self.source.length - 1 if end is None else end
        if not 0 <= start <= last < self.source.length:
            raise FrameError(f"no frames {start} to {last}; the clip has {self.source.length}")
        # Not before: where a request is refused, the reason is the only line.
        while self._untold:
            logger.warning("%s: %s", self.source.path, self._untold.pop(0))
        self._note_doubtful(start, last)
        return self._pass(start, last)

    def _pass(self, start: int, last: int) -> Generator[Picture]:
        n = start
        for threads in ("AUTO", "SLICE"):
            with closing(self._aligned(n, last, threads)) as aligned:
                for picture in aligned:
                    yield picture
                    n += 1
            if n > last:
                return
        raise MediaError(
            f"{self.source.path}: {self.source.describe(n)} cannot be read any more; leave the "
            "file alone while it is processed"
        )

    def _aligned(self, n: int, last: int, threads: Threads) -> Generator[Picture]:
        """Pair decoded pictures with frame numbers; on AUTO, stop where they do not fit."""
        careful = threads == "SLICE"
        shown: Frame | av.VideoFrame | None = None  # the one before n; decoded ones may be many
        with closing(self._numbered(n, threads)) as numbered:
            for at, picture in numbered:
                # Also before n: what several threads patch differs from pass to pass, and
                # pictures that refer to it would too.
                if not careful and (at > n or self._is_doubtful(at, picture)):
                    return
                while n < min(at, last + 1):
                    yield self._repeat(n, self._frame(shown or picture))
                    n += 1
                shown = picture
                if at == n <= last:
                    shown = self._frame(picture)
                    yield self._picture(n, picture, shown)
                    n += 1
                if n > last:
                    return
        while careful and shown and n <= last:
            yield self._repeat(n, self._frame(shown))
            n += 1

    def _numbered(self, n: int, threads: Threads) -> Generator[tuple[int, av.VideoFrame]]:
        """Decoded pictures that stand in the index, with their frame numbers."""
        source, index = self.source, self.source.index
        with closing(decode_from(source.path, source.stream, index, n, threads)) as pictures:
            for count, picture in enumerate(pictures):
                at = count
                if index.seekable and picture.pts is not None:
                    at = index.number(picture.pts)
                if at >= len(index) or (index.seekable and index.pts[at] != picture.pts):
                    logger.debug("%s: no frame has pts %s", source.path, picture.pts)
                    continue
                require_same(source, picture, at)
                yield at, picture

    def _frame(self, shown: Frame | av.VideoFrame) -> Frame:
        return shown if isinstance(shown, Frame) else Frame(unpack(shown, self.source.layout))

    def _picture(self, n: int, picture: av.VideoFrame, frame: Frame) -> Picture:
        if picture.is_corrupt or int(self.source.index.pts[n]) in self.source.index.damaged:
            self._note(self.damage.concealed, n, "the decoder patched it")
        carrier = picture if Type.A53_CC in picture.side_data else None
        index = self.source.index
        return Picture(n, int(index.pts[n]), index.duration(n), frame, carrier)

    def _is_doubtful(self, n: int, picture: av.VideoFrame) -> bool:
        return picture.is_corrupt or self.source.index.is_doubtful(int(self.source.index.pts[n]))

    def _note_doubtful(self, start: int, last: int) -> None:
        """Tell of stretches in which something is damaged that need not show."""
        source, index = self.source, self.source.index
        for first, end, lost in index.doubtful:
            found = (index.number(first), min(index.number(end), len(index) - 1))
            if found[0] > last or found[1] < start or found in self.damage.doubtful:
                continue
            self.damage.doubtful.append(found)
            gone = f", frames lost: {lost}" if lost else ""
            logger.warning(
                "%s: between %s and %s the file is damaged%s; look at what comes out there",
                *(source.path, source.describe(found[0]), source.describe(found[1]), gone),
            )

    def _repeat(self, n: int, frame: Frame) -> Picture:
        self._note(self.damage.repeated, n, "the picture before it is shown again")
        index = self.source.index
        return Picture(n, int(index.pts[n]), index.duration(n), frame)

    def _note(self, numbers: list[int], n: int, remedy: str) -> None:
        if n in numbers:
            return
        numbers.append(n)
        if len(self.damage) <= _SAID:
            logger.warning(
                "%s: %s is damaged; %s", self.source.path, self.source.describe(n), remedy
            )
        elif len(self.damage) == _SAID + 1:
            logger.warning("%s: more damaged frames follow, not named here", self.source.path)


def read_clip(path: Path | str) -> ClipReader:
    """Probe `path` for reading.

    Raises:
        MediaError, UnsupportedMediaError: as `probe` does.
    """
    return ClipReader(probe(Path(path)))
