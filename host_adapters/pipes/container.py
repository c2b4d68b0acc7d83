"""Streamed containers, NUT and Matroska: lossless pictures with their times, and all other streams.

NUT keeps times exactly but says nothing of colour where its video is raw; Matroska says
the colours and rounds times to a millisecond. Raw samples have a place in NUT alone, so
Matroska gets lossless FFV1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from typing import Any, NamedTuple

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from host_adapters.media.codecs import EncodeOptions, choose_encoder
from host_adapters.media.colour import ColourTags
from host_adapters.media.convert import Converter
from host_adapters.media.demux import packets, raise_exhausted
from host_adapters.media.formats import layout_of, unpack
from host_adapters.media.rational import fraction
from host_adapters.media.shapes import PIPE_BUFFER, ShapedPipe, shapes_of
from host_adapters.pipes.contracts import Piped
from vdiff_plugin.errors import MediaError, UnsupportedMediaError
from vdiff_plugin.frame import ClipInfo, Frame, Matrix

CONTAINERS = {"nut": "rawvideo", "matroska": "ffv1"}  # and what their video is written as


class Times(NamedTuple):
    """When a frame is shown and for how long, in the stream's time base."""

    pts: int
    duration: int


class ContainerReader:
    """The first video of a container that comes through a pipe; other packets wait in `others`.

    Args:
        url: what libav opens, `pipe:0` for stdin.
        container: libav's name of the format.
        matrix: what the stream may leave open; None goes by size.
        tags: colours, where they came beside the stream and not in it.

    Raises:
        MediaError: no such container, or no picture in it.
        UnsupportedMediaError: a pixel format we do not process, or interlaced.
    """

    def __init__(
        self,
        url: str,
        container: str,
        matrix: Matrix | None = None,
        tags: ColourTags | None = None,
    ) -> None:
        self.others: deque[av.Packet[Any]] = deque()
        self._opened = ExitStack()
        try:
            opened = av.open(url, format=container)
        except av.FFmpegError as error:
            raise MediaError(f"stdin: no {container} stream; name another --format") from error
        self.input: InputContainer = self._opened.enter_context(opened)
        if not self.input.streams.video:
            raise MediaError("stdin: no video in the stream; map one into it (-map 0:v:0)")
        self.stream: VideoStream = self.input.streams.video[0]
        self._pictures = self._decode()
        self._first = next(self._pictures, None)
        if self._first is None:
            raise MediaError("stdin: no picture in the stream; check what writes it")
        self.layout = layout_of(self._first.format.name)
        self.tags = tags or ColourTags.of(self._first, self.stream.codec_context, self.layout)
        size = (self._first.width, self._first.height)
        self.clip = ClipInfo(
            width=size[0],
            height=size[1],
            format=self.layout.format,
            matrix=matrix or self.tags.known_matrix() or self.tags.guess_matrix(*size),
            full_range=self.tags.full_range(self.layout),
            chroma_location=self.tags.chroma_location(),
        )

    @property
    def rate(self) -> Fraction:
        """Frames a second, 25 where the stream does not say."""
        rates = (self.stream.average_rate, self.stream.guessed_rate)
        return next((fraction(each) for each in rates if each), Fraction(25))

    @property
    def base(self) -> Fraction:
        """The time base of tickets, in seconds."""
        return fraction(self.stream.time_base)

    @property
    def begin(self) -> Fraction:
        """When the first frame is shown, in seconds, as long as it was not taken."""
        pts = self._first.pts if self._first else None
        return (pts or 0) * self.base

    def frames(self) -> Iterator[Piped]:
        """The frames in order, each with its `Times`."""
        first, self._first = self._first, None
        step = max(1, round(1 / (self.rate * self.base)))
        due = 0
        for picture in [first] if first else []:
            piped = self._piped(picture, due, step)
            due = piped.ticket.pts + step
            yield piped
        for picture in self._pictures:
            piped = self._piped(picture, due, step)
            due = piped.ticket.pts + step
            yield piped

    def close(self) -> None:
        """Let go of the pipe."""
        self._opened.close()

    def _piped(self, picture: av.VideoFrame, due: int, step: int) -> Piped:
        pts = due if picture.pts is None else picture.pts
        if picture.interlaced_frame:
            raise UnsupportedMediaError(
                f"stdin: the frame at pts {pts} is interlaced; deinterlace first (-vf bwdif)"
            )
        form = (picture.width, picture.height, picture.format.name)
        if form != (self.clip.width, self.clip.height, self.layout.name):
            raise UnsupportedMediaError(
                f"stdin: changes at pts {pts} to {form[0]}x{form[1]} {form[2]}; make it uniform "
                "first (-vf scale=W:H,format=F)"
            )
        frame = Frame(unpack(picture, self.layout))
        return Piped(frame, Times(pts, picture.duration or step))

    def _decode(self) -> Iterator[av.VideoFrame]:
        try:
            for packet in packets(self.input):
                if packet.stream_index == self.stream.index:
                    yield from self.stream.codec_context.decode(packet)
                else:
                    self.others.append(packet)
            yield from self.stream.codec_context.decode(None)
        except av.FFmpegError as error:
            raise_exhausted(error)
            raise MediaError(
                f"stdin: damaged ({(error.strerror or 'unknown').lower()}); check what writes it"
            ) from error


