"""`vdiff tune`: a bundled network learns the noise of one's own footage."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vdiff_plugin.atomic import require_writable, write_whole
from vdiff_plugin.cli import encoding
from vdiff_plugin.cli.progress import open_progress
from vdiff_plugin.cli.train import Job
from vdiff_plugin.errors import UsageError, VdiffError
from vdiff_plugin.model.presets import UPSCALING

if TYPE_CHECKING:
    from vdiff_plugin.tuning.outcome import Outcome
    from vdiff_plugin.tuning.recipe import TuneRecipe

logger = logging.getLogger(__name__)


def tune(
    footage: Annotated[
        list[Path],
        typer.Argument(metavar="FOOTAGE..", readable=False, help="Videos as noisy as they are."),
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="WEIGHTS", readable=False, help="File to write."),
    ],
    task: Annotated[str, typer.Option(metavar="NAME", help="Of the bundled weights.")] = "restore",
    preset: Annotated[str, typer.Option(metavar="NAME", help="fast or quality.")] = "fast",
    minutes: Annotated[
        float | None,
        typer.Option(metavar="M", min=0.1, help="Time in all. Default: 10, or none with --steps."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Steps at most; the same everywhere.")
    ] = None,
    lr: Annotated[
        float | None, typer.Option(metavar="X", help="Learning rate. Default: 0.0002.")
    ] = None,
    reach: Annotated[
        float | None,
        typer.Option(metavar="X", help="How far a layer may move, of its norm. Default: 0.2."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0)] = 1,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            readable=False,
            help="Keep the state in DIR, and go on from the one that is there.",
        ),
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", readable=False, help="Write event files here.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="F.html", readable=False, help="Write a page of before and after."),
    ] = None,
    yes: Annotated[bool, typer.Option("-y", help="Replace WEIGHTS and F.html.")] = False,
    progress: encoding.Progress = "auto",
) -> None:
    """Adapt a bundled network to your own noisy footage; no clean copy is needed.

    Writes weights and a card only if held-out frames come out better by more than chance.
    """
    if task == UPSCALING:
        raise UsageError(f"tuning is for weights that restore; leave --task {UPSCALING} out")
    job = Job(out, resume or out.with_name(f"{out.stem}.tuning"), kept=resume is not None)
    job.require_place(yes=yes)
    if report:
        require_writable(report, overwrite=yes, sources=(*footage, out))
    from vdiff_plugin.allocator import keep_memory

    keep_memory()  # before TensorFlow starts
    given = {"task": task, "preset": preset, "rate": lr, "reach": reach, "seed": seed}
    limit = 10.0 if minutes is None and steps is None else minutes
    with open_progress(progress, "tuning") as tell:
        upkeep = {"minutes": limit, "steps": steps, "tensorboard": tensorboard, "progress": tell}
        wanted = {name: each for name, each in given.items() if each is not None}
        recipe, outcome = _run(job, footage, wanted, upkeep)
    if report:
        from vdiff_plugin.cli.tuning_report import tuning_page

        page = tuning_page(recipe, footage, out, outcome).encode()
        write_whole(report, page, overwrite=yes, sources=tuple(footage))


def _run(
    job: Job, footage: list[Path], given: dict[str, Any], upkeep: dict[str, Any]
) -> tuple[TuneRecipe, Outcome]:
    from vdiff_plugin.model.quiet import import_tensorflow

    import_tensorflow()
    from vdiff_plugin.training.guard import DivergedError
    from vdiff_plugin.tuning.loop import Upkeep, tune
    from vdiff_plugin.tuning.recipe import TuneRecipe

    recipe = TuneRecipe.of(given)
    try:
        outcome = tune(recipe, footage, job.work, job.out, Upkeep(resume=job.kept, **upkeep))
    except (DivergedError, KeyboardInterrupt):
        if job.checkpoint.exists():
            logger.warning("stopped; --resume %s goes on from the last look", job.work)
        raise
    except VdiffError:  # this footage or this disk will not do: nothing to go on with
        _tidy(job)
        raise
    _tidy(job)
    logger.info(
        "%s: %+.3f dB on held-out frames against their noisy neighbours, after %d steps",
        job.out, outcome.gain.decibels, outcome.best_step,
    )  # fmt: skip
    return recipe, outcome


def _tidy(job: Job) -> None:
    if not job.kept:
        shutil.rmtree(job.work, ignore_errors=True)
