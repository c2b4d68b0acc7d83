"""`vdiff frei0r`: the plug-in for editing hosts, built, installed, looked for and run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vdiff_plugin.cli.table import print_table
from vdiff_plugin.errors import ResourceError, UsageError

frei0r = typer.Typer(rich_markup_mode=None)

Shotcut = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Shotcut's folder share/shotcut/qml/filters."),
]


@frei0r.callback(invoke_without_command=True)
def _frei0r(context: typer.Context) -> None:
    """The filter for Kdenlive, Shotcut, Flowblade, melt, ffmpeg and GStreamer."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@frei0r.command()
def build(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the plug-in.")] = Path(),
) -> None:
    """Compile the plug-in into a folder; FREI0R_PATH=DIR makes hosts see it."""
    from host_adapters.frei0r.place import place_plugin

    for path in place_plugin(out):
        typer.echo(path)


@frei0r.command()
def install(
    user: Annotated[bool, typer.Option("--user", help="For you alone; the default.")] = False,
    prefix: Annotated[
        Path | None, typer.Option(metavar="DIR", help="For all users, such as /usr/local.")
    ] = None,
    shotcut: Shotcut = None,
) -> None:
    """Put the plug-in, and the panels of editors, where hosts look for them."""
    from host_adapters.frei0r.place import of_prefix, of_user, own_shotcut, place

    if user and prefix:
        raise UsageError("--user and --prefix name different places; give one of them")
    panels = shotcut or own_shotcut()
    places = of_prefix(prefix, panels) if prefix else of_user(Path.home(), panels)
    for path in place(places):
        typer.echo(path)


@frei0r.command()
def doctor() -> None:
    """Say for each host on this machine whether it sees the plug-in.

    Exits 1 if one of them does not.
    """
    from host_adapters.frei0r.hosts import installed, look

    sights = list(look())
    marks = {True: "ok", False: "MISSING", None: "-"}
    print_table([(marks[one.seen], one.host, one.says) for one in sights])
    typer.echo(f"plug-in: {installed() or 'not installed'}")
    if blind := [one.host for one in sights if one.seen is False]:
        raise ResourceError(f"{', '.join(blind)}: no plug-in seen; run vdiff frei0r install --user")


@frei0r.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    words: Annotated[list[str], typer.Argument(metavar="HOST ARGS...", help="As you type it.")],
) -> int:
    """Run a host with the plug-in at hand; it fails where a frame cannot be restored.

    vdiff frei0r run melt in.mp4 -attach frei0r.vdiff strength=0.7 -consumer avformat:out.mp4
    real_time=-1
    """
    from host_adapters.frei0r.run import run as run_host

    return run_host(words)
