"""`vdiff pipe`: frames from stdin to stdout, between two programs."""

from __future__ import annotations

from typing import Annotated

import typer

from vdiff_plugin.cli.options import with_settings
from vdiff_plugin.cli.progress import open_progress
from vdiff_plugin.settings import Settings


@with_settings
def pipe(
    format_: Annotated[
        str,
        typer.Option("--format", "-f", metavar="NAME", help="y4m, raw, nut or matroska."),
    ] = "y4m",
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Size of raw video, such as 1920x1080.")
    ] = None,
    pix_fmt: Annotated[
        str | None, typer.Option(metavar="NAME", help="Pixel format of raw video.")
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="N/D", help="Frame rate that y4m says; raw video has no place for it."
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="NAME", help="y4m, to make that of raw video.")
    ] = None,
    matrix: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="bt709, bt601 ... where the stream names none."),
    ] = None,
    colour_range: Annotated[
        str | None,
        typer.Option("--range", metavar="NAME", help="limited or full, where it does not say."),
    ] = None,
    progress: Annotated[
        str, typer.Option(metavar="KIND", help="auto, bar, json or none, on stderr.")
    ] = "none",
    *,
    settings: Settings,
) -> None:
    """Restore video that comes through a pipe: stdin to stdout, nothing but frames.

    ffmpeg -i IN -f yuv4mpegpipe -strict -1 - | vdiff pipe | ffmpeg -i - OUT
    """
    from host_adapters.pipes.job import PipeOptions, run_pipe

    options = PipeOptions(
        format=format_,
        size=size,
        pix_fmt=pix_fmt,
        rate=rate,
        to=to,
        matrix=matrix,
        range=colour_range,
    )
    with open_progress(progress, "pipe") as report:
        run_pipe(settings, options, lambda done: report(done, None))
