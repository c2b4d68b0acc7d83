"""`vdiff pipe` without its command line: which reader and writer, and the way between them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, get_args

from host_adapters.media.colour import FULL, LIMITED
from host_adapters.pipes.container import CONTAINERS, ContainerReader, ContainerWriter
from host_adapters.pipes.contracts import PipeReader, PipeWriter
from host_adapters.pipes.pump import pump
from host_adapters.pipes.raw import RawReader, RawVideo, RawWriter
from host_adapters.pipes.stdio import frames_only, widen
from host_adapters.pipes.y4m import Y4mReader, Y4mWriter
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import UnknownNameError
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
        matrix: where the stream names none; None goes by size.
        range: `limited` or `full`, where the stream does not say.
    """

    format: str = "y4m"
    size: str | None = None
    pix_fmt: str | None = None
    matrix: str | None = None
    range: str | None = None

    def require_known(self) -> None:
        """Raise UnknownNameError for a word that means nothing."""
        known = {"format": FORMATS, "matrix": get_args(Matrix), "range": tuple(_RANGES)}
        for name, words in known.items():
            if (given := getattr(self, name)) is not None and given not in words:
                raise UnknownNameError(name, given, words)


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
    range_ = _RANGES.get(options.range or "", 0)
    source = sys.stdin.buffer
    widen(source.fileno())
    if options.format in CONTAINERS:
        with closing(ContainerReader("pipe:0", options.format, matrix)) as packed:
            yield (
                packed,
                lambda clip, out: ContainerWriter(
                    f"pipe:{out.fileno()}", options.format, clip, packed
                ),
            )
    elif options.format == "raw":
        video = RawVideo.named(options.size, options.pix_fmt, matrix, range_)
        yield RawReader(source, video), lambda clip, out: RawWriter(out, clip, video.layout)
    else:
        reader = Y4mReader(source, matrix, range_)
        yield reader, lambda clip, out: Y4mWriter(out, reader.header.of(clip))
