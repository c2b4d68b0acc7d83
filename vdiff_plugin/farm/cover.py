"""Which finished pieces make up the clip, and which frames are still missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vdiff_plugin.farm.record import Record
from vdiff_plugin.farm.spans import Span, split_at


@dataclass(frozen=True)
class Cover:
    """How far a job is.

    Attributes:
        pieces: in order, without overlap.
        missing: in order; once they are rendered too, the job is whole.
    """

    pieces: tuple[Record, ...]
    missing: tuple[Span, ...]


def cover(table: Sequence[Span], records: Iterable[Record]) -> Cover:
    """Choose pieces for every chunk: its own where there is one, else parts of it.

    The choice depends on which records there are and on nothing else.
    """
    inside: dict[Span, list[Record]] = {chunk: [] for chunk in table}
    whole = Span(table[0].first, table[-1].last)
    for record in records:
        if record.span in whole:
            chunk, *more = split_chunks(record.span, table)
            if not more:
                inside[chunk].append(record)
    pieces: list[Record] = []
    missing: list[Span] = []
    for chunk in table:
        chosen, lacking = _partition(chunk, inside[chunk])
        pieces += chosen
        missing += lacking
    return Cover(tuple(pieces), tuple(missing))


def split_chunks(span: Span, table: Sequence[Span]) -> list[Span]:
    """The chunks of `table` that `span` has frames of."""
    return [_chunk_of(part, table) for part in split_at(span, table)]


def _chunk_of(part: Span, table: Sequence[Span]) -> Span:
    low, high = 0, len(table) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if table[middle].last < part.first else (low, middle)
    return table[low]


def _partition(chunk: Span, records: Iterable[Record]) -> tuple[list[Record], list[Span]]:
    """Pieces that follow each other through `chunk`, the longest first; and what lacks."""
    # From each frame that pieces lead on from to the chunk's end: the longest piece there.
    onward: dict[int, Record] = {}
    longest: dict[int, Record] = {}
    for record in sorted(records, key=lambda each: (-each.first, each.last)):
        longest[record.first] = record
        if record.last == chunk.last or record.last + 1 in onward:
            onward[record.first] = record
    steps = onward if chunk.first in onward else longest
    chosen: list[Record] = []
    missing: list[Span] = []
    frame = chunk.first
    while frame <= chunk.last:
        step = steps.get(frame)
        if step is None:
            after = min((n for n in steps if n > frame), default=chunk.last + 1)
            missing.append(Span(frame, after - 1))
            frame = after
        else:
            chosen.append(step)
            frame = step.last + 1
    return chosen, missing
