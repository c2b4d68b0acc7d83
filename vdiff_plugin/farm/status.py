"""How far a job is, chunk by chunk, as its folder tells. Files are not opened, only measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from vdiff_plugin.farm.beacon import Beacon, beacons
from vdiff_plugin.farm.cover import cover
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.record import Record
from vdiff_plugin.farm.spans import Span, gaps


@dataclass(frozen=True, kw_only=True)
class ChunkStatus:
    """One line of the table.

    Attributes:
        chunk: its number, from 0.
        first, last: its frames.
        state: done, partly, running, failed, died, damaged or waiting.
        frames: how many of them are rendered.
        seconds: spent on them.
        host: where.
        note: what is to be said of it.
    """

    chunk: int
    first: int
    last: int
    state: str
    frames: int = 0
    seconds: float = 0.0
    host: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """A whole job.

    Attributes:
        job: its identity.
        out: what it will become.
        frames: in all.
        rendered: of them.
        seconds: spent, over all machines.
        chunks: the table.
        refused: files under records' names that do not count, and why.
        partial: unfinished files, of the living and of the dead.
    """

    job: str
    out: str
    frames: int
    rendered: int
    seconds: float
    chunks: tuple[ChunkStatus, ...]
    refused: dict[str, str]
    partial: int

    @property
    def whole(self) -> bool:
        """Whether every frame is rendered."""
        return self.rendered == self.frames

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"whole": self.whole}


def status(folder: JobFolder) -> JobStatus:
    """Look at a job. Raises ManifestError."""
    manifest = folder.manifest
    taken, refused = folder.records()
    present = [each for each in taken if _is_present(folder, each)]
    lost = {each.span for each in taken} - {each.span for each in present}
    pieces = cover(manifest.table, present).pieces
    failures = folder.failures()
    lights = beacons(folder)
    by_chunk: dict[Span, list[Record]] = {chunk: [] for chunk in manifest.table}
    chunks = iter(manifest.table)
    chunk = next(chunks)
    for piece in pieces:
        while piece.first > chunk.last:
            chunk = next(chunks)
        by_chunk[chunk].append(piece)
    rows = tuple(
        _row(number, chunk, own, lost, failures, lights)
        for number, (chunk, own) in enumerate(by_chunk.items())
    )
    return JobStatus(
        job=manifest.job,
        out=manifest.out,
        frames=len(manifest.span),
        rendered=sum(row.frames for row in rows),
        seconds=round(sum(row.seconds for row in rows), 3),
        chunks=rows,
        refused={each.path.name: each.reason for each in refused},
        partial=len(folder.partial()),
    )


def _row(
    number: int,
    chunk: Span,
    pieces: list[Record],
    lost: set[Span],
    failures: dict[Span, dict[str, Any]],
    lights: list[Beacon],
) -> ChunkStatus:
    lacking = list(gaps(chunk, [each.span for each in pieces]))
    state, host, note = _state(chunk, bool(pieces), bool(lacking), lost, failures, lights)
    return ChunkStatus(
        chunk=number,
        first=chunk.first,
        last=chunk.last,
        state=state,
        frames=len(chunk) - sum(map(len, lacking)),
        seconds=round(sum(each.seconds for each in pieces), 3),
        host=host or ",".join(sorted({each.host for each in pieces})),
        note=note,
    )


def _state(
    chunk: Span,
    begun: bool,
    lacking: bool,
    lost: set[Span],
    failures: dict[Span, dict[str, Any]],
    lights: list[Beacon],
) -> tuple[str, str, str]:
    """State, host and note."""
    if not lacking:
        return "done", "", ""
    own = [each for each in lights if each.span in chunk]
    for each in own:
        if each.alive:
            return "running", each.host, f"at frame {each.frame}"
    for span, note in failures.items():
        if span in chunk:
            return "failed", str(note.get("host", "")), f"frame {note['frame']}: {note['error']}"
    if own:
        return "died", own[-1].host, f"at frame {own[-1].frame}"
    if any(span in chunk for span in lost):
        return "damaged", "", "its file is missing or cut short"
    return ("partly" if begun else "waiting"), "", ""


def _is_present(folder: JobFolder, record: Record) -> bool:
    try:
        return (folder.chunks / record.file).stat().st_size == record.size
    except OSError:
        return False
