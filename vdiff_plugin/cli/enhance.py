"""`vdiff enhance`: the main job, a video file in and a better one out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vdiff_plugin.cli import encoding
from vdiff_plugin.cli.encoding import parse_pairs, require_one
from vdiff_plugin.cli.options import with_settings
from vdiff_plugin.cli.progress import open_progress
from vdiff_plugin.settings import Settings


@with_settings
def enhance(
    path_in: Annotated[Path, typer.Argument(metavar="IN", readable=False, help="Video file.")],
    path_out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", readable=False, help="Restored file; its name tells the container."
        ),
    ],
    codec: encoding.Codec = None,
    crf: encoding.Crf = None,
    pix_fmt: encoding.PixFmt = None,
    encoder_options: encoding.EncoderOptions = None,
    start: encoding.Start = 0,
    end: encoding.End = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Keep finished parts beside OUT, and go on from those that are there."
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="F.html",
            readable=False,
            help="Compare OUT with IN when it is done, and write a page with pictures and plots.",
        ),
    ] = None,
    yes: encoding.Overwrite = False,
    no: encoding.Keep = False,
    progress: encoding.Progress = "auto",
    *,
    settings: Settings,
) -> None:
    """Restore a video file.

    Everything but its picture comes out as it went in.
    """
    require_one(yes=yes, no=no)
    pairs = parse_pairs(encoder_options or "")
    from host_adapters import media
    from vdiff_plugin.engine import Engine

    encode = media.EncodeOptions(codec=codec, crf=crf, pix_fmt=pix_fmt, encoder_options=pairs)
    job = media.enhance
    if resume:
        from host_adapters.farm.resume import enhance_resumably as job
    with Engine() as engine:
        told = None
        if report:
            from vdiff_plugin.cli.enhance_report import EnhanceReport

            told = EnhanceReport(report, path_in, path_out, settings, encode, overwrite=yes)
            told.require_possible(engine, start, end)
        with open_progress(progress, path_in.name) as tell:
            job(
                path_in,
                path_out,
                settings=settings,
                encode=encode,
                start=start,
                end=end,
                overwrite=yes,
                progress=tell,
                engine=engine,
            )
        if told:
            with open_progress(progress, f"reporting on {path_out.name}") as tell:
                told.write(engine, tell)
