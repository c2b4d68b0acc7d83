"""`lookahead`: how many later frames a frame may depend on, exact as without it."""

from __future__ import annotations

import random

import pytest

from tests.vdiff_plugin.chain import SMALL, engine_with, noise_clip, samples
from vdiff_plugin.settings import Settings
from vdiff_plugin.stream import Stream

CHAIN = "mean:radius=1:shift=3,mean:radius=2"


@pytest.mark.parametrize(("lookahead", "later"), [(None, 3), (0, 0), (1, 1), (9, 3)])
def test_needed_ends_with_the_lookahead(lookahead: int | None, later: int) -> None:
    with engine_with() as engine:
        session = engine.open(SMALL, Settings.of(stages=CHAIN, lookahead=lookahead))
        assert session.needed(10) == range(7, 11 + later)
        assert session.lookahead == later


@pytest.mark.parametrize("lookahead", [0, 1])
def test_any_order_gives_what_a_stream_gives(lookahead: int) -> None:
    frames = noise_clip(9)
    chosen = Settings.of(stages=CHAIN, lookahead=lookahead)
    with engine_with() as engine, engine.open(SMALL, chosen) as session:
        stream = Stream(session)
        counts = [stream.push(frame) for frame in frames]
        assert [len(each) for each in counts] == [0] * lookahead + [1] * (9 - lookahead)
        expected = samples([done for each in counts for done in each] + stream.finish())
        order = list(range(9))
        random.Random(5).shuffle(order)
        found = {
            n: session.render(n, {m: frames[m] for m in session.needed(n, length=9)}, length=9)
            for n in order
        }
    assert samples([found[n] for n in range(9)]) == expected


def test_other_lookaheads_are_other_clips() -> None:
    with engine_with() as engine:
        marks = {
            engine.open(SMALL, Settings.of(stages=CHAIN, lookahead=each)).fingerprint
            for each in (None, 0, 1, 3)
        }
    assert len(marks) == 3  # 3 is all that the chain can use, as without a limit
