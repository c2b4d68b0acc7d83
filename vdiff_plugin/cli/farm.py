"""`vdiff farm`: a clip rendered in chunks by any number of machines, joined without a trace."""

from __future__ import annotations

import json
import logging
import os
import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdiff_plugin.cli import encoding
from vdiff_plugin.cli.openjd import open_farm_progress
from vdiff_plugin.cli.options import with_settings
from vdiff_plugin.cli.progress import Report
from vdiff_plugin.cli.table import print_table
from vdiff_plugin.errors import UsageError, VdiffError
from vdiff_plugin.settings import Settings

if TYPE_CHECKING:
    from vdiff_plugin.farm.folder import JobFolder
    from vdiff_plugin.farm.spans import Span
    from vdiff_plugin.farm.status import ChunkStatus

logger = logging.getLogger(__name__)

farm = typer.Typer(rich_markup_mode=None)

Job = Annotated[Path, typer.Argument(metavar="JOB", help="Folder of a planned job.")]
Source = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Where IN lies here. Default: where it was planned."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Write this instead of what was planned."),
]
Threads = Annotated[int, typer.Option(metavar="N", min=1, help="Threads that render.")]
Wait = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", min=0, help="How long a network file system may hide finished files."
    ),
]
Progress = Annotated[
    str, typer.Option(metavar="KIND", help="auto, bar, json, openjd or none, on stderr.")
]


