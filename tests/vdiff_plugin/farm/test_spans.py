from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openjd.model import StepParameterSpaceIterator, create_job, decode_job_template

from vdiff_plugin.errors import UsageError
from vdiff_plugin.farm.spans import Span, chunk_table, gaps, parse_spans, split_at


@given(st.integers(0, 500), st.integers(1, 400), st.integers(1, 90))
def test_a_table_covers_every_frame_once(first: int, length: int, at_most: int) -> None:
    span = Span(first, first + length - 1)
    table = chunk_table(span, at_most)
    assert [n for chunk in table for n in chunk.frames()] == list(span.frames())
    assert max(map(len, table)) <= at_most
    assert max(map(len, table)) - min(map(len, table)) <= 1
    assert len(table) == -(-length // at_most)


def test_known_tables() -> None:
    assert [len(each) for each in chunk_table(Span(0, 293), 60)] == [59, 59, 59, 59, 58]
    assert chunk_table(Span(0, 71), 10)[-1].last == 71
    assert chunk_table(Span(7, 7), 60) == (Span(7, 7),)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), st.integers(1, 200), st.integers(1, 60))
def test_open_job_description_cuts_where_we_cut(first: int, length: int, at_most: int) -> None:
    span = Span(first, first + length - 1)
    found = [Span(*_ends(text)) for text in _tasks(str(span), at_most)]
    assert tuple(found) == chunk_table(span, at_most)


def _ends(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _tasks(frames: str, at_most: int) -> list[str]:
    chunks = {
        "defaultTaskCount": at_most,
        "targetRuntimeSeconds": 0,
        "rangeConstraint": "CONTIGUOUS",
    }
    frame = {"name": "Frame", "type": "CHUNK[INT]", "range": frames, "chunks": chunks}
    step = {
        "name": "Render",
        "parameterSpace": {"taskParameterDefinitions": [frame]},
        "script": {"actions": {"onRun": {"command": "true"}}},
    }
    template = decode_job_template(
        template={
            "specificationVersion": "jobtemplate-2023-09",
            "extensions": ["TASK_CHUNKING"],
            "name": "trial",
            "steps": [step],
        },
        supported_extensions=["TASK_CHUNKING"],
    )
    job = create_job(job_template=template, job_parameter_values={})
    tasks = StepParameterSpaceIterator(space=job.steps[0].parameterSpace)
    return [each["Frame"].value for each in tasks]


def test_ranges_as_schedulers_write_them() -> None:
    assert parse_spans("59-117") == [Span(59, 117)]
    assert parse_spans("5") == [Span(5, 5)]
    assert parse_spans("0-9, 12,20-29") == [Span(0, 9), Span(12, 12), Span(20, 29)]
    assert [str(each) for each in parse_spans("5,5-5,0-1")] == ["5", "5", "0-1"]


@pytest.mark.parametrize("text", ["", "a", "3-", "-3", "1-9:2", "1..4", "9-3", "1,,2", "1.5"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="give"):
        parse_spans(text)


def test_ranges_are_cut_at_the_borders_of_chunks() -> None:
    table = chunk_table(Span(10, 39), 10)
    assert split_at(Span(15, 32), table) == [Span(15, 19), Span(20, 29), Span(30, 32)]
    assert split_at(Span(20, 29), table) == [Span(20, 29)]
    for beyond in (Span(9, 12), Span(39, 40), Span(100, 110)):
        with pytest.raises(UsageError, match="not all of the job's; it has 10-39"):
            split_at(beyond, table)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9))))
def test_gaps_are_what_is_left(pairs: list[tuple[int, int]]) -> None:
    span, taken = Span(5, 25), [Span(first, first + more) for first, more in pairs]
    left = [n for gap in gaps(span, taken) for n in gap.frames()]
    covered = {n for each in taken for n in each.frames()}
    assert left == [n for n in span.frames() if n not in covered]
