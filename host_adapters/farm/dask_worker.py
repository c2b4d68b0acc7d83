"""What runs on a Dask worker. Imported only where Dask is installed."""

from __future__ import annotations

import os
import threading
from collections.abc import MutableMapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker

from host_adapters.farm.opened import OpenJob
from host_adapters.farm.piece import render_piece, standing
from vdiff_plugin.errors import UsageError
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.spans import Span
from vdiff_plugin.model.gpus import gpu_count

NAME = "vdiff"


class JobsPlugin(WorkerPlugin):
    """Keeps jobs open on a worker, network loaded; Dask gives one to late workers too.

    Args:
        threads: that render on each worker.
    """

    name = NAME

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def setup(self, worker: Worker) -> None:
        """Begin on a worker."""
        if isinstance(worker.name, int):  # one of several of this machine
            take_gpu(worker.name, gpu_count(), os.environ)
        self._jobs: dict[tuple[str, str | None, str], OpenJob] = {}
        self._opening = threading.Lock()

    def teardown(self, worker: Worker) -> None:  # noqa: ARG002  # Dask's signature
        """End with the worker."""
        with ExitStack() as stack:
            for job in self._jobs.values():
                stack.callback(job.close)
        self._jobs.clear()

    def job(self, path: str, source: str | None, identity: str) -> OpenJob:
        """The job in a folder, opened when it is first asked for.

        Raises:
            UsageError: the folder holds another job here.
        """
        key = (path, source, identity)
        with self._opening:
            if key not in self._jobs:
                folder = JobFolder(path)
                if folder.manifest.job != identity:
                    raise UsageError(f"{path}: holds another job on this worker; mount the same")
                self._jobs[key] = OpenJob(folder, Path(source) if source else None)
            return self._jobs[key]

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to workers: no job, and no lock."""
        return {"threads": self.threads}


def take_gpu(number: int, count: int, environment: MutableMapping[str, str]) -> None:
    """Give worker `number` one of `count` GPUs, unless somebody has shared them out already.

    CUDA reads the environment when it starts, which is when the first network is loaded.
    """
    if count > 1:
        environment.setdefault("CUDA_VISIBLE_DEVICES", str(number % count))


def render_here(path: str, source: str | None, identity: str, first: int, last: int) -> int:
    """Render one piece unless it is there already, and give the number of its frames."""
    plugin = get_worker().plugins[NAME]
    assert isinstance(plugin, JobsPlugin)
    job, span = plugin.job(path, source, identity), Span(first, last)
    if standing(job, span) is None:
        render_piece(job, span, workers=plugin.threads)
    return len(span)
