"""Decoding one pass over a video stream, from a place where decoding can begin."""

from __future__ import annotations

import errno
from collections.abc import Generator, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from host_adapters.media.demux import open_input, packets, raise_exhausted, video_stream
from host_adapters.media.index import FrameIndex
from vdiff_plugin.errors import ResourceError

Threads = Literal["AUTO", "SLICE"]

_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# Whose streams mark pictures that no other one refers to. HEVC's mark speaks of a picture's
# own temporal layer only; a higher one may still refer to it.
_MARKING = frozenset({"h264", "mpeg1video", "mpeg2video"})


def decode_from(
    path: Path, stream: int, index: FrameIndex, n: int, threads: Threads
) -> Generator[av.VideoFrame]:
    """Pictures in display order, the first one being frame n or one before it.

    Containers may land elsewhere than asked. So an entry counts only if its very first
    picture comes out, and whole; else an earlier one is taken, and at last the file's start.
    Pictures before n that nothing refers to may be left out: about half of what H.264 has.

    Args:
        path: the file.
        stream: the video stream's number in it.
        index: of the same stream.
        n: frame number.
        threads: AUTO decodes several frames at once and ends at the first error; SLICE
            keeps every picture that a damaged file still gives, and gives the same ones
            each time.
    """
    wanted = _first_wanted(index, n, threads)
    for entry in index.entries(n)[:-1]:  # the last one is the start of the file
        with open_input(path) as container:
            video = video_stream(container, stream)
            pictures = _seek(container, video, entry, threads, wanted)
            first = next(pictures, None)
            if first is not None and first.pts == entry and not first.is_corrupt:
                yield first
                yield from pictures
                return
    with open_input(path) as container:
        video = video_stream(container, stream)
        yield from pictures_of(
            container, video, threads, to_the_end=threads != "AUTO", wanted=wanted
        )


def pictures_of(
    container: InputContainer,
    stream: VideoStream,
    threads: Threads = "AUTO",
    *,
    to_the_end: bool = True,
    wanted: int | None = None,
) -> Iterator[av.VideoFrame]:
    """Every picture that can be decoded from here on.

    Damaged packets are passed over; with `to_the_end` False the first one ends it. With
    `wanted`, pictures of an earlier pts may be missing where no other one refers to them.
    """
    decoder = _decoder(stream)
    decoder.thread_type = threads
    skips = wanted is not None and decoder.name in _MARKING
    for packet in chain(packets(container, stream), (None,)):
        if skips:
            decoder.skip_frame = "NONREF" if _is_before(packet, wanted) else "DEFAULT"
        pictures = _decode(decoder, packet)
        if pictures is None and not to_the_end:
            return
        yield from pictures or ()


def _first_wanted(index: FrameIndex, n: int, threads: Threads) -> int | None:
    """Pts before which pictures need not come out, if any.

    Where anything is damaged, all of them tell how far it reaches.
    """
    sound = not index.damaged and not index.doubtful
    return int(index.pts[n]) if index.seekable and threads == "AUTO" and sound else None


def _is_before(packet: av.Packet[Any] | None, pts: int | None) -> bool:
    return packet is not None and packet.pts is not None and pts is not None and packet.pts < pts


def _seek(
    container: InputContainer,
    stream: VideoStream,
    entry: int,
    threads: Threads,
    wanted: int | None,
) -> Iterator[av.VideoFrame]:
    try:
        container.seek(entry, stream=stream)
    except av.FFmpegError:
        return
    for picture in pictures_of(
        container, stream, threads, to_the_end=threads != "AUTO", wanted=wanted
    ):
        if picture.pts is not None and picture.pts >= entry:
            yield picture


def _decoder(stream: VideoStream) -> VideoCodecContext:
    """The stream's decoder; for VP8 and VP9 with alpha the one that knows of alpha."""
    context = stream.codec_context
    said = {name.lower(): value for name, value in stream.metadata.items()}
    if said.get("alpha_mode") != "1" or context.name not in _WITH_ALPHA:
        return context
    decoder = av.Codec(_WITH_ALPHA[context.name], "r").create("video")
    decoder.pkt_timebase = stream.time_base
    return decoder


def _decode(
    decoder: VideoCodecContext, packet: av.Packet[Any] | None
) -> list[av.VideoFrame] | None:
    """Pictures that are ready; None if the packet cannot be decoded."""
    try:
        return decoder.decode(packet)
    except av.FFmpegError as error:
        if not decoder.is_open and error.errno in (errno.EAGAIN, errno.ENOMEM):
            # It has not even begun; its name is gone too, and asking for it would crash.
            raise ResourceError(
                "not enough memory to start a decoder; close other programs"
            ) from error
        raise_exhausted(error)
        return None