@farm.callback(invoke_without_command=True)
def _farm(context: typer.Context) -> None:
    """Render a clip in chunks on any number of machines."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@farm.command()
@with_settings
def plan(
    path_in: Annotated[Path, typer.Argument(metavar="IN", readable=False, help="Video file.")],
    path_out: Annotated[
        Path, typer.Argument(metavar="OUT", readable=False, help="What join will write.")
    ],
    job: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the job, reached by all machines.")
    ],
    chunk_frames: Annotated[
        int, typer.Option(metavar="N", min=1, help="Frames of a chunk, at most.")
    ] = 240,
    codec: encoding.Codec = None,
    crf: encoding.Crf = None,
    pix_fmt: encoding.PixFmt = None,
    encoder_options: encoding.EncoderOptions = None,
    start: encoding.Start = 0,
    end: encoding.End = None,
    yes: encoding.Overwrite = False,
    *,
    settings: Settings,
) -> None:
    """Plan a job: look at IN once, and write all that machines need into DIR."""
    from host_adapters.farm.plan import plan as make
    from host_adapters.media import EncodeOptions

    pairs = encoding.parse_pairs(encoder_options or "")
    folder = make(
        path_in,
        path_out,
        job,
        chunk_frames=chunk_frames,
        settings=settings,
        encode=EncodeOptions(codec=codec, crf=crf, pix_fmt=pix_fmt, encoder_options=pairs),
        start=start,
        end=end,
        overwrite=yes,
    )
    found = folder.manifest
    typer.echo(
        f"{job}: {len(found.span)} frames in {len(found.chunks)} chunks, "
        f"{found.encoding.codec} in {found.encoding.container}; next: vdiff farm run {job}"
    )


@farm.command()
def render(
    job: Job,
    chunk: Annotated[
        str | None, typer.Option(metavar="LIST", help="Chunks by number, such as 3 or 0-4,9.")
    ] = None,
    range_: Annotated[
        str | None,
        typer.Option("--range", metavar="LIST", help="Frames, such as 59-117, 5 or 0-9,12."),
    ] = None,
    source: Source = None,
    threads: Threads = 2,
    progress: Progress = "auto",
) -> None:
    """Render chunks or frames of a job; what is there already is left alone."""
    folder = _folder(job)
    spans = _wanted(folder, chunk, range_)
    with open_farm_progress(progress, f"frames {','.join(map(str, spans))}") as report:
        made = _render(folder, spans, source, threads, report)
    typer.echo(f"rendered {','.join(map(str, made)) or 'nothing: it was there'}")


@farm.command()
def run(
    job: Job,
    workers: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Processes on this machine, by Dask.")
    ] = None,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Scheduler of a Dask cluster.")
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Threads a worker. Default: 1; 2 without workers."),
    ] = None,
    source: Source = None,
    out: Out = None,
    yes: encoding.Overwrite = False,
    no_join: Annotated[bool, typer.Option("--no-join", help="Render only.")] = False,
    wait: Wait = 60,
    progress: Progress = "auto",
) -> None:
    """Render what a job lacks, and join it.

    Without --workers and --dask in this process, chunk after chunk.
    """
    from host_adapters.farm.engines import renderer_for
    from host_adapters.farm.join import require_out
    from host_adapters.farm.opened import OpenJob
    from host_adapters.farm.run import finish
    from host_adapters.farm.run import run as render_all

    folder = _folder(job)
    with ExitStack() as opened:
        report = opened.enter_context(open_farm_progress(progress, f"rendering {job.name}"))
        opened.enter_context(folder.lock())
        work = opened.enter_context(OpenJob(folder, source))
        if not no_join:
            require_out(work, out, overwrite=yes or None)
        renderer = opened.enter_context(
            renderer_for(work, workers=workers, address=dask, threads=threads, progress=report)
        )
        checked = render_all(work, renderer, wait)
        if not no_join:
            done = finish(work, checked, out=out, overwrite=yes or None)
            typer.echo(f"{done.path}: {done.frames} frames")


@farm.command()
def join(
    job: Job,
    source: Source = None,
    out: Out = None,
    yes: encoding.Overwrite = False,
    wait: Wait = 0,
    progress: Progress = "auto",
) -> None:
    """Check every chunk, and write the output."""
    from host_adapters.farm.join import check, require_out
    from host_adapters.farm.opened import OpenJob
    from host_adapters.farm.run import finish

    folder = _folder(job)
    with (
        open_farm_progress(progress, f"joining {job.name}") as report,
        folder.lock(),
        OpenJob(folder, source) as opened,
    ):
        require_out(opened, out, overwrite=yes or None)
        checked = check(folder, wait)
        done = finish(opened, checked, out=out, overwrite=yes or None, progress=report)
    typer.echo(f"{done.path}: {done.frames} frames")


@farm.command()
def status(
    job: Job,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say how far a job is, a chunk a line."""
    from vdiff_plugin.farm.status import status as look

    found = look(_folder(job))
    if as_json:
        typer.echo(json.dumps(found.to_json()))
        return
    rows = [("chunk", "frames", "state", "done", "seconds", "host", "note")]
    print_table([*rows, *map(_cells, found.chunks)])
    for name, reason in found.refused.items():
        typer.echo(f"not taken: {name}: {reason}")
    left = f", {found.partial} unfinished files" if found.partial else ""
    typer.echo(f"{found.rendered} of {found.frames} frames in {found.seconds:.1f} s{left}")


@farm.command()
def verify(
    job: Job,
    source: Source = None,
    frames: Annotated[int, typer.Option(metavar="N", min=0, help="Frames taken at random.")] = 8,
    borders: Annotated[
        int, typer.Option(metavar="N", min=0, help="Borders between chunks, both sides each.")
    ] = 8,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Takes the same frames again.")
    ] = None,
    progress: Progress = "auto",
) -> None:
    """Render a sample of a finished job again, and compare."""
    from host_adapters.farm.join import check
    from host_adapters.farm.opened import OpenJob
    from host_adapters.farm.verify import verify as compare

    folder = _folder(job)
    with (
        open_farm_progress(progress, f"verifying {job.name}") as report,
        OpenJob(folder, source) as opened,
    ):
        found = compare(
            opened, check(folder), sample=frames, borders=borders, seed=seed, progress=report
        )
    typer.echo(f"{len(found.frames)} frames rendered again: {','.join(map(str, found.frames))}")
    if not found.good:
        raise VdiffError(
            f"frames {list(found.differing)} differ, {list(found.altered)} decode to something "
            f"else, {list(found.undecodable)} do not decode; remove these chunks, and report it"
        )
    typer.echo("all the same")


