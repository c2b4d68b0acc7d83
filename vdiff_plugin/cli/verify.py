"""`vdiff verify`: the promise of exactness, tried on the user's own clip and machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdiff_plugin.cli.options import with_settings
from vdiff_plugin.cli.progress import open_progress
from vdiff_plugin.errors import UsageError, VdiffError
from vdiff_plugin.settings import Settings

if TYPE_CHECKING:
    from host_adapters.media import ClipReader
    from vdiff_plugin.cli.exactness import Stretch


@with_settings
def verify(
    path: Annotated[Path, typer.Argument(metavar="IN", readable=False, help="Video file.")],
    start: Annotated[int, typer.Option(metavar="N", min=0, help="First frame of the stretch.")] = 0,
    frames: Annotated[
        int, typer.Option(metavar="N", min=1, help="Length of the stretch, held in memory.")
    ] = 24,
    progress: Annotated[
        str, typer.Option(metavar="KIND", help="auto, bar, json or none, on stderr.")
    ] = "auto",
    *,
    settings: Settings,
) -> None:
    """Check that pixels do not depend on how they are rendered.

    Prints one hash a way: sequential, random order, 8 threads, a tiny cache and none,
    tiles, and two halves rendered by engines that know nothing of each other.
    """
    from host_adapters.media import read_clip
    from vdiff_plugin.cli.exactness import differing, digest

    reader = read_clip(path)
    if start >= len(reader):
        raise UsageError(
            f"no frame {start} in {path}, it has 0 to {len(reader) - 1}; give a lower --start"
        )
    wanted = range(start, min(start + frames, len(reader)))
    stretch = _load(reader, wanted, settings)
    measure, wrong = None, []
    with open_progress(progress, f"verifying {path.name}") as report:
        ways = list(stretch.ways())
        for done, (name, render) in enumerate(ways, 1):
            hashes = render()
            measure = measure or hashes
            differ = differing(hashes, measure)
            verdict = "same" if not differ else f"DIFFERS in {len(differ)} frames: {differ[:8]}"
            typer.echo(f"{digest(hashes)}  {name:<14} {verdict}")
            wrong += [name] if differ else []
            report(done, len(ways))
    if wrong:
        raise VdiffError(f"pixels depend on how they are rendered ({', '.join(wrong)}); report it")
    typer.echo(f"frames {wanted[0]} to {wanted[-1]}: the same pixels in all {len(ways)} ways")


def _load(reader: ClipReader, wanted: range, settings: Settings) -> Stretch:
    """Decode what rendering `wanted` needs."""
    from vdiff_plugin.cli.exactness import Stretch
    from vdiff_plugin.engine import open_clip

    with open_clip(reader.info, settings) as session:
        first = session.needed(wanted[0]).start
        last = session.needed(wanted[-1]).stop - 1
    held = dict(enumerate(reader.frames(first, last), first))
    return Stretch(reader.info, held, wanted, settings)
