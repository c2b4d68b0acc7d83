"""Working ahead: what one frame shows is found before its window is whole, and once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.vdiff_plugin.chain import SMALL, engine_with, noise_clip, samples
from tests.vdiff_plugin.counting import count_extractions
from tests.vdiff_plugin.networks import random_weights_file
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import FrameError, UsageError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.settings import Settings

if TYPE_CHECKING:
    from collections import Counter

LENGTH = 6
CLIP = ClipInfo(
    width=40, height=32, length=LENGTH, format=PixelFormat(family="yuv", log2_w=1, log2_h=1)
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path = random_weights_file(tmp_path_factory.mktemp("weights"))
    return Settings.of(weights=path, backend="numpy")


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as opened:
        yield opened


@pytest.fixture
def extractions(monkeypatch: pytest.MonkeyPatch) -> Counter[bytes]:
    """What networks look at from now on."""
    return count_extractions(monkeypatch)


def test_what_was_prepared_is_found_again(
    engine: Engine, settings: Settings, extractions: Counter[bytes]
) -> None:
    frames = noise_clip(LENGTH, CLIP)
    with engine.open(CLIP, settings) as session:
        for frame in frames:
            session.prepare(frame)
        assert extractions.total() == LENGTH
        numbered = {n: Frame(frame.planes) for n, frame in enumerate(frames)}
        prepared = [session.render(n, numbered) for n in numbered]
    assert extractions.total() == LENGTH
    with Engine() as other, other.open(CLIP, settings) as session:
        unprepared = [session.render(n, numbered) for n in numbered]
    assert samples(prepared) == samples(unprepared)
    assert samples(prepared) != samples(frames)


def test_stages_that_cannot_work_ahead_need_not() -> None:
    with engine_with() as engine, engine.open(SMALL, Settings.of(stages="mean")) as session:
        session.prepare(noise_clip(1)[0])
    assert engine.cache.statistics.misses == 0


def test_at_strength_0_there_is_nothing_to_prepare(
    engine: Engine, settings: Settings, extractions: Counter[bytes]
) -> None:
    still = settings.model_copy(update={"strength": 0.0})
    with engine.open(CLIP, still) as session:
        session.prepare(noise_clip(1, CLIP)[0])
    assert not extractions


def test_a_frame_of_another_clip_is_refused(engine: Engine, settings: Settings) -> None:
    with (
        engine.open(CLIP, settings) as session,
        pytest.raises(FrameError, match="do not fit the clip"),
    ):
        session.prepare(noise_clip(1, SMALL)[0])


def test_a_closed_session_prepares_nothing(engine: Engine, settings: Settings) -> None:
    session = engine.open(CLIP, settings)
    session.close()
    with pytest.raises(UsageError, match="the session is closed"):
        session.prepare(noise_clip(1, CLIP)[0])


def test_the_cache_grows_where_more_is_reserved_and_never_shrinks(engine: Engine) -> None:
    engine.reserve(1 << 20)
    engine.reserve(1 << 10)
    assert engine.cache.limit == 1 << 20
