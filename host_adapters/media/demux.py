"""Opening video files and walking over their packets, damaged stretches included."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from vdiff_plugin.errors import MediaError, ResourceError

_TEXT_ART = {"tty", "bintext", "xbin", "adf", "idf"}  # libav would play any text file
_MAX_FAILURES = 256  # in a row without one packet between them: nothing more will come
_SOME_MEMORY = 1 << 26  # bytes: a few pictures
_COVER = Disposition.attached_pic | Disposition.timed_thumbnails


@contextmanager
def open_input(path: Path) -> Iterator[InputContainer]:
    """Open a local file for reading; whatever it refers to stays local too.

    Raises:
        MediaError: it cannot be opened, or is no media file.
    """
    _require_file(path)
    try:
        container = av.open(str(path.resolve()), container_options={"protocol_whitelist": "file"})
    except av.FFmpegError as error:
        raise unreadable(path, error) from error
    with container:
        if container.format.name in _TEXT_ART:
            raise MediaError(f"{path}: this is text, not video; give a video file")
        yield container


def choose_video(container: InputContainer, path: Path) -> VideoStream:
    """The stream to process: the default one, else the first; never cover art.

    Raises:
        MediaError: there is none, or no decoder for it.
    """
    pictures = [each for each in container.streams.video if not each.disposition & _COVER]
    if not pictures:
        kinds = ", ".join(sorted({each.type for each in container.streams})) or "no streams"
        raise MediaError(f"{path}: no video in it (it has {kinds}); give a video file")
    default = [each for each in pictures if each.disposition & Disposition.default]
    chosen = (default or pictures)[0]
    if chosen.codec_context is None:
        raise MediaError(f"{path}: no decoder for its video; convert it with a tool that has one")
    return chosen


def video_stream(container: InputContainer, number: int) -> VideoStream:
    """Stream `number` of a file that was probed before.

    Raises:
        MediaError: it is no video any more.
    """
    stream = container.streams[number] if number < len(container.streams) else None
    if not isinstance(stream, VideoStream):
        raise MediaError(f"{container.name}: changed while it was read; leave it alone meanwhile")
    return stream


def packets(container: InputContainer, *streams: Stream) -> Iterator[av.Packet[Any]]:
    """Packets in file order; where the file cannot be read, go on behind that place.

    The empty packets that PyAV sends at the end are left out.

    Raises:
        ResourceError: memory is exhausted.
    """
    failures = 0
    while failures < _MAX_FAILURES:
        try:
            for packet in container.demux(*streams):
                if packet.size or packet.dts is not None or packet.pts is not None:
                    failures = 0
                    yield packet
        except av.FFmpegError as error:
            raise_exhausted(error)
            failures += 1
        else:
            return


def raise_exhausted(error: av.FFmpegError) -> None:
    """Turn libav's lack of memory into ours; let other errors pass.

    Damaged data can ask for any amount of memory. So it counts only if there is really none.
    """
    if error.errno == errno.ENOMEM and not _has_memory():
        raise ResourceError("memory is exhausted; close other programs") from error


def _has_memory() -> bool:
    try:
        bytearray(_SOME_MEMORY)
    except MemoryError:
        return False
    return True


def unreadable(path: Path, error: av.FFmpegError) -> MediaError:
    """Why libav did not open `path`, in one line."""
    if isinstance(error, PermissionError) or error.errno == errno.ENOENT:  # not of the file itself
        return MediaError(f"{path}: it refers to other files or addresses; give the video itself")
    if isinstance(error, av.error.EOFError):
        return MediaError(f"{path}: it ends before its first frame; give a complete video file")
    reason = (error.strerror or "unknown").lower()
    return MediaError(f"{path}: not a video, or damaged ({reason}); give a complete video file")


def _require_file(path: Path) -> None:
    try:
        if path.is_fifo() or path.is_socket():
            raise MediaError(
                f"{path}: a pipe, which cannot be read twice; save it to a file, or use vdiff pipe"
            )
        with path.open("rb") as file:
            empty = not file.read(1)
    except IsADirectoryError as error:
        raise MediaError(f"{path}: a directory; give a video file") from error
    except FileNotFoundError as error:
        raise MediaError(f"{path}: no such file; check the name") from error
    except PermissionError as error:
        raise MediaError(f"{path}: no permission to read it; change that with chmod") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); check the disk") from error
    if empty:
        raise MediaError(f"{path}: the file is empty; give a complete video file")
