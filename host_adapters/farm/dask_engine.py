"""Pieces rendered by Dask workers, of this machine or of a cluster.

Scheduler and client see numbers and paths only; frames go from the source to the job
folder on the worker itself, see `dask_worker`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from host_adapters.farm.run import Outcome, Renderer
from host_adapters.media.render import Progress
from vdiff_plugin.errors import UsageError, VdiffError
from vdiff_plugin.farm.beacon import died_at
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.spans import Span

if TYPE_CHECKING:
    from distributed import Client, Future

_RETRIES = 2  # of a piece that fails, each on any worker
_DEATHS = 3  # workers that a piece may take with it before it is given up
_AHEAD = 2  # pieces submitted for each worker thread, so that none is ever idle
_LEAST = 64  # and at least as many in all: workers that come late find something to do


@contextmanager
def local_cluster(workers: int, threads: int = 1) -> Iterator[Client]:
    """A cluster of this machine, gone at the end of the block.

    Args:
        workers: processes.
        threads: that libraries may start in each.

    Raises:
        UsageError: Dask is not installed.
    """
    _configure(threads)
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            memory_limit=0,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def cluster_at(address: str) -> Iterator[Client]:
    """A cluster that runs already, such as `tcp://10.0.0.1:8786`.

    Raises:
        UsageError: Dask is not installed, or nothing answers there.
    """
    _configure(1)
    from distributed import Client

    try:
        client = Client(address, timeout=5)
    except (OSError, ValueError) as error:
        raise UsageError(f"no Dask scheduler at {address} ({error}); start one") from error
    with client:
        yield client


def on_dask(
    client: Client,
    folder: JobFolder,
    *,
    source: Path | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> Renderer:
    """Renders pieces on the workers of `client`, as many at once as they have threads.

    Args:
        client: connected.
        folder: the job, at a path that is the same on every worker.
        source: where the source lies on the workers.
        threads: that render on each worker.
        progress: called after each piece with frames done and in all.
    """
    from host_adapters.farm.dask_worker import NAME, JobsPlugin, render_here

    client.register_plugin(JobsPlugin(threads), name=NAME)

    def submit(span: Span) -> Future:
        path = str(folder.path.resolve())
        where = str(source) if source else None
        words = (path, where, folder.manifest.job, span.first, span.last)
        return client.submit(
            render_here, *words, key=f"vdiff-{folder.manifest.job}-{span}", retries=_RETRIES
        )

    def render(spans: Sequence[Span]) -> Iterator[Outcome]:
        from distributed import as_completed

        total = len(folder.manifest.span)
        done = total - sum(map(len, spans))
        waiting = iter(spans)
        under_way: dict[str, Span] = {}
        finished = as_completed()

        def fill() -> None:
            threads = sum(client.nthreads().values())
            room = max(_LEAST, _AHEAD * threads) - len(under_way)
            for _, span in zip(range(room), waiting, strict=False):
                future = submit(span)
                under_way[future.key] = span
                finished.add(future)

        fill()
        while under_way:
            future = next(finished)
            span = under_way.pop(future.key)
            yield _outcome(folder, span, future)
            done += len(span)
            if progress:
                progress(done, total)
            fill()

    return render


def _outcome(folder: JobFolder, span: Span, future: Future) -> Outcome:
    if future.status == "finished":
        return Outcome(span)
    error = future.exception()
    if isinstance(error, VdiffError):
        return Outcome(span, str(error))
    frame = died_at(folder, span)
    at = f" at frame {frame}" if frame is not None else ""
    name = type(error).__name__
    if name == "KilledWorker":
        return Outcome(span, f"every worker that tried died{at}")
    return Outcome(span, f"{name}{at}: {' '.join(str(error).split())}")


def _configure(threads: int) -> None:
    """Import Dask with our settings. Raises UsageError where it is not installed."""
    try:
        import dask
    except ImportError as error:
        raise UsageError(
            "Dask is not installed; pip install 'vdiff-plugin[farm]', or leave --workers out"
        ) from error
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    quiet = "critical"  # failures are told by us, in one line each
    environment = dict.fromkeys(names, threads) | {"DASK_LOGGING__DISTRIBUTED": quiet}
    dask.config.set(
        {
            "logging.distributed": quiet,
            "distributed.scheduler.allowed-failures": _DEATHS,
            "distributed.nanny.pre-spawn-environ": environment,
        }
    )
