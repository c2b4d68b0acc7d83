"""Sample files, made by worker processes while training runs on those that are there.

Which files a batch is drawn from follows from its step alone; a file that is late is
waited for. So the same recipe gives the same batches however fast the machine is.
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Self

import numpy as np

from vdiff_plugin.atomic import write_whole
from vdiff_plugin.errors import ResourceError
from vdiff_plugin.training.kinds import sample_kind
from vdiff_plugin.training.recipe import Recipe
from vdiff_plugin.training.samples import SampleRecipe
from vdiff_plugin.training.survey import survey, take_inventory

logger = logging.getLogger(__name__)

_VERSION = 2  # of what samples are, given a recipe
_LATER = ("restorer", "graphics", "halved")  # notes of files from before these do not name them
_NICE = 5  # workers give way to the training itself
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclasses.dataclass(frozen=True)
class _Wanted:
    """A sample file and how it is made."""

    path: Path
    recipe: SampleRecipe
    held_out: bool


class Shards:
    """The sample files of one training; a context that ends its workers."""

    def __init__(
        self, recipe: Recipe, roots: Sequence[Path], folder: Path, workers: int | None = None
    ) -> None:
        """Look at the footage's names; nothing is opened yet.

        Args:
            recipe: what is trained.
            roots: folders of clean footage.
            folder: where sample files are, or will be.
            workers: processes; by default one for each core.

        Raises:
            MediaError: no media in `roots`.
        """
        self.inventory = take_inventory(roots)
        self._recipe = recipe
        self._roots = roots
        self._folder = folder
        self._kind = sample_kind(recipe.task)
        self._workers = workers or len(os.sched_getaffinity(0))
        self._shards = [
            _Wanted(folder / f"{recipe.task}-{recipe.seed}-{i}.npy", recipe.shard(i), False)
            for i in range(recipe.shards)
        ]
        self._held_out = {
            name: _Wanted(
                folder / f"{recipe.task}-{recipe.seed}-held-{name}.npy",
                recipe.held_out_shard(name),
                True,
            )
            for name, weight in recipe.degradations.items()
            if recipe.held_out and weight
        }
        self._jobs: dict[Path, Future[None]] = {}
        self._others = set(active_children())
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        """Start making what is missing.

        Raises:
            MediaError: no usable footage.
            ResourceError: not enough room for the samples.
        """
        everything = [self._shards[0], *self._held_out.values(), *self._shards[1:]]
        missing = [one for one in everything if not self._is_there(one)]
        if missing:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._require_room(missing)
            try:
                self._start(missing)
            except BaseException:
                self._end()
                raise
        return self

    def __exit__(
        self,
        *_: object,
    ) -> None:
        self._end()

    def files_at(self, step: int) -> list[Path]:
        """The files that the batch of `step` is drawn from, waiting for them.

        Raises:
            VdiffError: one of them could not be made.
        """
        return [self._finished(one) for one in self._shards[: self._recipe.files_at(step)]]

    def held_out(self) -> dict[str, Path]:
        """Files to measure on by degradation, waiting for them; empty without held-out files."""
        return {name: self._finished(one) for name, one in self._held_out.items()}

    def _finished(self, wanted: _Wanted) -> Path:
        job = self._jobs.get(wanted.path)
        if job is None:
            return wanted.path
        try:
            job.result()
        except BrokenProcessPool as error:
            raise ResourceError(
                "a process that made samples was killed, perhaps for lack of memory; "
                "go on with fewer --workers"
            ) from error
        del self._jobs[wanted.path]
        write_whole(_note(wanted.path), self._key(wanted), overwrite=True)
        return wanted.path

    def _start(self, missing: Sequence[_Wanted]) -> None:
        # Not forked: TensorFlow's threads would not be there in the child.
        self._pool = ProcessPoolExecutor(self._workers, get_context("spawn"), _serve)
        try:
            footage = survey(self._roots, self._pool.map)
        except BrokenProcessPool as error:
            raise ResourceError("a process that read footage was killed; free memory") from error
        train, held = footage.split(self._recipe.held_out, self._recipe.seed)
        if self._held_out and train is held:
            logger.warning("only one file: what is held out is measured on what is trained on")
        for one in missing:
            source = held if one.held_out else train
            self._jobs[one.path] = self._pool.submit(self._kind.write, source, one.recipe, one.path)

    def _end(self) -> None:
        if self._pool is None:
            return
        self._pool.shutdown(wait=False, cancel_futures=True)
        for child in set(active_children()) - self._others:
            child.terminate()
        self._pool = None

    def _is_there(self, wanted: _Wanted) -> bool:
        if not wanted.path.exists():
            return False
        shape, dtype = (wanted.recipe.count,), self._kind.dtype(wanted.recipe.patch)
        try:
            stored = np.load(wanted.path, mmap_mode="r")
        except (OSError, ValueError):
            return False
        if stored.dtype != dtype or stored.shape != shape:
            return False
        note = _note(wanted.path)
        if not note.exists():
            logger.warning("%s has no note of how it was made; it is used as it is", wanted.path)
            return True
        return note.read_bytes() == self._key(wanted)

    def _key(self, wanted: _Wanted) -> bytes:
        facts = {name: value for name, value in dataclasses.asdict(wanted.recipe).items()
                 if name not in _LATER or value}  # fmt: skip
        facts |= {
            "version": _VERSION,
            "footage": self.inventory.digest,
            "held_out": self._recipe.held_out,
        }
        return json.dumps(facts, sort_keys=True).encode()

    def _require_room(self, missing: Sequence[_Wanted]) -> None:
        size = sum(
            one.recipe.count * self._kind.dtype(one.recipe.patch).itemsize for one in missing
        )
        taken = sum(one.path.stat().st_size for one in missing if one.path.exists())
        free = shutil.disk_usage(self._folder).free + taken
        if size > free:
            raise ResourceError(
                f"{self._folder}: the samples take {size / 1e9:.1f} GB and {free / 1e9:.1f} GB "
                "are free; use fewer --samples or a folder elsewhere"
            )


def _note(path: Path) -> Path:
    return path.with_suffix(".json")


def _serve() -> None:
    """Set up a worker: give way, end with the parent, leave Ctrl-C to it."""
    os.nice(_NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
