"""Everything beside the processed video, copied without decoding it."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.stream import Discard, Disposition, Stream

from host_adapters.media.demux import open_input, packets
from host_adapters.media.rational import fraction
from host_adapters.media.shapes import hand_on_shape, place_of, shapes_of
from host_adapters.media.source import Source
from host_adapters.media.timeline import Timeline
from vdiff_plugin.errors import OutputError

logger = logging.getLogger(__name__)

_COVER = Disposition.attached_pic | Disposition.timed_thumbnails
_IN_TS = {  # its muxer takes anything, and writes what nobody can read
    *("mp1", "mp2", "mp3", "mp1float", "mp2float", "mp3float", "aac", "aac_latm", "ac3", "eac3"),
    *("dca", "opus", "libopus", "truehd", "pcm_bluray", "s302m", "pcm_s302m"),
    *("h264", "hevc", "mpeg2video", "mpeg1video", "mpeg4", "libdav1d", "av1", "vc1", "vvc"),
    *("dvbsub", "pgssub", "libzvbi_teletextdec", "klv", "timed_id3", "scte_35", "epg"),
}


class Copier:
    """Copies the other streams of a file into an output that is being written.

    Args:
        source: the file, which is opened anew.
        timeline: which stretch of it.
    """

    def __init__(self, source: Source, timeline: Timeline) -> None:
        self._timeline = timeline
        self._opened = ExitStack()
        self._container = self._opened.enter_context(open_input(source.path))
        self._path = source.path
        self._number = source.stream
        self._targets: dict[int, Stream] = {}
        self._waiting_for_key: set[int] = set()
        self._out: OutputContainer | None = None
        self._packets: Iterator[av.Packet[Any]] = iter(())
        self._next: av.Packet[Any] | None = None

    @property
    def container(self) -> InputContainer:
        """The input, for its metadata and chapters."""
        return self._container

    @property
    def has_cover(self) -> bool:
        """Whether there is cover art to copy."""
        return any(each.disposition & _COVER for each in self._container.streams)

    @property
    def video(self) -> Stream:
        """The input's stream that is being processed, for its metadata."""
        return self._container.streams[self._number]

    def shapes(self) -> dict[int, Fraction]:
        """Shapes of pixels of copied videos that have one, by their place in the output."""
        assert self._out is not None
        copied = shapes_of(self._container.streams)
        return {
            place_of(target, self._out): copied[number]
            for number, target in self._targets.items()
            if number in copied
        }

    def add_streams(
        self, out: OutputContainer, shown: Path, add_video: Callable[[], Stream]
    ) -> None:
        """Add a stream to `out` for each of the input, in the input's order.

        Args:
            out: takes them.
            shown: the output's name, for messages.
            add_video: adds the processed video where its turn comes.

        Raises:
            OutputError: the container cannot hold a stream.
        """
        self._out = out
        for stream in self._container.streams:
            if stream.index == self._number:
                add_video()
            elif stream.disposition & _COVER and out.format.name == "matroska":
                self._attach(stream)
            elif self._is_copied(stream, out.format.name, shown):
                target = out.add_stream_from_template(stream, opaque=True)
                _describe(target, stream, same_container=self._is_same(out))
                hand_on_shape(target, stream)
                self._targets[stream.index] = target
            if stream.index not in self._targets:
                stream.discard = Discard.all
        self._waiting_for_key = {
            index
            for index in self._targets
            if self._timeline.start is not None and _is_moving(self._container.streams[index])
        }

    def begin(self) -> None:
        """Go to where the stretch begins."""
        start = self._timeline.start
        if start is not None and self._targets:
            with suppress(av.FFmpegError):
                self._container.seek(int((start - 1) * av.time_base))
        if self._targets:
            chosen = [self._container.streams[index] for index in self._targets]
            self._packets = packets(self._container, *chosen)
        self._next = next(self._packets, None)

    def feed(self, until: Fraction | None) -> None:
        """Copy packets up to a time of the output in seconds; None copies all that are left."""
        while self._next is not None:
            packet = self._next
            moment = packet.dts if packet.dts is not None else packet.pts
            if until is not None and moment is not None:
                seconds = moment * fraction(packet.time_base) - self._timeline.shift
                if seconds > until:
                    return
            self._copy(packet)
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Close the input."""
        self._next, self._packets = None, iter(())
        self._opened.close()

    def _copy(self, packet: av.Packet[Any]) -> None:
        index = packet.stream_index
        stream = self._container.streams[index]
        if not stream.disposition & _COVER:
            if not self._timeline.holds(packet):
                return
            if index in self._waiting_for_key and not packet.is_keyframe:
                return
            self._waiting_for_key.discard(index)
            self._timeline.move(packet)
        packet.stream = self._targets[index]
        assert self._out is not None
        self._out.mux(packet)

    def _attach(self, cover: Stream) -> None:
        """Matroska keeps cover art as an attachment; PyAV would not admit it as a PNG stream."""
        assert self._out is not None
        with open_input(self._path) as container:
            picture = next(packets(container, container.streams[cover.index]), None)
        if picture is not None:
            name = _codec_name(cover)
            kind = {"mjpeg": "jpeg"}.get(name, name)
            file = cover.metadata.get("filename", f"cover.{kind.replace('jpeg', 'jpg')}")
            mime = cover.metadata.get("mimetype", f"image/{kind}")
            self._out.add_attachment(file, mime, bytes(picture))

    def _is_copied(self, stream: Stream, container: str, shown: Path) -> bool:
        if stream.discard == Discard.all:
            return False  # a chapter track, which the muxer makes anew
        if stream.type == "data" and "timecode" in stream.metadata:
            return False  # so is the timecode track
        if _can_hold(container, stream):
            return True
        name = f"stream {stream.index} ({stream.type} {_codec_name(stream)})"
        if stream.type in ("data", "unknown"):
            logger.warning("%s: %s files cannot hold %s; left out", shown, container, name)
            return False
        better = ".mkv" if _can_hold("matroska", stream) else self._path.suffix
        raise OutputError(
            f"{shown}: {container} files cannot hold {name} of the input; write to {better}, or "
            f"leave it out first: ffmpeg -i IN -map 0 -map -0:{stream.index} -c copy "
            f"IN2{self._path.suffix}"
        )

    def _is_same(self, out: OutputContainer) -> bool:
        return out.format.name in self._container.format.name.split(",")


def _describe(target: Stream, stream: Stream, *, same_container: bool) -> None:
    target.metadata.update(stream.metadata)
    target.disposition = stream.disposition
    if same_container and stream.id:
        target.id = stream.id


def _is_moving(stream: Stream) -> bool:
    return stream.type == "video" and not stream.disposition & _COVER


def _codec_name(stream: Stream) -> str:
    context = stream.codec_context
    return context.name if context is not None else (stream.name or "of unknown codec")


def _can_hold(container: str, stream: Stream) -> bool:
    """Whether a muxer takes a stream, found by having it write a header with it alone."""
    if container == "mpegts":
        return _codec_name(stream) in _IN_TS
    trial = av.open(io.BytesIO(), "w", format=container)
    try:
        target = trial.add_stream_from_template(stream, opaque=True)
        _describe(target, stream, same_container=False)
        trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    finally:
        with suppress(av.FFmpegError, ValueError):
            trial.close()
    return True
