"""Inputs of a command line, opened in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from host_adapters.ffmpeg.commandline import Given, Group
from host_adapters.ffmpeg.times import rate, seconds
from host_adapters.filtergraph.tokens import Filter
from host_adapters.media.demux import packets, raise_exhausted
from host_adapters.media.rational import fraction
from vdiff_plugin.errors import MediaError, UsageError

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from contextlib import ExitStack

DEMUXING = frozenset(  # demuxer options that are passed on; libav does not list them to Python
    (
        *("analyzeduration", "probesize", "fflags", "formatprobesize", "fpsprobesize", "seek2any"),
        *("framerate", "video_size", "pixel_format", "loop", "start_number", "pattern_type"),
        *("ts_from_file", "safe", "ignore_editlist", "advanced_editlist", "scan_all_pmts"),
        *("ignore_loop", "graph", "dumpgraph", "protocol_whitelist", "max_delay", "avioflags"),
    )
)
_MICRO = 1_000_000
_COVER_SCORE = 1
_TURNS = {
    90: (Filter("transpose", args="cclock"),),
    -90: (Filter("transpose", args="clock"),),
    180: (Filter("hflip"), Filter("vflip")),
    -180: (Filter("hflip"), Filter("vflip")),
}


@dataclass
class Input:
    """One input file.

    Attributes:
        group: as given.
        container: open.
        shift: seconds that are taken off all its times.
        start, length: of the stretch asked for, in seconds; None is all.
    """

    group: Group
    container: InputContainer
    shift: Fraction
    start: Fraction | None
    length: Fraction | None

    @property
    def streams(self) -> list[Stream]:
        """Its streams."""
        return list(self.container.streams)

    def rate(self, stream: VideoStream) -> Fraction:
        """Frames a second of a stream; 0 if unknown."""
        if given := self.group.value("r"):
            return rate(given, "r")
        return fraction(stream.guessed_rate)

    def entry(self, picture: av.VideoFrame, sar: Fraction) -> list[Filter]:
        """Filters that a stream passes first: pixel shape, the stretch, and its rotation."""
        # Frames lack the shape that only the container told, and Python cannot give it to them.
        found = [Filter("setsar", args=f"{sar.numerator}/{sar.denominator}")] if sar else []
        if self.start is not None or self.length is not None:
            span = f":duration={micro(self.length)}us" if self.length is not None else ""
            found.append(Filter("trim", args=f"start=0us{span}"))
        if self.group.last("noautorotate") is None:
            found += _TURNS.get(round(picture.rotation), ())
        return found

    def seek(self) -> None:
        """Go to where the stretch begins, or a little earlier."""
        if self.start:
            begin = self.container.start_time or 0
            target = max(begin, begin + int(self.start * _MICRO))
            try:
                self.container.seek(target)
            except av.FFmpegError as error:  # then all is decoded, and what is too early dropped
                raise_exhausted(error)
                logger.warning("%s: could not seek to %.3f s", self.group.url, target / _MICRO)

    def packets(self, streams: list[Stream]) -> Iterator[av.Packet[Any]]:
        """Packets of some streams, in file order."""
        return packets(self.container, *streams)

    def decoder(self, stream: VideoStream) -> av.VideoCodecContext:
        """Its decoder, set up as the input's options say, with all the threads there are."""
        context = stream.codec_context
        if not context.is_open:
            context.thread_type = "AUTO"
            context.thread_count = int(self.group.value("threads") or 0)
            given = {each.name: each.value for each in self._private()}
            known = decoder_options(stream)
            context.options = {name: value for name, value in given.items() if name in known}
        return context

    def unknown_option(self) -> str:
        """A private option that neither the demuxer nor a decoder here is known to have."""
        known = set(DEMUXING).union(
            *(decoder_options(each) for each in self.streams if isinstance(each, VideoStream))
        )
        return next((each.name for each in self._private() if each.name not in known), "")

    def _private(self) -> list[Given]:
        return [each for each in self.group.options if each.private]

    def move(self, pts: int, base: Fraction) -> int:
        """A time of the file as one of the command."""
        return pts - round(self.shift / base)


def decoder_options(stream: VideoStream) -> set[str]:
    """Names of the options that a stream's decoder takes."""
    options = stream.codec_context.supported_options
    return {each.name for each in (*options.private, *options.generic)}


def micro(value: Fraction) -> int:
    """Seconds as whole microseconds."""
    return round(value * _MICRO)


def open_input(group: Group, opened: ExitStack) -> Input:
    """Open an input as its options say.

    Raises:
        MediaError: it cannot be opened.
        UsageError: an option that its demuxer does not have.
    """
    options = {each.name: each.value for each in group.options if each.name in DEMUXING}
    url = "pipe:0" if group.url == "-" else group.url
    form = group.value("f")
    if form != "lavfi":
        options.setdefault("protocol_whitelist", "file,pipe,fd")
    for name, option in (("s", "video_size"), ("pix_fmt", "pixel_format"), ("r", "framerate")):
        if (value := group.value(name)) and form == "rawvideo":
            options[option] = value
    try:
        container = opened.enter_context(av.open(url, format=form, container_options=options))
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, av.FFmpegError):
            raise_exhausted(error)
        reason = getattr(error, "strerror", None) or str(error)
        raise MediaError(f"{group.url}: {reason}; check the name and -f") from error
    return _input(group, container)


def _input(group: Group, container: InputContainer) -> Input:
    start, length, end = (
        seconds(value, name) if (value := group.value(name)) is not None else None
        for name in ("ss", "t", "to")
    )
    if length is None and end is not None:
        length = end - (start or 0)
        if length <= 0:
            raise UsageError("-to value smaller than -ss; aborting. Give a later -to")
    begin = Fraction(container.start_time or 0, _MICRO)
    offset = seconds(given, "itsoffset") if (given := group.value("itsoffset")) else Fraction(0)
    return Input(group, container, begin + (start or 0) - offset, start, length)


def best(streams: list[Stream], kind: str) -> int | None:
    """The stream that ffmpeg takes unasked: the largest picture, the most channels."""
    scores = [(_score(each, kind), -n) for n, each in enumerate(streams) if each.type == kind]
    return -max(scores)[1] if scores else None


def _score(stream: Stream, kind: str) -> int:
    default = 100_000_000 * bool(stream.disposition & Disposition.default)
    if stream.codec_context is None or kind == "subtitle":
        return 0
    if kind == "video" and stream.disposition & Disposition.attached_pic:
        return _COVER_SCORE
    return extent(stream) + default


def extent(stream: Stream) -> int:
    """Pixels of a picture, channels of sound, 0 of anything else."""
    context = stream.codec_context
    if isinstance(context, av.VideoCodecContext):
        return context.width * context.height
    return int(getattr(context, "channels", 0) or 0)
