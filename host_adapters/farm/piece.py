"""Rendering one piece of a job: decode its windows, render, encode, record."""

from __future__ import annotations

import logging
import secrets
import socket
import time
import traceback
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from host_adapters.farm.chunk_file import ChunkWriter, wrapper_of
from host_adapters.farm.opened import OpenJob
from host_adapters.media.reader import Damage, Picture
from host_adapters.media.render import Progress, process_stretch
from vdiff_plugin.atomic import whole_file
from vdiff_plugin.errors import PluginError, VdiffError
from vdiff_plugin.farm.beacon import light
from vdiff_plugin.farm.folder import record_name
from vdiff_plugin.farm.origin import require_stamp
from vdiff_plugin.farm.record import Record, content_hash, file_fault
from vdiff_plugin.farm.spans import Span
from vdiff_plugin.frame import Frame

logger = logging.getLogger(__name__)


class PieceError(VdiffError):
    """A piece that could not be rendered; names the frame."""


@dataclass
class _Written:
    """What a finished file holds."""

    frames: list[str] = field(default_factory=list)
    damage: Damage = field(default_factory=Damage)
    size: int = 0
    sha256: str = ""
    extradata: str = ""
    delay: int = 0


def render_piece(
    job: OpenJob, span: Span, progress: Progress | None = None, workers: int = 2
) -> Record:
    """Render the frames of `span`, and record them.

    Args:
        job: opened here.
        span: frames of one chunk.
        progress: called after each frame.
        workers: threads that render.

    Raises:
        PieceError: a frame failed; a note of it stays in the job.
        VdiffError: the source changed, the disk is full and so on.
    """
    done = 0
    with light(job.folder, span) as beacon:

        def step(now: int, total: int) -> None:
            nonlocal done
            done = now
            beacon.at(min(span.first + now, span.last))
            if progress:
                progress(now, total)

        try:
            record = _render(job, span, step, workers)
        except VdiffError as error:
            _note(job, span, span.first + done, error)
            raise
        except Exception as error:
            raise _failed(job, span, span.first + done, error) from error
        job.folder.add(record)
    return record


def standing(job: OpenJob, span: Span) -> Record | None:
    """The record of `span` if its file is what it says; a bad one is forgotten.

    A part of a chunk also counts as done where the whole chunk is.
    """
    chunk = next(each for each in job.manifest.table if span in each)
    for each in dict.fromkeys((span, chunk)):
        record = job.folder.record(each)
        if record is None:
            continue
        fault = file_fault(record, job.folder.chunks)
        if not fault:
            return record
        logger.warning("frames %s: %s; rendering them again", each, fault)
        job.folder.forget(record)
    return None


def _render(job: OpenJob, span: Span, step: Progress, workers: int) -> Record:
    job.session  # noqa: B018  # opened before the clock starts, and before a file is made
    begin = time.monotonic()
    delivery = job.delivery
    suffix = wrapper_of(delivery.codec, alpha=delivery.layout.format.alpha)[1]
    name = f"{Path(record_name(span)).stem}.{secrets.token_hex(4)}{suffix}"
    path = job.folder.chunks / name
    with whole_file(path, overwrite=False, sources=()) as part:
        written = _write(job, span, part, step, workers)
        require_stamp(job.path, job.stamp)
    return Record(
        job=job.manifest.job,
        first=span.first,
        last=span.last,
        count=len(written.frames),
        frames=tuple(written.frames),
        file=name,
        size=written.size,
        sha256=written.sha256,
        extradata=written.extradata,
        delay=written.delay,
        repeated=tuple(n for n in written.damage.repeated if span.first <= n <= span.last),
        concealed=tuple(n for n in written.damage.concealed if span.first <= n <= span.last),
        doubtful=tuple(written.damage.doubtful),
        seconds=round(time.monotonic() - begin, 3),
        host=socket.gethostname(),
    )


def _write(job: OpenJob, span: Span, part: Path, step: Progress, workers: int) -> _Written:
    delivery, reader, written = job.delivery, job.reader(), _Written()
    target = delivery.target(part, part, dither=job.dither)
    converter = delivery.converter(dither=job.dither)
    with closing(ChunkWriter(target, converter)) as writer:

        def write(picture: Picture, frame: Frame) -> None:
            written.frames.append(frame_hash(frame))
            writer.write(frame, *delivery.times(picture.n), picture.carrier)

        process_stretch(reader, job.session, span.first, span.last, write, step, workers)
        writer.finish()
        written.extradata = sha256(writer.extradata).hexdigest()
        written.delay = writer.delay
    written.damage = reader.damage
    written.size, written.sha256 = part.stat().st_size, content_hash(part)
    return written


def frame_hash(frame: Frame) -> str:
    """32 hexadecimal digits of the SHA-256 of a frame's planes, types and shapes."""
    digest = sha256()
    for plane in frame.planes:
        digest.update(f"{plane.dtype.str}{plane.shape}".encode())
        digest.update(np.ascontiguousarray(plane).data)
    return digest.hexdigest()[:32]


def _failed(job: OpenJob, span: Span, frame: int, error: Exception) -> PieceError:
    """What a failure that nobody explained is turned into; its traceback is kept."""
    _note(job, span, frame, error)
    what = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return PieceError(
        f"frame {frame} cannot be rendered ({what}); "
        f"the traceback is in {job.folder.failure_path(span)}"
    )


def _note(job: OpenJob, span: Span, frame: int, error: Exception) -> None:
    kind = "" if isinstance(error, VdiffError) and not isinstance(error, PluginError) else "bug"
    note = {
        "first": span.first,
        "last": span.last,
        "frame": frame,
        "error": f"{type(error).__name__}: {error}" if kind else str(error),
        "traceback": "".join(traceback.format_exception(error)),
        "host": socket.gethostname(),
    }
    job.folder.note_failure(span, note)
