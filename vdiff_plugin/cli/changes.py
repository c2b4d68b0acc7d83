"""`vdiff changes`: what happens in a clip, by the change map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vdiff_plugin.cli.progress import Report, open_progress
from vdiff_plugin.errors import SettingsError

if TYPE_CHECKING:
    from host_adapters.media import ClipReader
    from vdiff_plugin.cli.change_outputs import Wanted

_IDLE = 2.0  # seconds


def _file(name: str, text: str) -> Any:
    return typer.Option(name, metavar="FILE", readable=False, help=text)


def changes(
    path: Annotated[Path, typer.Argument(metavar="IN", readable=False, help="Video file.")],
    csv: Annotated[Path | None, _file("--csv", "One row a frame.")] = None,
    jsonl: Annotated[
        Path | None, _file("--jsonl", "One JSON object a frame, with boxes and tracks.")
    ] = None,
    mask: Annotated[Path | None, _file("--mask", "The change map as a grey video (FFV1).")] = None,
    overlay: Annotated[
        Path | None, _file("--overlay", "The map as heat over the picture, with boxes.")
    ] = None,
    plot: Annotated[
        Path | None, _file("--plot", "Change over time, cuts marked: .png or .svg.")
    ] = None,
    scenes: Annotated[
        Path | None, _file("--scenes", "List of scenes; its form goes by the suffix.")
    ] = None,
    scenes_format: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="ffmpeg, av1an, qpfile, csv, vapoursynth, edl or otio."),
    ] = None,
    features: Annotated[
        str, typer.Option(metavar="NAME", help="What is compared: vdiff, vgg16 or pixel.")
    ] = "vdiff",
    gain: Annotated[float, typer.Option(metavar="X", help="Brightness of mask and overlay.")] = 4.0,
    idle: Annotated[
        bool, typer.Option("--idle", help="Print the spans in which nothing happens.")
    ] = False,
    idle_least: Annotated[
        float, typer.Option(metavar="SECONDS", help="Shortest span that --idle prints.")
    ] = _IDLE,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", "-y", help="Replace files that exist.")
    ] = False,
    progress: Annotated[
        str, typer.Option(metavar="KIND", help="auto, bar, json or none, on stderr.")
    ] = "auto",
) -> None:
    """Tell how much each frame differs from the one before, and what follows from it.

    Scene cuts, repeated frames, moving regions and idle spans. Without a file to write, the
    table of --csv is printed.
    """
    from host_adapters.media import read_clip
    from vdiff_plugin.cli.change_outputs import Wanted

    _require_above_zero("gain", gain)
    _require_above_zero("idle-least", idle_least)
    if scenes_format and not scenes:
        raise SettingsError("scenes-format: there is no list to write; add --scenes FILE")
    wanted = Wanted(
        csv=csv,
        jsonl=jsonl,
        mask=mask,
        overlay=overlay,
        plot=plot,
        scenes=scenes,
        scenes_format=scenes_format,
        idle=idle_least if idle else None,
        gain=gain,
        features=features,
        overwrite=overwrite,
    )
    reader = read_clip(path)
    wanted.require(reader.source)
    with open_progress(progress, f"changes in {path.name}") as report:
        _run(reader, wanted, report)


def _run(reader: ClipReader, wanted: Wanted, report: Report) -> None:
    from vdiff_plugin.analysis.watch import Comparison, watch
    from vdiff_plugin.cli.change_outputs import open_outputs
    from vdiff_plugin.engine import Engine

    with Engine() as engine:
        comparison = Comparison.of(engine, wanted.features)
        seconds = reader.source.seconds
        timed = ((float(seconds(one.n)), one.frame) for one in reader.pictures())
        stride = comparison.extractor.stride
        with open_outputs(wanted, reader.source, stride) as take:
            for moment in watch(timed, reader.info, comparison):
                take(moment)
                report(moment.n + 1, len(reader))


def _require_above_zero(name: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise SettingsError(f"{name}: {value:g} is no good; give a number above 0")
