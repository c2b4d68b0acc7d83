"""`vdiff pipe` without its command line: which reader and writer, and the way between them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO, get_args

from host_adapters.media.colour import FULL, LIMITED
from host_adapters.pipes.container import CONTAINERS, ContainerReader, ContainerWriter
from host_adapters.pipes.contracts import PipeReader, PipeWriter
from host_adapters.pipes.pump import pump
from host_adapters.pipes.raw import RawReader, RawVideo, RawWriter
from host_adapters.pipes.stdio import frames_only, widen
from host_adapters.pipes.y4m import Y4mReader, Y4mWriter
from host_adapters.pipes.y4m_header import Y4mHeader
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import SettingsError, UnknownNameError
from vdiff_plugin.frame import ClipInfo, Matrix
from vdiff_plugin.settings import Settings

FORMATS = ("y4m", "raw", *CONTAINERS)
_RANGES = {"limited": LIMITED, "full": FULL}


@dataclass(frozen=True, kw_only=True)
class PipeOptions:
    """What goes through the pipe.

    Attributes:
        format: one of `FORMATS`.
        size: of raw video, `1920x1080`.
        pix_fmt: of raw video, libav's name.
        rate: frames a second of y4m that is written, `30000/1001`; None keeps what came.
        to: what is written, `y4m` where raw video comes in; None is the same as `format`.
        matrix: where the stream names none; None goes by size.
        range: `limited` or `full`, where the stream does not say.
    """

    format: str = "y4m"
    size: str | None = None
    pix_fmt: str | None = None
    rate: str | None = None
    to: str | None = None
    matrix: str | None = None
    range: str | None = None

    def require_known(self) -> None:
        """Raise UnknownNameError for a word that means nothing."""
        known = {
            "format": FORMATS,
            "to": FORMATS,
            "matrix": get_args(Matrix),
            "range": tuple(_RANGES),
        }
        for name, words in known.items():
            if (given := getattr(self, name)) is not None and given not in words:
                raise UnknownNameError(name, given, words)
        if self.to not in (None, self.format) and (self.format, self.to) != ("raw", "y4m"):
            raise SettingsError(f"{self.format} is not written as {self.to}; leave --to out")
        if self.rate is not None and self.format in CONTAINERS:
            raise SettingsError(f"{self.format} has times of its own; leave --rate out")

    def frame_rate(self) -> Fraction | None:
        """Frames a second. Raises SettingsError where it is none."""
        try:
            value = None if self.rate is None else Fraction(self.rate.replace(":", "/"))
        except (ValueError, ZeroDivisionError):
            value = Fraction(0)
        if value is not None and value <= 0:
            raise SettingsError(f"rate {self.rate!r} is none; write it as 25 or 30000/1001")
        return value


def run_pipe(
    settings: Settings,
    options: PipeOptions,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Process stdin to stdout and return the number of frames.

    Raises:
        VdiffError: the stream cannot be read or processed.
        BrokenPipeError: nobody reads the output any more.
    """
    options.require_known()
    live = settings.lookahead is not None
    with (
        frames_only() as output,
        Engine() as engine,
        _opened(options) as (reader, writer_of),
        engine.open(reader.clip, settings) as session,
    ):
        writer = writer_of(session.clip, output)
        return pump(reader, session, writer, live=live, progress=progress)


_WriterOf = Callable[[ClipInfo, BinaryIO], PipeWriter]


@contextmanager
def _opened(options: PipeOptions) -> Iterator[tuple[PipeReader, _WriterOf]]:
    """The reader of stdin, and what makes the writer of the same format."""
    matrix: Matrix | None = options.matrix  # type: ignore[assignment]  # required to be one
    range_, rate = _RANGES.get(options.range or "", 0), options.frame_rate()
    source = sys.stdin.buffer
    widen(source.fileno())
    if options.format in CONTAINERS:
        with closing(ContainerReader("pipe:0", options.format, matrix)) as packed:
            yield (
                packed,
                lambda clip, out: ContainerWriter(out.fileno(), options.format, clip, packed),
            )
    elif options.format == "raw":
        video = RawVideo.named(options.size, options.pix_fmt, matrix, range_)
        yield RawReader(source, video), _raw_or_y4m(options, video)
    else:
        reader = Y4mReader(source, matrix, range_)
        header = reader.header.with_rate(rate) if rate else reader.header
        yield reader, lambda clip, out: Y4mWriter(out, header.of(clip))


def _raw_or_y4m(options: PipeOptions, video: RawVideo) -> _WriterOf:
    if options.to != "y4m":
        return lambda clip, out: RawWriter(out, clip, video.layout)
    header = Y4mHeader(
        width=video.width,
        height=video.height,
        rate=options.frame_rate() or Fraction(25),
        chroma="420mpeg2",
    )
    header = header.with_range(video.range) if video.range else header
    return lambda clip, out: Y4mWriter(out, header.of(clip))
