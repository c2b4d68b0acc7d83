"""Decoding one pass over a video stream, from a place where decoding can begin."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from host_adapters.media.demux import open_input, packets, raise_exhausted, video_stream
from host_adapters.media.index import FrameIndex

Threads = Literal["AUTO", "SLICE"]


def decode_from(
    path: Path, stream: int, index: FrameIndex, n: int, threads: Threads
) -> Generator[av.VideoFrame]:
    """Pictures in display order, the first one being frame n or one before it.

    Containers may land elsewhere than asked. So an entry counts only if its very first
    picture comes out; else an earlier one is taken, and at last the file's start.

    Args:
        path: the file.
        stream: the video stream's number in it.
        index: of the same stream.
        n: frame number.
        threads: AUTO decodes several frames at once; SLICE keeps every picture that a
            damaged file still gives, and gives the same ones each time.
    """
    for entry in index.entries(n)[:-1]:  # the last one is the start of the file
        with open_input(path) as container:
            video = video_stream(container, stream)
            pictures = _seek(container, video, entry, threads)
            first = next(pictures, None)
            if first is not None and first.pts == entry:
                yield first
                yield from pictures
                return
    with open_input(path) as container:
        yield from pictures_of(container, video_stream(container, stream), threads)


def pictures_of(
    container: InputContainer, stream: VideoStream, threads: Threads = "AUTO"
) -> Iterator[av.VideoFrame]:
    """Every picture that can be decoded from here on; damaged packets are passed over."""
    stream.codec_context.thread_type = threads
    for packet in packets(container, stream):
        yield from _decode(stream, packet)
    yield from _decode(stream, None)


def _seek(
    container: InputContainer, stream: VideoStream, entry: int, threads: Threads
) -> Iterator[av.VideoFrame]:
    try:
        container.seek(entry, stream=stream)
    except av.FFmpegError:
        return
    for picture in pictures_of(container, stream, threads):
        if picture.pts is not None and picture.pts >= entry:
            yield picture


def _decode(stream: VideoStream, packet: av.Packet[Any] | None) -> list[av.VideoFrame]:
    try:
        return stream.decode(packet)
    except av.FFmpegError as error:
        raise_exhausted(error)
        return []
