"""`vdiff info`: what this installation consists of."""

from __future__ import annotations

import typer

from vdiff_plugin.cli import census
from vdiff_plugin.cli.table import print_table
from vdiff_plugin.plugins import load_offers


def info() -> None:
    """Tell versions, devices, plug-ins, weights and codecs."""
    offers = load_offers()
    findings = [
        *census.versions(),
        *census.guarded(census.backends, offers),
        *census.guarded(census.hosts, offers),
        *census.guarded(census.weights, offers),
    ]
    print_table([census.row(finding) for finding in findings])
    typer.echo()
    for kind, names in census.offers_by_kind(offers).items():
        typer.echo(f"{kind}: {', '.join(names) or 'none'}")
    typer.echo("plug-ins:")
    for name in offers.plugins:
        typer.echo(f"  {name}")
