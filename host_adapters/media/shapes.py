"""The shape of pixels of written streams.

PyAV cannot tell muxers the shape of a stream's pixels. Encoders such as H.264's write it into
their own stream as well; for all others it goes into the file's header here: where that is a
file, at the end, and in a pipe before the header leaves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TypeGuard

import av
from av.container import OutputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from host_adapters.media import avi_shape, matroska_shape, nut_shape
from host_adapters.media.rational import fraction

# Width to height of a pixel, for streams by their place, in which attachments do not count.
Shapes = Mapping[int, Fraction]

_Rewrite = Callable[[bytes, Shapes], bytes]

PIPE_BUFFER = 1 << 20  # bytes that libav gathers for a `ShapedPipe`
_HEADER = 4 << 20  # bytes of a file in which all that is looked for stands
_IN_FILES: dict[str, _Rewrite] = {
    "matroska": matroska_shape.shaped,
    "webm": matroska_shape.shaped,
    "avi": avi_shape.shaped,
    "nut": nut_shape.shaped,
}
_IN_PIPES = ("matroska", "webm", "nut")


def shapes_of(streams: Iterable[Stream]) -> dict[int, Fraction]:
    """The shapes that videos have, by their index; those that are square or unknown left out."""
    found = {each.index: each.sample_aspect_ratio for each in streams if is_video(each)}
    return {number: fraction(shape) for number, shape in found.items() if shape not in (None, 0, 1)}


def is_video(stream: Stream) -> TypeGuard[VideoStream]:
    """Whether it has pictures that move."""
    return isinstance(stream, VideoStream) and not stream.disposition & Disposition.attached_pic


def place_of(stream: Stream, container: OutputContainer) -> int:
    """The place that a stream will have in the file."""
    before = list(container.streams)[: stream.index]
    return sum(each.type != "attachment" for each in before)


def hand_on_shape(copy: Stream, source: Stream) -> None:
    """Tell the muxer of mp4 and mov files, which look at the parameters of what is copied."""
    if is_video(copy) and is_video(source) and source.sample_aspect_ratio:
        copy.codec_context.sample_aspect_ratio = source.sample_aspect_ratio


def write_shapes(path: Path, container: str, shapes: Shapes) -> dict[int, Fraction]:
    """Write the shapes into the header of a whole file, which keeps its length.

    Returns:
        Those that the file lacks nevertheless.
    """
    if not shapes:
        return {}
    if rewrite := _IN_FILES.get(container):
        with path.open("r+b") as file:
            before = file.read(_HEADER)
            after = rewrite(before, shapes)
            if after != before and len(after) == len(before):
                file.seek(0)
                file.write(after)
    with suppress(av.FFmpegError), av.open(str(path.absolute())) as written:
        there = shapes_of(written.streams)
        return {n: shape for n, shape in shapes.items() if there.get(n) != shape}
    return {}


def lack_of(number: int, shape: Fraction, container: str) -> str:
    """What to say of a shape that `write_shapes` could not write."""
    across, down = shape.as_integer_ratio()
    return (
        f"stream {number} lacks the shape of its pixels, {across}:{down}, which {container} files "
        "do not say of it"
    )


def can_be_piped(container: str) -> bool:
    """Whether `ShapedPipe` knows the container's header."""
    return container in _IN_PIPES


class ShapedPipe:
    """A pipe for libav to write to, whose header waits until the shapes are known.

    Args:
        descriptor: of the pipe, which stays open.
        container: libav's name of the format.
    """

    def __init__(self, descriptor: int, container: str) -> None:
        self._descriptor = descriptor
        self._rewrite = _IN_FILES[container]
        self._header: bytes | None = b""

    def write(self, data: bytes) -> int:
        """Take a part."""
        if self._header is not None:
            self._header += bytes(data)
        else:
            self._write(data)
        return len(data)

    def release(self, shapes: Shapes) -> None:
        """Let the header go, now that all of it is there, and everything after it."""
        header, self._header = self._header, None
        if header:
            self._write(self._rewrite(header, shapes))

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
