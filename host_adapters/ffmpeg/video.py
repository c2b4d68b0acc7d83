"""One encoded video of an output: from a graph's frames to packets."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.codec.context import Flags
from av.sidedata.sidedata import Type

from host_adapters.ffmpeg.colour_names import OPTION_WORDS
from host_adapters.ffmpeg.plan import OutputStream
from host_adapters.ffmpeg.times import rate
from host_adapters.ffmpeg.vsync import METHODS, FrameClock, Method, Shown, clock_time
from host_adapters.filtergraph.run import Piece
from host_adapters.media.codecs import find_encoder
from host_adapters.media.demux import raise_exhausted
from host_adapters.media.encoder import PARAMETERS, with_sound_times
from host_adapters.media.hdr import LIGHT, MASTERING, Hdr
from host_adapters.media.priority import usual_priority
from host_adapters.media.rational import fraction
from vdiff_plugin.errors import MediaError, SettingsError, UsageError
from vdiff_plugin.x264 import repeatable_parameters

if TYPE_CHECKING:
    from host_adapters.ffmpeg.output import Output

_VARIABLE, _NO_TIMES, _GLOBAL_HEADER = 0x400, 0x80, 0x40  # AVFMT flags


class VideoTrack:
    """Encodes one stream of an output."""

    def __init__(self, output: Output, stream: OutputStream) -> None:
        self._output, self._stream = output, stream
        self.codec = encoder_name(output, stream)
        self.frames = 0
        self.is_done = False
        self._first: Piece | None = None
        self._context: av.VideoCodecContext | None = None
        self._waiting: list[Shown] = []
        limit = output.plan.option("frames", stream)
        self._limit = int(limit) if limit is not None else None

    @property
    def is_known(self) -> bool:
        """Whether a first frame told size and format."""
        return self._first is not None

    @property
    def sar(self) -> Fraction:
        """Width to height of a pixel; 0 if unknown."""
        return self._first.stream.sar if self._first else Fraction(0)

    def take(self, piece: Piece | None) -> None:
        """Encode a frame of the graph; None is the end."""
        if piece is None:
            self._end()
        elif not self.is_done:
            if self._first is None:
                self._look(piece)
            base = fraction(piece.frame.time_base)
            pts = clock_time((piece.frame.pts or 0) * base, self.base)
            duration = self._duration(piece, base)
            for shown in self._clock.add(piece.frame, pts, duration):
                self._encode(shown)
            self._output.begin()

    def begin(self) -> None:
        """Encode what waited for the header."""
        waiting, self._waiting = self._waiting, []
        for shown in waiting:
            self._send(self._picture(shown))

    def finish(self) -> None:
        """Flush the encoder."""
        self._end()
        self._output.begin()
        if self._context is not None:
            self._send(None)

    def _duration(self, piece: Piece, base: Fraction) -> float:
        if piece.frame.duration:
            return float(piece.frame.duration * base / self.base)
        return float(1 / piece.stream.rate / self.base) if piece.stream.rate else 1.0

    def _end(self) -> None:
        if not self.is_done and self._first is not None:
            for shown in self._clock.finish():
                self._encode(shown)
        self.is_done = True

    def _encode(self, shown: Shown) -> None:
        if self._limit is not None and self.frames >= self._limit:
            self.is_done = True
            return
        self.frames += 1
        if self._output.has_begun:
            self._send(self._picture(shown))
        else:
            self._waiting.append(shown)
        self.is_done = self._limit is not None and self.frames >= self._limit

    def _picture(self, shown: Shown) -> av.VideoFrame:
        picture: Any = shown.frame
        picture.pts, picture.time_base = shown.pts, self.base
        picture.duration, picture.pict_type = shown.duration, 0
        return picture  # type: ignore[no-any-return]

    def _is_thrown_away(self) -> bool:
        """Whether nobody will see packets: the null format without an encoder asked for."""
        return self._output.format == "null" and self._stream.codec is None

    def _send(self, picture: av.VideoFrame | None) -> None:
        if self._is_thrown_away():
            return
        assert self._context is not None
        try:
            packets = with_sound_times(self._context.encode(picture))
        except av.error.EOFError:
            return
        except av.FFmpegError as error:
            raise_exhausted(error)
            raise MediaError(
                f"{self.codec} failed ({(error.strerror or 'unknown').lower()}); use another -c:v"
            ) from error
        for packet in packets:
            self._output.mux(self._stream.index, packet)

    def _look(self, piece: Piece) -> None:
        given = self._output.plan.option("r", self._stream)
        self.rate = rate(given, "r") if given else piece.stream.rate or Fraction(25)
        self.base = 1 / self.rate
        self.hdr = hdr_of(piece.frame)
        self._clock = FrameClock(self._method(forced=given is not None))
        self._first = piece

    def open(self, context: av.VideoCodecContext) -> None:
        """Configure and open an encoder for pictures like the first one.

        Raises:
            SettingsError: it refuses them, or its options.
        """
        assert self._first is not None
        picture = self._first.frame
        context.width, context.height = picture.width, picture.height
        context.pix_fmt = picture.format.name
        context.time_base, context.framerate = self.base, self.rate
        context.sample_aspect_ratio = self._first.stream.sar
        self._colour(context, picture)
        if av.ContainerFormat(self._output.format, "w").flags & _GLOBAL_HEADER:
            context.flags |= Flags.global_header
        options = self._options(context)
        context.options = dict(options)
        try:
            with usual_priority():
                context.open()
        except (av.FFmpegError, ValueError) as error:
            raise SettingsError(
                f"{self.codec} refuses {picture.width}x{picture.height} {picture.format.name} "
                f"with {options}; check -pix_fmt and its options"
            ) from error
        self._context = context

    def _method(self, *, forced: bool) -> Method:
        text = self._output.plan.option("fps_mode", self._stream) or "auto"
        if text not in METHODS:
            raise UsageError(f"Invalid value {text} specified for fps_mode; have cfr, vfr, auto, "
                             "passthrough")  # fmt: skip
        chosen = METHODS[text]
        flags = av.ContainerFormat(self._output.format, "w").flags
        if chosen == "auto":
            chosen = "cfr"
            if flags & _VARIABLE and not forced:
                chosen = "passthrough" if flags & _NO_TIMES else "vfr"
        return chosen  # type: ignore[return-value]

    def _colour(self, context: av.VideoCodecContext, picture: av.VideoFrame) -> None:
        context.color_range, context.colorspace = picture.color_range, picture.colorspace
        context.color_primaries, context.color_trc = picture.color_primaries, picture.color_trc
        context.chroma_sample_location = picture.chroma_location
        for option, words in OPTION_WORDS.items():
            text = self._output.plan.option(option, self._stream)
            if text is None:
                continue
            if text not in words and not text.isdecimal():
                raise UsageError(f"Unable to parse {option} {text!r}; have {', '.join(words)}")
            setattr(context, option, words.get(text, int(text) if text.isdecimal() else 0))

    def _options(self, context: av.VideoCodecContext) -> dict[str, str]:
        """Of the private options those that are this encoder's, and HDR10 in its words."""
        known = {
            each.name
            for each in (*context.supported_options.private, *context.supported_options.generic)
        }
        given = {k: v for k, v in self._output.encoder_options.items() if k in known}
        if (bits := self._output.plan.option("b", self._stream)) is not None:
            given["b"] = bits
        given["threads"] = self._output.plan.option("threads", self._stream) or "auto"
        if name := PARAMETERS.get(context.name):
            ours = repeatable_parameters(context.name) | self.hdr.parameters(context.name)
            parts = [f"{k}={v}" for k, v in ours.items()]
            parts += [given[name]] if name in given else []
            given |= {name: ":".join(parts)} if parts else {}
        return given


def encoder_name(output: Output, stream: OutputStream) -> str:
    """Libav's name of a stream's encoder."""
    return find_encoder(stream.codec or default_video(output.plan.format))


def default_video(form: str) -> str:
    """The encoder that ffmpeg takes for a container unasked."""
    with av.open("/dev/null", "w", format=form) as muxer:
        name = str(muxer.default_video_codec)
    return "rawvideo" if name == "wrapped_avframe" else name


def hdr_of(picture: av.VideoFrame) -> Hdr:
    """What a picture's side data says of its HDR."""
    kinds = {
        MASTERING: Type.MASTERING_DISPLAY_METADATA,
        LIGHT: Type.CONTENT_LIGHT_LEVEL,
    }
    found = {n: bytes(picture.side_data[k]) for n, k in kinds.items() if k in picture.side_data}
    return Hdr.of(found)
