"""`vdiff changes`: how much each frame differs from the one before, by the change map."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from vdiff_plugin.cli.progress import open_progress

if TYPE_CHECKING:
    from vdiff_plugin.contracts import ChangeDetector, FeatureExtractor
    from vdiff_plugin.frame import ClipInfo, Frame

_DETECTOR = "absolute"  # the method's own


class Score(NamedTuple):
    """One frame's change.

    Attributes:
        frame: number, from 0.
        time: seconds.
        score: sum of the change map over its positions.
        mean: the same, a position.
    """

    frame: int
    time: float
    score: float
    mean: float


def scores(
    frames: Iterable[tuple[float, Frame]],
    clip: ClipInfo,
    extractor: FeatureExtractor,
    detector: ChangeDetector,
) -> Iterator[Score]:
    """One score a frame; the first frame has nothing before it and scores 0.

    Args:
        frames: (time in seconds, frame) in order.
        clip: what they are frames of.
        extractor: says what a frame shows.
        detector: compares what two frames show.
    """
    previous = None
    for n, (time, frame) in enumerate(frames):
        features = extractor.extract(frame, clip)
        change = detector.detect(features if previous is None else previous, features)
        yield Score(n, time, float(change.sum()), float(change.mean()))
        previous = features


def changes(
    path: Annotated[Path, typer.Argument(metavar="IN", readable=False, help="Video file.")],
    table: Annotated[
        Path | None,
        typer.Option(
            "--csv", metavar="FILE", readable=False, help="Write there instead of stdout."
        ),
    ] = None,
    features: Annotated[
        str, typer.Option(metavar="NAME", help="What is compared: vdiff, vgg16 or pixel.")
    ] = "vdiff",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", "-y", help="Replace FILE if it exists.")
    ] = False,
    progress: Annotated[
        str, typer.Option(metavar="KIND", help="auto, bar, json or none, on stderr.")
    ] = "auto",
) -> None:
    """Print how much each frame differs from the one before, as CSV.

    Columns: frame, time in seconds, score (sum of the change map) and mean (a position).
    """
    from host_adapters.media import read_clip
    from vdiff_plugin.atomic import require_writable, write_whole
    from vdiff_plugin.engine import Engine

    with Engine() as engine:
        extractor = engine.extractor(features)
        reader = read_clip(path)
        if table:
            require_writable(table, overwrite=overwrite, sources=(path,))
        timed = ((float(reader.source.seconds(one.n)), one.frame) for one in reader.pictures())
        detector = engine.change_detector(_DETECTOR)
        found = []
        with open_progress(progress, f"changes in {path.name}") as report:
            for score in scores(timed, reader.info, extractor, detector):
                found.append(score)
                report(len(found), len(reader))
        text = _as_csv(found)
    if table:
        write_whole(table, text.encode(), overwrite=overwrite, sources=(path,))
    else:
        typer.echo(text, nl=False)


def _as_csv(found: Iterable[Score]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Score._fields)
    for one in found:
        writer.writerow((one.frame, f"{one.time:.6f}", f"{one.score:.6g}", f"{one.mean:.6g}"))
    return text.getvalue()
