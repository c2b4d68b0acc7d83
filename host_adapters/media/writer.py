"""Writing a video file: one encoded stream, and the copies of all others."""

from __future__ import annotations

import logging
import re
import struct
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from host_adapters.media import containers
from host_adapters.media.codecs import EncodeOptions
from host_adapters.media.convert import Converter
from host_adapters.media.encoder import VideoSpec, carries, encode, open_encoder
from host_adapters.media.mp4 import set_creation_time
from host_adapters.media.rational import fraction
from host_adapters.media.remux import Copier
from host_adapters.media.shapes import lack_of, place_of, write_shapes
from host_adapters.media.template import can_template, template_stream
from host_adapters.media.timeline import Timeline
from vdiff_plugin.atomic import unwritable
from vdiff_plugin.errors import MediaError, OutputError, SettingsError
from vdiff_plugin.frame import Frame

logger = logging.getLogger(__name__)

_STALE = re.compile(  # what the old encoder or muxer said of its own stream
    r"(encoder|duration|alpha_mode|bps|number_of_(frames|bytes)|_statistics_.*)(-\w+)?",
    re.IGNORECASE,
)
_MATRIX = struct.Struct("=9i")
_KEPT = {"mastering_display_metadata", "content_light_level", "display_matrix", "cpb_properties"}
COPIED = (  # from the encoder's context to a template's
    *("width", "height", "pix_fmt", "framerate", "sample_aspect_ratio", "profile", "level"),
    *("color_range", "color_primaries", "color_trc", "colorspace", "chroma_sample_location"),
    *("bits_per_raw_sample", "reorder_depth", "extradata"),
)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is to be written.

    Attributes:
        file: the name to write to now.
        shown: the name that the user knows.
        container: libav's name of the container format.
        codec: libav's name of the encoder.
        spec: what the encoder is told of the picture.
        options: what the user asks of it.
        side_data: of the input's stream.
        frame_data: names of the side data that the input's frames carry.
        timeline: from the input's times to the output's.
    """

    file: Path
    shown: Path
    container: str
    codec: str
    spec: VideoSpec
    options: EncodeOptions
    side_data: Mapping[str, bytes] = field(default_factory=dict)
    frame_data: frozenset[str] = frozenset()
    timeline: Timeline = field(default_factory=Timeline)


class VideoWriter:
    """An output file being written. Not for several threads at once.

    The header is written at once, so that what cannot work fails before any frame.

    Args:
        target: what and where.
        converter: brings frames into the encoder's format.
        copier: brings the other streams along; the writer closes it.

    Raises:
        OutputError: the file cannot be written, or the container not hold a stream.
        SettingsError: the encoder refuses its options.
    """

    def __init__(self, target: Target, converter: Converter, copier: Copier | None = None) -> None:
        self.frames = 0
        self._target = target
        self._converter = converter
        self._copier = copier
        self._durations: dict[int, int] = {}
        self._packets = 0
        self._copies = False
        self._creation_time = ""
        self._opened = ExitStack()
        if copier:
            self._opened.callback(copier.close)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def write(
        self, frame: Frame, pts: int, duration: int, carrier: av.VideoFrame | None = None
    ) -> None:
        """Encode a frame, shown at `pts` for `duration` in units of `spec.time_base`.

        Raises:
            OutputError: the file cannot be written.
            MediaError: the encoder failed.
        """
        picture = self._converter.picture(frame, carrier)
        picture.pts, picture.duration = pts, duration
        picture.time_base = self._target.spec.time_base
        self._durations[pts] = duration
        self._encode(picture)
        self.frames += 1

    @property
    def written(self) -> int:
        """Frames that the encoder has given back and the file holds. Any thread may ask."""
        return min(self._packets, self.frames)

    @property
    def extradata(self) -> bytes:
        """What the encoder wants said in the header, such as H.264's parameter sets."""
        return bytes(self._encoder.extradata or b"")

    def copy(self, packet: av.Packet[Any]) -> None:
        """Take a frame that an equal encoder has encoded elsewhere.

        A writer either encodes or copies. Pts, dts and duration are in units of
        `spec.time_base`, and frames come in the encoder's order.

        Raises:
            OutputError: the file cannot be written.
        """
        packet.time_base = self._target.spec.time_base
        self._copies = True
        self._mux(packet)
        self.frames += 1

    def finish(self) -> None:
        """Write what the encoder still holds, the rest of the copies and the file's end."""
        if not self._copies:  # an encoder that got nothing has nothing to give
            self._encode(None)
        try:
            if self._copier:
                self._copier.feed(None)
            self._container.close()
        except av.FFmpegError as error:
            raise unwritable(self._target.shown, error.errno) from error
        if self._packets < self.frames:
            raise MediaError(
                f"{self._target.codec} gave {self._packets} packets for {self.frames} frames; "
                "use another --codec"
            )
        if self._creation_time:
            set_creation_time(self._target.file, self._creation_time)
        self._write_shapes()
        self.close()

    def close(self) -> None:
        """Let go of everything; without `finish` the file is not whole."""
        with suppress(av.FFmpegError, ValueError):
            self._opened.close()

    def _write_shapes(self) -> None:
        """Say the shapes of pixels in the header, and warn of what it lacks."""
        target = self._target
        lost = write_shapes(target.file, target.container, self._shapes)
        for number, shape in lost.items():
            lack = lack_of(number, shape, target.container)
            logger.warning("%s: %s; play it with that shape, or write to .mkv", target.shown, lack)

    def _open(self) -> None:
        target, copier = self._target, self._copier
        header = containers.header_for(
            target.container,
            target.spec.time_base,
            copier.container.metadata if copier else {},
            cover=copier is not None and copier.has_cover,
        )
        if header.lost:
            logger.warning("%s: cannot hold the keys %s", target.shown, ", ".join(header.lost))
        self._creation_time = header.creation_time
        self._container: OutputContainer = av.open(
            # An absolute name, for libav takes what stands before a colon for a protocol.
            str(target.file.absolute()),
            "w",
            format=target.container,
            container_options=dict(header.options),
        )
        self._opened.callback(self._container.close)
        self._container.metadata.update(header.metadata)
        if copier:
            copier.add_streams(self._container, target.shown, self._add_video)
            self._copy_chapters(copier)
        else:
            self._add_video()
        try:
            self._container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise self._refused(error) from error
        self._shapes = copier.shapes() if copier else {}
        if target.spec.sar not in (0, 1):
            self._shapes[place_of(self._stream, self._container)] = target.spec.sar
        if copier:
            copier.begin()

    def _add_video(self) -> Stream:
        target = self._target
        hdr = target.spec.hdr
        canonical = av.Codec(target.codec, "w").canonical_name
        if not containers.holds(target.container, target.codec):
            raise SettingsError(
                f"{target.container} files cannot hold {target.codec}; "
                f"{containers.place_for(target.codec)}choose another --codec"
            )
        if hdr and can_template(canonical) and containers.has_side_data(target.container):
            stream = self._from_template(canonical)
        else:
            stream = self._plain_stream()
            self._encoder: VideoCodecContext = stream.codec_context
            self._open_encoder()
        stream.time_base = target.spec.time_base
        self._stream = stream
        self._describe(stream)
        return stream

    def _plain_stream(self) -> VideoStream:
        stream = self._container.add_stream(self._target.codec, rate=self._target.spec.rate)
        assert isinstance(stream, VideoStream)
        return stream

    def _from_template(self, canonical: str) -> VideoStream:
        """A stream that says in its parameters what the HDR metadata of the input said."""
        spec = self._target.spec
        self._encoder = av.Codec(self._target.codec, "w").create("video")
        self._open_encoder()
        with template_stream(canonical, spec.width, spec.height, spec.hdr) as template:
            stream = self._container.add_stream_from_template(template, opaque=True)
        for name in COPIED:
            value = getattr(self._encoder, name)
            if value is not None:
                setattr(stream.codec_context, name, value)
        if self._encoder.codec_tag.strip("\0"):
            stream.codec_context.codec_tag = self._encoder.codec_tag
        return stream

    def _open_encoder(self) -> None:
        target = self._target
        open_encoder(
            self._encoder,
            self._converter.layout,
            target.spec,
            target.options,
            container=target.container,
        )

    def _describe(self, stream: VideoStream) -> None:
        """Metadata, disposition and rotation of the input's video."""
        side_data = self._target.side_data
        if self._copier:
            video = self._copier.video
            kept = {k: v for k, v in video.metadata.items() if not _STALE.fullmatch(k)}
            stream.metadata.update(kept | self._timecode())
            stream.disposition = video.disposition
        else:
            stream.disposition = Disposition.default
        if matrix := side_data.get("display_matrix"):
            stream.set_display_matrix(_MATRIX.unpack_from(matrix))
        lost = (set(side_data) - _KEPT) | (self._target.frame_data - carries(self._target.codec))
        if not containers.has_side_data(self._target.container):
            lost |= set(side_data) & {"display_matrix"}
        if lost:
            names = ", ".join(sorted(lost))
            logger.warning("%s: does not come along: %s", self._target.shown, names)

    def _timecode(self) -> dict[str, str]:
        """The timecode that mov files keep in a track, for the muxer to make a new one."""
        assert self._copier is not None
        streams = self._copier.container.streams
        found = [each.metadata["timecode"] for each in streams if "timecode" in each.metadata]
        return {"timecode": found[0]} if found else {}

    def _copy_chapters(self, copier: Copier) -> None:
        chapters = self._target.timeline.chapters(copier.container.chapters())
        if chapters and not containers.has_chapters(self._target.container):
            logger.warning("%s: cannot hold the %d chapters", self._target.shown, len(chapters))
        elif chapters:
            self._container.set_chapters(chapters)

    def _encode(self, picture: av.VideoFrame | None) -> None:
        for packet in encode(self._encoder, picture):
            self._mux(packet)

    def _mux(self, packet: av.Packet[Any]) -> None:
        if packet.pts is not None:
            packet.duration = self._durations.pop(packet.pts, packet.duration)
        packet.stream = self._stream
        moment = packet.dts if packet.dts is not None else packet.pts
        try:
            if self._copier and moment is not None:
                self._copier.feed(moment * fraction(packet.time_base))
            self._container.mux(packet)
        except av.FFmpegError as error:
            raise unwritable(self._target.shown, error.errno) from error
        self._packets += 1

    def _refused(self, error: Exception) -> OutputError:
        number = getattr(error, "errno", None)
        if isinstance(error, OSError) and number:
            return unwritable(self._target.shown, number)
        return OutputError(
            f"{self._target.shown}: the {self._target.container} muxer refuses these streams "
            f"({self._target.codec} and copies); write to .mkv"
        )
