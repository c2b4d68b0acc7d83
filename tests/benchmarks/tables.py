"""Markdown tables on stdout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Row = Sequence[str]


def print_table(rows: Iterator[Row]) -> None:
    """Print a Markdown table, a row as soon as it is there; the first row is its head."""
    title = next(rows)
    print(f"| {' | '.join(title)} |\n|{'---|' * len(title)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)
    print()
