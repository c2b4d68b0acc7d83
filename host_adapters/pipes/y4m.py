"""YUV4MPEG2 streams: frames in and out, with nothing computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from host_adapters.pipes.contracts import Piped
from host_adapters.pipes.stdio import read_exactly, write_all
from host_adapters.pipes.y4m_header import MAGIC, Y4mHeader
from vdiff_plugin.errors import MediaError
from vdiff_plugin.frame import ClipInfo, Frame, Matrix, Plane

_LONGEST = 4096  # bytes of a header line; longer ones are something else
_FRAME = b"FRAME"


class Y4mReader:
    """Frames of a YUV4MPEG2 stream. The ticket of a frame is its own header line.

    Args:
        source: the stream, at its beginning.
        matrix: what the stream cannot say; None goes by size.
        range_: libav's number of the colour range where the stream names none; 0 leaves it.

    Raises:
        MediaError, UnsupportedMediaError: the header is none, or of a video we do not process.
    """

    def __init__(self, source: BinaryIO, matrix: Matrix | None = None, range_: int = 0) -> None:
        self._source = source
        header = Y4mHeader.parse(_line(source, MAGIC.encode()))
        self.header = header.with_range(range_) if range_ and not header.range() else header
        self.clip: ClipInfo = self.header.clip(matrix)

    def frames(self) -> Iterator[Piped]:
        """The frames in order. Raises MediaError where the stream ends within one."""
        n = 0
        while line := self._source.readline(_LONGEST):
            if not line.startswith(_FRAME) or not line.endswith(b"\n"):
                raise MediaError(f"stdin: frame {n} does not begin as one; check what writes it")
            yield Piped(self._frame(n), line)
            n += 1

    def _frame(self, n: int) -> Frame:
        shapes = self.clip.plane_shapes()
        kind = self.clip.format.dtype.newbyteorder("<")
        sizes = [height * width * kind.itemsize for height, width in shapes]
        data = read_exactly(self._source, sum(sizes))
        if len(data) < sum(sizes):
            raise MediaError(f"stdin: ends within frame {n}; the stream is not whole")
        planes, at = [], 0
        for shape, size in zip(shapes, sizes, strict=True):
            plane: NDArray[Any] = np.frombuffer(data, kind, shape[0] * shape[1], at).reshape(shape)
            planes.append(self._checked(n, plane))
            at += size
        return Frame(tuple(planes))

    def _checked(self, n: int, plane: NDArray[Any]) -> Plane:
        form = self.clip.format
        if form.bits not in (8, 16) and plane.max() > form.peak:
            raise MediaError(
                f"stdin: frame {n} has a sample of {plane.max()} in {form.bits}-bit video; check "
                "what writes it"
            )
        native: Any = plane.astype(form.dtype, copy=False)
        return native  # type: ignore[no-any-return]


class Y4mWriter:
    """Writes a YUV4MPEG2 stream; its header goes out at once.

    Args:
        output: where to.
        header: of what is written.
    """

    def __init__(self, output: BinaryIO, header: Y4mHeader) -> None:
        self._output = output
        write_all(output, header.line().encode())

    def write(self, frame: Frame, ticket: bytes | None = None) -> None:
        """Write a frame behind the header line that it came with, if any."""
        write_all(self._output, ticket or _FRAME + b"\n")
        for plane in frame.planes:
            little = plane.astype(plane.dtype.newbyteorder("<"), copy=False)
            write_all(self._output, np.ascontiguousarray(little).data)

    def finish(self) -> None:
        """A y4m stream has no end of its own."""


def _line(source: BinaryIO, magic: bytes) -> str:
    """The first line, or what there is of it; nothing long is read where the magic is wrong."""
    start = read_exactly(source, len(magic))
    if start != magic:
        return start.decode("latin-1")
    return (bytes(start) + source.readline(_LONGEST)).decode("latin-1")
