"""Options that say how a video is written, the same for all commands that write one."""

from __future__ import annotations

from typing import Annotated

import typer

from vdiff_plugin.errors import SettingsError, UsageError

Codec = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Encoder, such as h264, hevc, ffv1, prores. Default: one that keeps the format.",
    ),
]
Crf = Annotated[
    float | None, typer.Option(metavar="N", min=0, help="Quality; lower is better and larger.")
]
PixFmt = Annotated[
    str | None, typer.Option(metavar="NAME", help="Pixel format to write. Default: that of IN.")
]
EncoderOptions = Annotated[
    str | None, typer.Option(metavar="K=V,...", help="Handed to the encoder as they are.")
]
Start = Annotated[int, typer.Option(metavar="N", min=0, help="First frame.")]
End = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, help="Last frame, included. Default: the clip's last."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", "-y", help="Replace OUT if it exists.")]
Keep = Annotated[
    bool, typer.Option("--keep", "-n", help="Never replace OUT, which is the default.")
]
Progress = Annotated[str, typer.Option(metavar="KIND", help="auto, bar, json or none, on stderr.")]


def require_one(*, yes: bool, no: bool) -> None:
    """Raise UsageError if OUT is both to be replaced and to be kept."""
    if yes and no:
        raise UsageError("-y and -n contradict each other; give one of them")


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
