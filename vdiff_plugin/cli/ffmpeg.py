"""`vdiff ffmpeg`: an ffmpeg command line whose filter graphs may hold vdiff."""

from __future__ import annotations

from typing import Annotated

import typer


def ffmpeg(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS...", help="As ffmpeg takes them.")
    ] = None,
) -> int:
    """Run an ffmpeg command line; `vdiff=strength=0.6` is one of its filters.

    vdiff ffmpeg -i IN -vf vdiff=0.6,scale=1280:-2 -c:v libx264 -crf 18 -c:a copy OUT
    """
    from host_adapters.ffmpeg.main import run

    return run(words or [])


# Nothing here is ours to read: all that follows is ffmpeg's.
ffmpeg.context_settings = {  # type: ignore[attr-defined]
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
    "help_option_names": ["--help"],
}
