"""Rendering what a job still lacks, here or on Dask workers, and joining it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from host_adapters.farm.join import Checked, IncompleteError, check, join
from host_adapters.farm.opened import OpenJob
from host_adapters.farm.piece import render_piece, standing
from host_adapters.media.job import Summary
from host_adapters.media.render import Progress
from vdiff_plugin.errors import OutputError, ResourceError, UsageError, VdiffError
from vdiff_plugin.farm.beacon import clear
from vdiff_plugin.farm.cover import cover
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.manifest import ManifestError
from vdiff_plugin.farm.origin import SourceChangedError
from vdiff_plugin.farm.record import file_fault
from vdiff_plugin.farm.spans import Span, split_at

logger = logging.getLogger(__name__)

_NAMED = 8  # failures told one by one
_ROUNDS = 2  # how often pieces that turn out bad at the join are rendered again


@dataclass(frozen=True)
class Outcome:
    """What became of one piece.

    Attributes:
        span: its frames.
        failure: why it could not be rendered; empty if it was.
    """

    span: Span
    failure: str = ""


Renderer = Callable[[Sequence[Span]], Iterator[Outcome]]


class FailedFramesError(VdiffError):
    """Some pieces could not be rendered; all others are kept."""


def render_range(
    job: OpenJob, spans: Iterable[Span], progress: Progress | None = None, workers: int = 2
) -> list[Span]:
    """Render frames of a job, cut at the borders of its chunks.

    What is there already, and whole, is left alone.

    Args:
        job: opened here.
        spans: frames.
        progress: called after each frame with those done and those to do.
        workers: threads that render.

    Returns:
        The pieces that were rendered now.

    Raises:
        UsageError: frames that the job does not have.
        VdiffError: the first failure; what was finished before is kept.
    """
    parts = list(dict.fromkeys(p for span in spans for p in split_at(span, job.manifest.table)))
    todo = [part for part in parts if standing(job, part) is None]
    total = sum(map(len, todo))
    done = 0
    for part in todo:
        before = done
        tell = None if progress is None else _shifted(progress, before, total)
        render_piece(job, part, tell, workers)
        done += len(part)
    return todo


def serial(job: OpenJob, progress: Progress | None = None, workers: int = 2) -> Renderer:
    """Renders pieces one after the other in this process."""

    def render(spans: Sequence[Span]) -> Iterator[Outcome]:
        total = len(job.manifest.span)
        done = total - sum(map(len, spans))
        for span in spans:
            tell = None if progress is None else _shifted(progress, done, total)
            try:
                render_piece(job, span, tell, workers)
            except VdiffError as error:
                if _is_hopeless(error):
                    raise
                yield Outcome(span, str(error))
            else:
                yield Outcome(span)
            done += len(span)

    return render


def run(job: OpenJob, renderer: Renderer, wait: float = 0.0) -> Checked:
    """Render what is missing or bad; the caller holds the job's lock.

    Args:
        job: opened here; its session only if `renderer` wants it.
        renderer: does the work.
        wait: seconds in which what other machines have written may appear.

    Raises:
        FailedFramesError: some pieces failed; names them. The others are kept.
        VdiffError: nothing can be rendered: full disk, changed source, other versions.
    """
    folder = job.folder
    forget_bad(folder)
    for _ in range(_ROUNDS):
        missing = cover(folder.manifest.table, folder.records()[0]).missing
        outcomes = list(renderer(missing)) if missing else []
        _require_all(folder, [each for each in outcomes if each.failure])
        try:
            return check(folder, wait)
        except IncompleteError as error:
            if not error.bad:
                raise
            for record in error.bad:
                logger.warning("frames %s: %s", record.span, "went bad; rendering them again")
                folder.forget(record)
    return check(folder, wait)


def finish(
    job: OpenJob,
    checked: Checked,
    *,
    out: Path | None = None,
    overwrite: bool | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Join, then remove what dead writers left behind."""
    summary = join(job, checked, out=out, overwrite=overwrite, progress=progress)
    job.folder.sweep()
    clear(job.folder)
    return summary


def forget_bad(folder: JobFolder) -> None:
    """Let pieces whose files are not what was recorded count no more."""
    taken, refused = folder.records()
    for each in refused:
        logger.warning("%s: %s; not taken", each.path, each.reason)
    for record in taken:
        if fault := file_fault(record, folder.chunks):
            logger.warning("frames %s: %s; rendering them again", record.span, fault)
            folder.forget(record)


def _require_all(folder: JobFolder, failed: Sequence[Outcome]) -> None:
    if not failed:
        return
    said = "; ".join(f"frames {each.span}: {each.failure}" for each in failed[:_NAMED])
    more = f"; and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    raise FailedFramesError(
        f"{len(failed)} of {len(folder.manifest.chunks)} chunks failed: {said}{more}; the others "
        f"are kept in {folder.path}: mend the cause and run it again"
    )


def _shifted(progress: Progress, before: int, total: int) -> Progress:
    def tell(done: int, _total: int) -> None:
        progress(before + done, total)

    return tell


def _is_hopeless(error: VdiffError) -> bool:
    """True for failures that any other piece would meet too."""
    return isinstance(
        error, OutputError | ResourceError | UsageError | ManifestError | SourceChangedError
    )
