"""`vdiff enhance --resume`: a job in a folder beside the output, on one machine."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

from host_adapters.farm.opened import OpenJob
from host_adapters.farm.plan import CHUNK_FRAMES, plan
from host_adapters.farm.run import finish, run, serial
from host_adapters.media.codecs import EncodeOptions
from host_adapters.media.job import Summary
from host_adapters.media.render import Progress
from vdiff_plugin.atomic import require_writable
from vdiff_plugin.engine import Engine
from vdiff_plugin.settings import Settings


def parts_folder(path_out: Path) -> Path:
    """Where the finished parts of an output are kept until it is whole."""
    return path_out.with_name(f"{path_out.name}.vdiff-parts")


def enhance_resumably(
    path_in: Path | str,
    path_out: Path | str,
    *,
    settings: Settings | None = None,
    encode: EncodeOptions | None = None,
    start: int = 0,
    end: int | None = None,
    overwrite: bool | None = None,
    progress: Progress | None = None,
    engine: Engine | None = None,
    workers: int = 2,
    chunk_frames: int = CHUNK_FRAMES,
) -> Summary:
    """Like `host_adapters.media.enhance`, keeping what is finished when it is interrupted.

    Called again with the same arguments it goes on where it was. The folder of the parts
    is removed once the output is whole.

    Args:
        path_in: a video file.
        path_out: its suffix names the container.
        settings: how frames are processed.
        encode: how they are written.
        start: first frame, from 0.
        end: last frame, included; None is the last of the clip.
        overwrite: True replaces an existing output.
        progress: called after each frame.
        engine: shared by several jobs; by default a new one.
        workers: threads that render.
        chunk_frames: the most frames that an interruption costs.

    Raises:
        UsageError: the parts that are there are of other settings or another input.
        VdiffError: as `enhance` and `farm run` do.
    """
    path_in, path_out = Path(path_in), Path(path_out)
    require_writable(path_out, overwrite=overwrite, sources=(path_in,))
    with ExitStack() as opened:
        engine = engine or opened.enter_context(Engine())
        folder = plan(
            path_in,
            path_out,
            parts_folder(path_out),
            chunk_frames=chunk_frames,
            settings=settings,
            encode=encode,
            start=start,
            end=end,
            overwrite=bool(overwrite),
            engine=engine,
        )
        opened.enter_context(folder.lock())
        job = opened.enter_context(OpenJob(folder, path_in, engine))
        checked = run(job, serial(job, progress, workers))
        summary = finish(job, checked, out=path_out, overwrite=bool(overwrite))
    shutil.rmtree(folder.path, ignore_errors=True)
    return summary
