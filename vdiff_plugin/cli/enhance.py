"""`vdiff enhance`: the main job, a video file in and a better one out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vdiff_plugin.cli.options import with_settings
from vdiff_plugin.cli.progress import open_progress
from vdiff_plugin.errors import SettingsError, UsageError
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
    codec: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Encoder, such as h264, hevc, ffv1, prores. Default: one that keeps the format.",
        ),
    ] = None,
    crf: Annotated[
        float | None, typer.Option(metavar="N", min=0, help="Quality; lower is better and larger.")
    ] = None,
    pix_fmt: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Pixel format to write. Default: that of IN."),
    ] = None,
    encoder_options: Annotated[
        str | None, typer.Option(metavar="K=V,...", help="Handed to the encoder as they are.")
    ] = None,
    start: Annotated[int, typer.Option(metavar="N", min=0, help="First frame.")] = 0,
    end: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Last frame, included. Default: the clip's last."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--overwrite", "-y", help="Replace OUT if it exists.")
    ] = False,
    no: Annotated[
        bool, typer.Option("--keep", "-n", help="Never replace OUT, which is the default.")
    ] = False,
    progress: Annotated[
        str, typer.Option(metavar="KIND", help="auto, bar, json or none, on stderr.")
    ] = "auto",
    *,
    settings: Settings,
) -> None:
    """Restore a video file.

    Everything but its picture comes out as it went in.
    """
    if yes and no:
        raise UsageError("-y and -n contradict each other; give one of them")
    pairs = parse_pairs(encoder_options or "")
    with open_progress(progress, path_in.name) as report:
        from host_adapters import media

        media.enhance(
            path_in,
            path_out,
            settings=settings,
            encode=media.EncodeOptions(
                codec=codec, crf=crf, pix_fmt=pix_fmt, encoder_options=pairs
            ),
            start=start,
            end=end,
            overwrite=yes,
            progress=report,
        )


def parse_pairs(text: str) -> dict[str, str]:
    """`"preset=slow,tune=grain"` -> `{"preset": "slow", "tune": "grain"}`.

    Raises:
        SettingsError: a part without `=`.
    """
    pairs = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise SettingsError(f"encoder option {part!r} has no value; write NAME=VALUE,...")
        pairs[name.strip()] = value.strip()
    return pairs
