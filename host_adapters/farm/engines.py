"""Which engine renders: this process, processes of this machine, or a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from host_adapters.farm.dask_engine import cluster_at, local_cluster, on_dask
from host_adapters.farm.opened import OpenJob
from host_adapters.farm.run import Renderer, serial
from host_adapters.media.render import Progress
from vdiff_plugin.errors import UsageError


@contextmanager
def renderer_for(
    job: OpenJob,
    *,
    workers: int | None,
    address: str | None,
    threads: int | None,
    progress: Progress | None,
) -> Iterator[Renderer]:
    """An engine for `job`, gone at the end of the block.

    Args:
        job: opened here.
        workers: processes on this machine.
        address: of a Dask scheduler.
        threads: that render in each process.
        progress: called with frames done and in all.

    Raises:
        UsageError: both engines asked for, or Dask is not there.
    """
    if workers and address:
        raise UsageError("--workers makes a cluster, --dask takes one; give one of them")
    if not (workers or address):
        yield serial(job, progress, threads or 2)
        return
    cluster = cluster_at(address) if address else local_cluster(workers or 1, threads or 1)
    with cluster as client:
        yield on_dask(client, job.folder, source=job.path, threads=threads or 1, progress=progress)
