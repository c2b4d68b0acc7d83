"""`vdiff doctor`: what is missing, and how to get it."""

from __future__ import annotations

import typer

from vdiff_plugin.cli import census
from vdiff_plugin.cli.census import Finding
from vdiff_plugin.cli.table import print_table
from vdiff_plugin.errors import ResourceError
from vdiff_plugin.plugins import Offers, load_offers


def doctor() -> None:
    """Say what is missing here, and how to get it.

    Prints a line a part; exits 1 if vdiff cannot work.
    """
    offers = load_offers()
    findings = [
        *census.versions(),
        *census.guarded(census.backends, offers),
        *census.guarded(census.hosts, offers),
        *census.guarded(census.weights, offers),
    ]
    print_table([(_mark(one), *census.row(one)) for one in findings])
    typer.echo(f"encoders: {', '.join(census.encoders()) or 'none'}")
    if lacking := [*_broken(findings), *_absent(offers, findings)]:
        raise ResourceError(f"vdiff cannot work here; {'; '.join(lacking)}")
    typer.echo("vdiff can work here")


def _mark(finding: Finding) -> str:
    if not finding.missing:
        return "ok"
    return "MISSING" if finding.needed else "-"


def _broken(findings: list[Finding]) -> list[str]:
    return [f"{one.name}: {one.missing}" for one in findings if one.missing and one.needed]


def _absent(offers: Offers, findings: list[Finding]) -> list[str]:
    """Kinds of which one at least must work."""
    kinds = {"backend": len(offers.backends), "host": len(offers.hosts)}
    kinds["weights"] = len(offers.weights)
    working = {one.kind for one in findings if not one.missing}
    return [f"no {kind} of {count} works" for kind, count in kinds.items() if kind not in working]
