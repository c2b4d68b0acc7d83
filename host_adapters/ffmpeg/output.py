"""An output file in this process: encoders, copies, header, metadata and chapters."""

from __future__ import annotations

import logging
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from host_adapters.ffmpeg.inputs import Input
from host_adapters.ffmpeg.listing import LISTINGS, Listing
from host_adapters.ffmpeg.plan import Label, OutputPlan, OutputStream
from host_adapters.ffmpeg.video import VideoTrack
from host_adapters.media.demux import raise_exhausted
from host_adapters.media.rational import fraction
from host_adapters.media.shapes import (
    PIPE_BUFFER,
    ShapedPipe,
    can_be_piped,
    hand_on_shape,
    lack_of,
    place_of,
    write_shapes,
)
from host_adapters.media.template import can_template, template_stream
from host_adapters.media.writer import COPIED
from vdiff_plugin.atomic import unwritable
from vdiff_plugin.errors import OutputError, SettingsError, UsageError

logger = logging.getLogger(__name__)

MUXING = frozenset(  # muxer options that are passed on; libav does not list them to Python
    (
        *("movflags", "fflags", "avoid_negative_ts", "video_track_timescale", "mpegts_flags"),
        *("strict", "hash", "flush_packets", "write_tmcd", "brand", "format_version"),
        *("use_editlist", "frag_duration"),
    )
)
_OWN = ("creation_time", "company_name", "product_name", "product_version", "encoder", "duration")
_MUXERS = ("major_brand", "minor_version", "compatible_brands")


