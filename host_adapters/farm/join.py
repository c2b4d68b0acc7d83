"""Joining finished pieces: the output that one uninterrupted run would have written.

Header, colours, sound, subtitles, chapters and metadata are written by the same code as
for `vdiff enhance`; only the frames come from the pieces, without being encoded again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import av

from host_adapters.farm.chunk_file import decoding_times, read_packets
from host_adapters.farm.opened import OpenJob
from host_adapters.media.job import Summary
from host_adapters.media.reader import Damage
from host_adapters.media.render import Progress
from host_adapters.media.writer import VideoWriter
from vdiff_plugin.atomic import require_writable, whole_file
from vdiff_plugin.errors import MediaError, VdiffError
from vdiff_plugin.farm.cover import Cover, cover
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.origin import require_stamp
from vdiff_plugin.farm.record import Record, file_fault
from vdiff_plugin.farm.spans import Span

logger = logging.getLogger(__name__)

_POLL = 0.25  # seconds between two looks at files that another machine has written
_NAMED = 8  # faults told one by one


class IncompleteError(VdiffError):
    """Pieces are missing or are not what was recorded.

    Attributes:
        bad: records whose files are not what they say.
    """

    def __init__(self, text: str, bad: tuple[Record, ...] = ()) -> None:
        super().__init__(text)
        self.bad = bad


@dataclass(frozen=True)
class Checked:
    """Pieces whose files have been compared with their records."""

    pieces: tuple[Record, ...]


def check(folder: JobFolder, wait: float = 0.0) -> Checked:
    """Find the pieces of a job and compare every file with its record.

    Args:
        folder: the job.
        wait: seconds in which files may still appear: a network file system shows
            what another machine has written only after a while.

    Raises:
        IncompleteError: something is missing or wrong.
    """
    found = cover(folder.manifest.table, folder.records()[0])
    deadline = time.monotonic() + wait
    while not _is_visible(folder, found) and time.monotonic() < deadline:
        time.sleep(_POLL)
        found = cover(folder.manifest.table, [*folder.records()[0], *_named(folder, found.missing)])
    if found.missing:
        raise IncompleteError(_lacking(folder, found))
    faults = {record: file_fault(record, folder.chunks) for record in found.pieces}
    bad = tuple(record for record, fault in faults.items() if fault)
    if bad:
        said = "; ".join(f"frames {each.span}: {faults[each]}" for each in bad[:_NAMED])
        more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
        raise IncompleteError(
            f"{said}{more}; vdiff farm run {folder.path} renders them again", bad=bad
        )
    return Checked(found.pieces)


def require_out(job: OpenJob, out: Path | None, *, overwrite: bool | None) -> None:
    """Raise OutputError, before any work, if `join` could not write its output."""
    may = job.manifest.overwrite if overwrite is None else overwrite
    require_writable(out or Path(job.manifest.out), overwrite=may, sources=(job.path,))


def join(
    job: OpenJob,
    checked: Checked,
    *,
    out: Path | None = None,
    overwrite: bool | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Write the output.

    Args:
        job: opened here; its session is not needed.
        checked: all its pieces.
        out: where to; by default where the plan says.
        overwrite: replace an existing file; by default as the plan says.
        progress: called after each frame.

    Raises:
        MediaError: a piece does not fit.
        OutputError: the output may not or cannot be written.
    """
    out = out or Path(job.manifest.out)
    overwrite = job.manifest.overwrite if overwrite is None else overwrite
    delivery = job.delivery
    with whole_file(out, overwrite=overwrite, sources=(job.path,)) as temporary:
        with closing(delivery.writer(temporary, out, dither=job.dither)) as writer:
            _copy(job, checked, writer, progress)
            writer.finish()
        require_stamp(job.path, job.stamp)
    return Summary(
        path=out,
        frames=writer.frames,
        codec=delivery.codec,
        pix_fmt=delivery.layout.name,
        damage=_damage(checked),
    )


def _copy(job: OpenJob, checked: Checked, writer: VideoWriter, progress: Progress | None) -> None:
    span = job.manifest.span
    times = [job.delivery.times(n) for n in span.frames()]
    delay = max(record.delay for record in checked.pieces)
    decoding = decoding_times([pts for pts, _ in times], delay)
    wanted = sha256(writer.extradata).hexdigest()
    for record in checked.pieces:
        if record.extradata != wanted:
            raise MediaError(
                f"frames {record.span}: were encoded by another encoder than is here; join where "
                "they were rendered"
            )
        for n, packet in _packets(job.folder, record):
            packet.pts, packet.duration = times[n - span.first]
            packet.dts = next(decoding)
            writer.copy(packet)
            if progress:
                progress(writer.frames, len(span))


def _packets(folder: JobFolder, record: Record) -> Iterator[tuple[int, av.Packet[Any]]]:
    """Packets of a piece with the numbers of their frames in the clip."""
    count = 0
    for number, packet in read_packets(folder.chunks / record.file):
        count += 1
        yield record.first + number, packet
    if count != record.count:
        raise MediaError(
            f"{record.file}: has {count} frames, {record.count} were recorded; remove it, and "
            "render it again"
        )


def _is_visible(folder: JobFolder, found: Cover) -> bool:
    return not found.missing and all(_has_arrived(folder, record) for record in found.pieces)


def _has_arrived(folder: JobFolder, record: Record) -> bool:
    try:
        return (folder.chunks / record.file).stat().st_size >= record.size
    except OSError:
        return False


def _named(folder: JobFolder, missing: tuple[Span, ...]) -> list[Record]:
    """Records asked for by name: a folder's listing may be older than its files."""
    asked = [folder.record(span) for span in missing]
    return [record for record in asked if record]


def _lacking(folder: JobFolder, found: Cover) -> str:
    count = sum(map(len, found.missing))
    listed = ",".join(map(str, found.missing[:_NAMED])) + ",..." * (len(found.missing) > _NAMED)
    refused = folder.records()[1]
    why = f" ({refused[0].path.name}: {refused[0].reason})" if refused else ""
    return (
        f"{count} of {len(folder.manifest.span)} frames are not rendered{why}: {listed}; "
        f"vdiff farm run {folder.path} renders them"
    )


def _damage(checked: Checked) -> Damage:
    return Damage(
        repeated=sorted({n for each in checked.pieces for n in each.repeated}),
        concealed=sorted({n for each in checked.pieces for n in each.concealed}),
        doubtful=sorted({stretch for each in checked.pieces for stretch in each.doubtful}),
    )
