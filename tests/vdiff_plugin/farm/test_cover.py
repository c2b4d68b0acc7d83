from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.vdiff_plugin.farm.records import record
from vdiff_plugin.farm.cover import cover
from vdiff_plugin.farm.spans import Span, chunk_table

TABLE = chunk_table(Span(0, 29), 10)


def found(*spans: tuple[int, int]) -> tuple[list[str], list[str]]:
    answer = cover(TABLE, [record("job", Span(*each)) for each in spans])
    return [str(each.span) for each in answer.pieces], [str(each) for each in answer.missing]


def test_nothing_and_all() -> None:
    assert found() == ([], ["0-9", "10-19", "20-29"])
    assert found((20, 29), (0, 9), (10, 19)) == (["0-9", "10-19", "20-29"], [])


def test_a_whole_chunk_is_taken_before_its_parts() -> None:
    assert found((0, 4), (5, 9), (0, 9))[0] == ["0-9"]
    assert found((0, 4), (5, 9))[0] == ["0-4", "5-9"]
    assert found((0, 4), (5, 9), (0, 6), (7, 9))[0] == ["0-6", "7-9"]


def test_what_lies_across_chunks_or_outside_is_not_taken() -> None:
    assert found((5, 14), (25, 34))[1] == ["0-9", "10-19", "20-29"]


def test_where_pieces_only_overlap_some_frames_are_due_again() -> None:
    assert found((0, 5), (3, 9), (10, 19), (20, 29))[1] == ["6-9"]
    assert found((0, 5), (8, 9), (10, 19), (20, 29))[1] == ["6-7"]


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 9)), max_size=30))
def test_pieces_follow_each_other_or_something_is_missing(pairs: list[tuple[int, int]]) -> None:
    spans = {Span(first, min(first + more, 29)) for first, more in pairs}
    answer = cover(TABLE, [record("job", each) for each in sorted(spans)])
    parts = sorted([*(each.span for each in answer.pieces), *answer.missing])
    assert (parts[0].first, parts[-1].last) == (0, 29)
    assert all(one.last + 1 == two.first for one, two in pairwise(parts))
    more = [record("job", each) for each in answer.missing]
    assert not cover(TABLE, [*(record("job", each) for each in spans), *more]).missing