class Output:
    """One output. Packets wait until every encoder knows its picture; then comes the header.

    Args:
        plan: what it holds.
        inputs: for copies and metadata.
        url: the name to write to now.
    """

    def __init__(self, plan: OutputPlan, inputs: list[Input], url: str) -> None:
        self.plan = plan
        self.written = 0  # bytes of packets
        self._inputs = inputs
        self._waiting: list[tuple[int, av.Packet[Any]]] = []
        self._started = False
        self._private = {each.name: each.value for each in plan.group.options if each.private}
        if (flags := plan.group.value("movflags")) is not None:
            self._private["movflags"] = flags
        self._encoder_options = dict(self._private)
        self._listing: Listing | None = None
        self._pipe: ShapedPipe | None = None
        self._url = url
        self._file = self._open(url)
        self._streams: dict[int, Stream] = {}
        self.tracks = {
            each.index: VideoTrack(self, each) for each in plan.streams if not each.copied
        }

    @property
    def has_begun(self) -> bool:
        """Whether the header is written."""
        return self._started

    def mux(self, index: int, packet: av.Packet[Any]) -> None:
        """Write a packet of the stream of that number; before the header it is kept."""
        if not self._started:
            self._waiting.append((index, packet))
            self.begin()
            return
        packet.stream = self._streams[index]
        self.written += packet.size
        try:
            self._file.mux(packet)
        except av.FFmpegError as error:
            raise_exhausted(error)
            raise self._refused(error) from error

    def begin(self) -> None:
        """Add all streams in their order and write the header, once every picture is known."""
        if self._started or not all(track.is_known for track in self.tracks.values()):
            return
        for each in self.plan.streams:
            if each.copied:
                self._add_copy(each)
            else:
                self._add_video(each)
        self._start()
        waiting, self._waiting = self._waiting, []
        for index, packet in waiting:
            self.mux(index, packet)
        for track in self.tracks.values():
            track.begin()

    def _add_video(self, stream: OutputStream) -> None:
        track = self.tracks[stream.index]
        canonical = av.Codec(track.codec, "w").canonical_name
        if track.hdr and can_template(canonical):
            encoder = av.Codec(track.codec, "w").create("video")
            track.open(encoder)
            with template_stream(canonical, encoder.width, encoder.height, track.hdr) as like:
                added = self._file.add_stream_from_template(like, opaque=True)
            for name in COPIED:
                if (value := getattr(encoder, name)) is not None:
                    setattr(added.codec_context, name, value)
        else:
            added = self._plain(track)
            track.open(added.codec_context)
        added.time_base = track.base
        self._describe(added, stream)
        self._streams[stream.index] = added

    def finish(self) -> None:
        """Flush encoders, write the end."""
        for track in self.tracks.values():
            track.finish()
        self.begin()
        if not self._started:
            raise OutputError(
                f"{self.plan.group.url}: Nothing was written into output file; check -ss, -t and "
                "the filters"
            )
        try:
            self._file.close()
        except av.FFmpegError as error:
            raise self._refused(error) from error
        self._write_shapes()

    def close(self) -> None:
        """Let go; without `finish` the file is not whole."""
        with suppress(av.FFmpegError, ValueError):
            self._file.close()
        if self._listing:
            self._listing.close()

    def _write_shapes(self) -> None:
        if self._pipe or self._listing or not Path(self._url).is_file():
            return
        lost = write_shapes(Path(self._url), self.plan.format, self._shapes)
        for number, shape in lost.items():
            lack = lack_of(number, shape, self.plan.format)
            logger.warning("[out] %s; play it with -aspect, or write to .mkv", lack)

    @property
    def encoder_options(self) -> dict[str, str]:
        """Private options, for encoders to take what is theirs."""
        return self._encoder_options

    @property
    def format(self) -> str:
        """Libav's name of the container."""
        return self.plan.format

    def _open(self, url: str) -> OutputContainer:
        muxing = {k: v for k, v in self._private.items() if k in MUXING}
        try:
            if self.plan.format in LISTINGS:
                self._listing = Listing(url, self._shape)
            elif url.startswith("pipe:") and can_be_piped(self.plan.format):
                self._pipe = ShapedPipe(int(url.removeprefix("pipe:")), self.plan.format)
            return av.open(
                self._listing or self._pipe or url,
                "w",
                format=self.plan.format,
                container_options=muxing,
                buffer_size=PIPE_BUFFER,
            )
        except (av.FFmpegError, ValueError) as error:
            raise self._refused(error) from error

    def _shape(self, index: int) -> Fraction:
        """Width to height of a stream's pixels; 0 if unknown."""
        each = self.plan.streams[index]
        if index in self.tracks:
            return self.tracks[index].sar
        assert not isinstance(each.source, Label)
        source = self._inputs[each.source.file].streams[each.source.stream]
        return fraction(getattr(source, "sample_aspect_ratio", None))

    def _plain(self, track: VideoTrack) -> VideoStream:
        try:
            added = self._file.add_stream(track.codec, rate=track.rate)
        except ValueError as error:
            raise SettingsError(
                f"{self.plan.format} files cannot hold {track.codec}; choose another -c:v"
            ) from error
        assert isinstance(added, VideoStream)
        return added

    def _add_copy(self, each: OutputStream) -> None:
        assert not isinstance(each.source, Label)
        source = self._inputs[each.source.file].streams[each.source.stream]
        try:
            added = self._file.add_stream_from_template(source, opaque=True)
        except (av.FFmpegError, ValueError) as error:
            raise OutputError(
                f"{self.plan.group.url}: {self.plan.format} files cannot hold stream "
                f"{each.source.file}:{each.source.stream}; leave it out with -map"
            ) from error
        hand_on_shape(added, source)
        self._streams[each.index] = added
        self._describe(added, each)

    def _describe(self, added: Stream, each: OutputStream) -> None:
        letter = {"video": "v", "audio": "a", "subtitle": "s"}.get(each.kind, "d")
        if not isinstance(each.source, Label):
            source = self._inputs[each.source.file].streams[each.source.stream]
            if self.plan.group.value("map_metadata") != "-1":
                drop = () if each.copied else ("encoder",)
                added.metadata.update({k: v for k, v in source.metadata.items() if k not in drop})
            added.disposition = source.disposition
        wanted = {f"s:{letter}", f"s:{letter}:{each.number}", f"s:{each.index}", "s"}
        for given in self.plan.group.all("metadata"):
            if given.specifier in wanted:
                _set(added.metadata, given.value)
        if (text := self.plan.option("disposition", each)) is not None:
            added.disposition = _disposition(text)

    def _start(self) -> None:
        self._describe_file()
        try:
            self._file.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise self._refused(error) from error
        self._started = True
        self._shapes = {
            place_of(stream, self._file): shape
            for n, stream in self._streams.items()
            if (shape := self._shape(n)) not in (0, 1)
        }
        if self._pipe:
            self._pipe.release(self._shapes)

    def _describe_file(self) -> None:
        group, metadata = self.plan.group, self._file.metadata
        origin = group.value("map_metadata") or "0"
        if origin != "-1" and self._inputs:
            said = self._inputs[int(origin)].container.metadata
            metadata.update({k: v for k, v in said.items() if k.lower() not in (*_OWN, *_MUXERS)})
        for given in group.all("metadata"):
            if given.specifier in ("", "g"):
                _set(metadata, given.value)
        chapters = group.value("map_chapters")
        sources = self._inputs if chapters is None else self._inputs[int(chapters) :][:1]
        for one in sources if chapters != "-1" else ():
            if found := one.container.chapters():
                self._file.set_chapters([_shifted(each, one.shift) for each in found])
                break

    def _refused(self, error: Exception) -> Exception:
        if isinstance(error, BrokenPipeError):
            return error
        number = getattr(error, "errno", None)
        if isinstance(error, OSError) and number and number < 200:
            return unwritable(Path(self.plan.group.url), number)
        return OutputError(
            f"{self.plan.group.url}: the {self.plan.format} muxer refuses these streams; write to "
            ".mkv, or choose other codecs"
        )


def _set(metadata: dict[str, str], text: str) -> None:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"No '=' character in metadata string {text}; write KEY=VALUE")
    if value:
        metadata[key] = value
    else:
        metadata.pop(key, None)


def _disposition(text: str) -> Disposition:
    found = Disposition(0)
    for name in text.strip("+").split("+"):
        if name not in ("0", "") and name not in Disposition.__members__:
            raise UsageError(f"Unknown disposition {name!r}; write such as default+forced")
        if name not in ("0", ""):
            found |= Disposition[name]
    return found


def _shifted(chapter: Any, shift: Fraction) -> Any:
    offset = round(shift / chapter["time_base"])
    moved = dict(chapter)
    moved["start"] -= offset
    moved["end"] -= offset
    return moved
