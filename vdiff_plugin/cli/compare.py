"""`vdiff compare`: how close clips are to a reference, how steady and how sharp."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdiff_plugin.cli.progress import open_progress
from vdiff_plugin.cli.table import print_table

if TYPE_CHECKING:
    from vdiff_plugin.cli.footage import FileFootage
    from vdiff_plugin.cli.judging import Judgement
    from vdiff_plugin.measure.alignment import Numbers


def compare(
    reference: Annotated[
        Path, typer.Argument(metavar="REF", readable=False, help="What is compared with.")
    ],
    distorted: Annotated[
        list[Path], typer.Argument(metavar="DIST...", readable=False, help="What is compared.")
    ],
    metrics: Annotated[
        str, typer.Option(metavar="LIST", help="Some of psnr, ssim, vmaf, flicker, sharpness.")
    ] = "psnr,ssim,vmaf,flicker,sharpness",
    align: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="Frames belong together by their index, or by their pts: the time shown.",
        ),
    ] = "index",
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="F.html", readable=False, help="Write a page with pictures and plots."
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", readable=False, help="Write all numbers there."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", "-y", help="Replace the files written if they exist.")
    ] = False,
    progress: Annotated[
        str, typer.Option(metavar="KIND", help="auto, bar, json or none, on stderr.")
    ] = "auto",
) -> None:
    """Measure clips against a reference.

    Prints means over the frames, a clip a line.
    """
    from vdiff_plugin.atomic import write_whole
    from vdiff_plugin.cli.footage import FileFootage
    from vdiff_plugin.cli.judging import as_json, judge, require_results, table
    from vdiff_plugin.measure import choose

    chosen = choose([name.strip() for name in metrics.split(",") if name.strip()])
    sources = (reference, *distorted)
    require_results((report, json_file), overwrite=overwrite, sources=sources)
    footage = [FileFootage(path) for path in sources]
    numbers = _aligned(align, footage)
    with open_progress(progress, f"comparing with {reference.name}") as tell:
        found = judge(footage, numbers, chosen, tell)
    if json_file:
        data = as_json(found, align)
        write_whole(json_file, data, overwrite=overwrite, sources=sources)
    if report:
        data = _page(found, align).encode()
        write_whole(report, data, overwrite=overwrite, sources=sources)
    print_table(table(found))


def _aligned(kind: str, footage: list[FileFootage]) -> list[Numbers]:
    import numpy as np

    from vdiff_plugin.measure.alignment import align

    reference, *others = footage
    ours = np.arange(len(reference), dtype=np.int64)
    return [ours, *(align(kind, reference, one, str(one.path)) for one in others)]


def _page(found: Judgement, align: str) -> str:
    from vdiff_plugin.cli.judging import Telling, as_page
    from vdiff_plugin.engine import Engine

    reference, *versions = (one.name for one in found.versions)
    left_out = [
        f"{one.name}: {int((one.numbers < 0).sum())} frames of the reference have no partner."
        for one in found.versions
        if (one.numbers < 0).any()
    ]
    telling = Telling(
        title=f"{', '.join(versions)} against {reference}",
        settings={
            "metrics": ", ".join(one.name for one in found.metrics),
            "frames paired by": align,
        },
        notes=left_out,
    )
    with Engine() as engine:
        return as_page(found, telling, engine)
