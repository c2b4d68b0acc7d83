"""Frames by number for whoever steps to and fro: near ones come without a new seek."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator
from pathlib import Path

from host_adapters.media import ClipReader, Picture
from vdiff_plugin.errors import FrameError, MediaError
from vdiff_plugin.frame import Frame

_BACK = 12  # frames before the one asked for that are kept too: people step back
_HELD = 1 << 28  # bytes of decoded frames; those asked for last are kept whatever they take


class Reel:
    """Keeps the frames read last, and the pass that read them open for those that follow.

    In a stream with a key frame every ten seconds a seek decodes up to 250 frames, and a
    step to the next one a single frame. One thread at a time may call it.

    Args:
        reader: the clip.
    """

    def __init__(self, reader: ClipReader) -> None:
        self._reader = reader
        self._file = _state(reader.source.path)
        self._held: OrderedDict[int, Frame] = OrderedDict()
        self._size = 0
        self._asked = 1  # frames
        self._pass: Generator[Picture] | None = None
        self._next = 0  # the frame that the open pass gives next

    def frames(self, numbers: range) -> dict[int, Frame]:
        """The frames of those numbers.

        Raises:
            FrameError: the clip has none of such a number.
            MediaError: its file is gone, has changed, or cannot be read.
        """
        for n in numbers:
            self.require(n)
        self._require_same_file()
        self._asked = len(numbers)
        return {n: self._frame(n) for n in numbers}

    def require(self, n: int) -> None:
        """Raise FrameError if there is no frame n."""
        if not 0 <= n < len(self._reader):
            raise FrameError(f"no frame {n}; the clip has {len(self._reader)}")

    def close(self) -> None:
        """Let go of the file. Closing twice does nothing."""
        if self._pass is not None:
            self._pass.close()
        self._pass = None

    def _require_same_file(self) -> None:
        """An open pass would go on with a file that is gone, or mix two of them."""
        path = self._reader.source.path
        if _state(path) != self._file:
            self.close()
            raise MediaError(f"{path}: gone, or not what it was; start the preview again")

    def _frame(self, n: int) -> Frame:
        if n in self._held:
            self._held.move_to_end(n)
            return self._held[n]
        try:
            return self._read(n)
        except BaseException:
            self.close()  # a pass that failed gives no more
            raise

    def _read(self, n: int) -> Frame:
        passing = self._passing(n)
        while self._next <= n:
            picture = next(passing)
            self._next = picture.n + 1
            self._keep(picture)
        return self._held[n]

    def _passing(self, n: int) -> Generator[Picture]:
        """The open pass, if it comes by frame n sooner than a new one would; else a new one."""
        key = self._key(n)
        if self._pass is None or not min(key, n - _BACK) <= self._next <= n:
            self.close()
            self._next = max(key, n - _BACK, 0)
            self._pass = self._reader.pictures(self._next)
        return self._pass

    def _key(self, n: int) -> int:
        """The frame at which decoding begins for frame n."""
        index = self._reader.source.index
        entries = index.entries(n)
        return index.number(entries[0]) if entries else 0

    def _keep(self, picture: Picture) -> None:
        if picture.n in self._held:
            return
        self._held[picture.n] = picture.frame
        self._size += picture.frame.nbytes
        while self._size > _HELD and len(self._held) > self._asked:
            self._size -= self._held.popitem(last=False)[1].nbytes


def _state(path: Path) -> tuple[int, int] | None:
    """What changes when a file is written to or replaced; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