@farm.command()
def openjd(
    job: Job,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Template, or script, to write.")
    ],
    bundle: Annotated[
        bool, typer.Option("--bundle", help="FILE is the folder of a Deadline Cloud job bundle.")
    ] = False,
    script: Annotated[
        str | None, typer.Option(metavar="KIND", help="Instead a script: slurm or parallel.")
    ] = None,
    no_server: Annotated[
        bool, typer.Option("--no-server", help="Load the network anew in each task.")
    ] = False,
    yes: encoding.Overwrite = False,
) -> None:
    """Write a job as an Open Job Description template, or as a plain array job."""
    from host_adapters.farm.openjd import parameters, write_bundle, write_template
    from host_adapters.farm.scripts import write_script

    folder = _folder(job)
    if script is not None:
        typer.echo(f"bash {write_script(folder, script, out, overwrite=yes)}")
    elif bundle:
        write_bundle(folder, out, server=not no_server, overwrite=yes)
        typer.echo(f"deadline bundle submit {out}")
    else:
        write_template(folder, out, server=not no_server, overwrite=yes)
        values = " ".join(f"-p {k}={shlex.quote(v)}" for k, v in parameters(folder).items())
        typer.echo(f"openjd run {out} --step Join --run-dependencies {values}")


@farm.command(hidden=True)
def serve(
    job: Job,
    socket: Annotated[Path, typer.Option(metavar="FILE", help="Where to listen.")],
    source: Source = None,
    threads: Threads = 2,
    detach: Annotated[
        bool, typer.Option("--detach", help="Go on in the background, and tell the session.")
    ] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End the one that listens.")] = False,
) -> None:
    """Keep a job open for the tasks of one session, network loaded."""
    from host_adapters.farm import server
    from host_adapters.farm.opened import OpenJob

    if stop:
        server.stop(socket)
    elif detach:
        given = ["--source", str(source)] if source else []
        words = ["farm", "serve", str(job), "--socket", str(socket), "--threads", str(threads)]
        server.start([*words, *given], socket)
        typer.echo(f"openjd_env: {server.VARIABLE}={socket}")
    else:
        with OpenJob(_folder(job), source) as opened:
            server.serve(opened, socket, threads)


def _render(
    folder: JobFolder, spans: list[Span], source: Path | None, threads: int, report: Report
) -> list[Span]:
    """Render by the session's server if there is one, else here."""
    from host_adapters.farm.opened import OpenJob
    from host_adapters.farm.run import render_range
    from host_adapters.farm.server import VARIABLE, NoServerError, ask

    if address := os.environ.get(VARIABLE):
        try:
            return ask(Path(address), folder.manifest.job, spans, report)
        except NoServerError as error:
            logger.warning("%s; rendering without it", error)
    with OpenJob(folder, source) as opened:
        return render_range(opened, spans, report, threads)


def _cells(row: ChunkStatus) -> tuple[str, ...]:
    frames, seconds = f"{row.first}-{row.last}", f"{row.seconds:.1f}"
    return str(row.chunk), frames, row.state, str(row.frames), seconds, row.host, row.note


def _folder(path: Path) -> JobFolder:
    from vdiff_plugin.farm.folder import JobFolder

    return JobFolder(path)


def _wanted(folder: JobFolder, chunks: str | None, frames: str | None) -> list[Span]:
    from vdiff_plugin.farm.spans import parse_spans

    if (chunks is None) == (frames is None):
        raise UsageError("say what to render: either --chunk 3 or --range 59-117")
    if frames is not None:
        return parse_spans(frames)
    table = folder.manifest.table
    numbers = [k for span in parse_spans(chunks or "") for k in span.frames()]
    if max(numbers) >= len(table):
        raise UsageError(f"no chunk {max(numbers)}; the job has 0 to {len(table) - 1}")
    return [table[k] for k in numbers]