class ContainerWriter:
    """Lossless pictures into a container of the reader's kind, and what the reader put aside.

    Args:
        descriptor: of the pipe to write to.
        container: libav's name of the format.
        clip: what is written.
        reader: says times, colours and other streams.

    Attributes:
        layout: libav's pixel format of what is written.
        tags: its colours, which NUT cannot hold.
    """

    def __init__(
        self, descriptor: int, container: str, clip: ClipInfo, reader: ContainerReader
    ) -> None:
        self._reader = reader
        self._codec = CONTAINERS[container]
        self._base = reader.base
        shapes = shapes_of(reader.input.streams)  # tracks come before attachments
        pipe = ShapedPipe(descriptor, container) if shapes else None
        target = pipe or f"pipe:{descriptor}"
        self._out = av.open(target, "w", format=container, buffer_size=PIPE_BUFFER)
        self._out.metadata.update(reader.input.metadata)
        self._copies: dict[int, Stream] = {}
        for stream in reader.input.streams:
            if stream.index == reader.stream.index:
                self._add_video(clip, like=reader.layout.name)
            else:
                copy = self._out.add_stream_from_template(stream, opaque=True)
                copy.metadata.update(stream.metadata)
                copy.disposition = stream.disposition
                self._copies[stream.index] = copy
        self._out.start_encoding()
        if pipe:
            pipe.release(shapes)

    def write(self, frame: Frame, ticket: Times) -> None:
        """Write a frame, and the packets of other streams that came before it."""
        self._copy()
        picture = self._converter.picture(frame)
        picture.pts, picture.duration, picture.time_base = *ticket, self._base
        for packet in self._stream.encode(picture):
            packet.duration = ticket.duration
            self._out.mux(packet)

    def finish(self) -> None:
        """Write the remaining packets and the container's end."""
        self._copy()
        self._out.close()

    def _add_video(self, clip: ClipInfo, like: str) -> None:
        source = self._reader.stream
        exact = EncodeOptions(codec=self._codec)
        _, self.layout = choose_encoder(clip, self._out.format.name, exact, like)
        stream = self._out.add_stream(self._codec, rate=self._reader.rate)
        assert isinstance(stream, VideoStream)
        self._converter = Converter(clip, self.layout)
        self.tags = tags = self._converter.tags(self._reader.tags)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = clip.width, clip.height, self.layout.name
        context.time_base = self._base
        context.sample_aspect_ratio = fraction(source.sample_aspect_ratio)
        context.color_range, context.colorspace = tags.range, tags.matrix
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        context.chroma_sample_location = tags.chroma
        stream.time_base = self._base
        said = {k: v for k, v in source.metadata.items() if k.lower() != "encoder"}
        stream.metadata.update(said)
        stream.disposition = source.disposition
        self._stream = stream

    def _copy(self) -> None:
        while self._reader.others:
            packet = self._reader.others.popleft()
            packet.stream = self._copies[packet.stream_index]
            self._out.mux(packet)
