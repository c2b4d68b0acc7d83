"""Stretches of a clip by frame number, and the table of chunks."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vdiff_plugin.errors import UsageError

_PART = re.compile(r"(\d+)(?:-(\d+))?")


@dataclass(frozen=True, order=True)
class Span:
    """Frames `first` to `last`, both included; never empty."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise UsageError(f"frames {self.first} to {self.last}; give them as FIRST-LAST")

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        """As schedulers write it: `59-117`, or `5` for one frame."""
        return f"{self.first}-{self.last}" if self.last > self.first else str(self.first)

    def __contains__(self, other: Span) -> bool:
        return self.first <= other.first and other.last <= self.last

    def frames(self) -> range:
        """The frame numbers."""
        return range(self.first, self.last + 1)


def chunk_table(span: Span, at_most: int) -> tuple[Span, ...]:
    """Cut `span` into as few chunks of `at_most` frames as do, of nearly equal length.

    294 frames at most 60 at a time are 59, 59, 59, 59 and 58, as Open Job Description
    groups tasks; so its schedulers cut where we cut.
    """
    count = -(-len(span) // at_most)
    borders = [span.first - (-len(span) * k // count) for k in range(count + 1)]
    return tuple(Span(first, after - 1) for first, after in pairwise(borders))


def parse_spans(text: str) -> list[Span]:
    """`"59-117"`, `"5"` or a list, `"0-9,12,20-29"`.

    Raises:
        UsageError: anything else.
    """
    spans = []
    for part in text.split(","):
        found = _PART.fullmatch(part.strip())
        if not found:
            raise UsageError(f"range {text!r}; give frames such as 59-117, 5 or 0-9,12,20-29")
        spans.append(Span(int(found[1]), int(found[2] or found[1])))
    return spans


def split_at(span: Span, table: Sequence[Span]) -> list[Span]:
    """The parts of `span` that lie in the chunks of `table`, in order.

    Raises:
        UsageError: frames that no chunk has.
    """
    if span not in Span(table[0].first, table[-1].last):
        raise UsageError(
            f"frames {span} are not all of the job's; it has {table[0].first}-{table[-1].last}"
        )
    firsts = [chunk.first for chunk in table]
    begin, end = (bisect_right(firsts, n) for n in (span.first, span.last))
    return [
        Span(max(span.first, chunk.first), min(span.last, chunk.last))
        for chunk in table[begin - 1 : end]
    ]


def gaps(span: Span, taken: Iterable[Span]) -> Iterator[Span]:
    """The stretches of `span` that lie in none of `taken`."""
    cursor = span.first
    for each in sorted(taken):
        if each.first > cursor:
            yield Span(cursor, min(each.first - 1, span.last))
        cursor = max(cursor, each.last + 1)
        if cursor > span.last:
            return
    yield Span(cursor, span.last)
