"""`vdiff preview`: a page of this machine on which settings are tried."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vdiff_plugin.cli.options import with_settings
from vdiff_plugin.settings import Settings


@with_settings
def preview(
    path: Annotated[Path, typer.Argument(metavar="IN", readable=False, help="Video file.")],
    port: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, max=65535, help="Port of the page; 0 takes any that is free."
        ),
    ] = 0,
    show: Annotated[
        bool,
        typer.Option("--open/--no-open", help="Open the page in a browser."),
    ] = False,
    *,
    settings: Settings,
) -> None:
    """Show frames before and after on a page of this machine, while settings change.

    Prints the page's address; Ctrl-C ends it. Nothing outside this machine can reach it.
    """
    from host_adapters.preview import browser
    from host_adapters.preview.server import open_preview

    with open_preview(path, settings, port) as server:
        typer.echo(server.address)
        opened = show and browser.show(server.address)
        what = "the page opens" if opened else "open this address"
        typer.echo(f"{what} in a browser; Ctrl-C ends the preview", err=True)
        server.serve_forever(poll_interval=0.2)
