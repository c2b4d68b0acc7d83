"""`vdiff train`: own footage in, a weights file out, with its recipe and its card."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vdiff_plugin.atomic import require_writable
from vdiff_plugin.errors import SettingsError, VdiffError

if TYPE_CHECKING:
    from vdiff_plugin.training.recipe import Recipe

logger = logging.getLogger(__name__)


def train(
    data: Annotated[
        list[Path],
        typer.Argument(metavar="DATA..", readable=False, help="Folders of clean videos, stills."),
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", metavar="WEIGHTS", readable=False, help="File to write."),
    ],
    task: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="denoise, deblock, restore, upscale2x. Default: restore."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="fast or quality. Default: fast.")
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(metavar="FILE", readable=False, help="TOML recipe; options win."),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Rounds, each measured. Default: of 250 steps."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Steps in all. Default: 50000.")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(metavar="N", help="Patches a step. Default: 8.")
    ] = None,
    patch: Annotated[
        int | None, typer.Option(metavar="N", help="Pixels, 32 to 192, by 16. Default: 96.")
    ] = None,
    lr: Annotated[
        float | None, typer.Option(metavar="X", help="Highest learning rate. Default: 0.002.")
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="mse, charbonnier, log or finelog. Default: the task's."),
    ] = None,
    flicker: Annotated[
        float | None,
        typer.Option(metavar="X", help="Weight of errors that change in time. Default: 0."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(metavar="N", help="Patches made in all. Default: 24000.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Default: 1.")] = None,
    start: Annotated[
        Path | None,
        typer.Option(metavar="FILE", readable=False, help="Weights to begin with."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", readable=False, help="Keep samples and state here, and go on from them."
        ),
    ] = None,
    interval: Annotated[
        int, typer.Option(metavar="N", min=1, help="Steps between two checkpoints.")
    ] = 250,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Processes that make samples.")
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", readable=False, help="Write event files here.")
    ] = None,
    yes: Annotated[bool, typer.Option("-y", help="Replace WEIGHTS if it exists.")] = False,
) -> None:
    """Train a network on your own footage.

    The recipe and a model card are written beside the weights after every epoch.
    """
    given = {
        "task": task, "preset": preset, "steps": steps, "batch": batch, "patch": patch,
        "rate": lr, "loss": loss, "flicker": flicker, "samples": samples, "seed": seed,
    }  # fmt: skip
    job = Job(out, resume or out.with_name(f"{out.stem}.training"), kept=resume is not None)
    job.require_place(yes=yes)
    from vdiff_plugin.allocator import keep_memory

    keep_memory()  # before TensorFlow starts
    _run(
        job,
        data,
        job.recipe(
            recipe, {name: each for name, each in given.items() if each is not None}, epochs
        ),
        start,
        {"interval": interval, "workers": workers, "tensorboard": tensorboard},
    )


@dataclass(frozen=True)
class Job:
    """Where a training writes.

    Attributes:
        out: the weights file; recipe and card lie beside it.
        work: folder of samples and checkpoint.
        kept: the user named `work`, so it stays when all is done.
    """

    out: Path
    work: Path
    kept: bool

    @property
    def checkpoint(self) -> Path:
        """The file that a training goes on from."""
        return self.work / f"{self.out.stem}.checkpoint"

    def require_place(self, *, yes: bool) -> None:
        """Raise OutputError or SettingsError where something would be lost."""
        if self.out.suffix != ".safetensors":
            raise SettingsError(f"{self.out}: weights are .safetensors; give such a name")
        begun = self.checkpoint.exists()
        if begun and not self.kept:
            raise SettingsError(
                f"{self.work}: holds an unfinished training; --resume {self.work} goes on with "
                "it, or remove the folder to start again"
            )
        for path in (self.out, self.out.with_suffix(".toml"), self.out.with_suffix(".md")):
            require_writable(path, overwrite=yes or begun, sources=())
        if self.work.exists() and not self.work.is_dir():
            raise SettingsError(f"{self.work}: is no folder; give one for samples and checkpoints")

    def recipe(self, path: Path | None, given: dict[str, Any], epochs: int | None) -> Recipe:
        """The recipe: of the checkpoint, of a file, or of the task, with what was given."""
        from vdiff_plugin.training.tasks import EPOCH, new_recipe

        base = self._base(path)
        lengths: dict[str, Any] = {}
        if epochs is not None:
            steps = given.get("steps") or (base.steps if base else epochs * EPOCH)
            lengths = {"steps": steps, "epoch": -(-steps // epochs)}
        if base is None:
            return new_recipe("options", given | lengths)
        return base.changed("options", given | lengths)

    def _base(self, path: Path | None) -> Recipe | None:
        if path is not None:
            from vdiff_plugin.training.recipe import Recipe

            return Recipe.read(path)
        if not self.checkpoint.exists():
            return None
        _quiet_keras()
        from vdiff_plugin.training.checkpoint import Checkpoint

        return Checkpoint.read(self.checkpoint).recipe


def _quiet_keras() -> None:
    from vdiff_plugin.model.quiet import import_tensorflow

    import_tensorflow()


def _run(
    job: Job, data: list[Path], recipe: Recipe, start: Path | None, upkeep: dict[str, Any]
) -> None:
    _quiet_keras()
    from vdiff_plugin.training.loop import Upkeep, train_recipe

    try:
        train_recipe(
            recipe, data, job.work, job.out, start, upkeep=Upkeep(resume=job.kept, **upkeep)
        )
    except (VdiffError, KeyboardInterrupt):
        if job.checkpoint.exists():
            logger.warning("stopped; --resume %s goes on from the last checkpoint", job.work)
        raise
    if not job.kept:
        shutil.rmtree(job.work, ignore_errors=True)
