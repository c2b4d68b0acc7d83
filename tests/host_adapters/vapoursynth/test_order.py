"""Any order, any threads, any neighbours in the chain: the same pixels, and no work twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

vs = pytest.importorskip("vapoursynth")

from host_adapters.vapoursynth import vdiff
from tests.host_adapters.vapoursynth.clips import (
    clip_of,
    core,
    hashes,
    hashes_of,
    info_of,
    noisy,
    restored,
)
from tests.vdiff_plugin.counting import count_extractions
from vdiff_plugin.frame import Frame

pytestmark = pytest.mark.vapoursynth

LENGTH = 21
FRAMES = noisy(info_of(length=LENGTH))


@pytest.fixture(scope="module")
def expected(weights: Path) -> list[str]:
    return hashes_of(restored(info_of(length=LENGTH), FRAMES, weights=weights))


@pytest.fixture
def out(weights: Path) -> vs.VideoNode:
    return vdiff(clip_of(FRAMES), weights=weights)


@pytest.fixture
def threads() -> Iterator[None]:
    before = core.num_threads
    yield
    core.num_threads = before


def test_in_order(out: vs.VideoNode, expected: list[str]) -> None:
    assert hashes(out.frames()) == expected


def test_backwards(out: vs.VideoNode, expected: list[str]) -> None:
    assert [hashes([out.get_frame(n)])[0] for n in reversed(range(LENGTH))] == expected[::-1]


def test_200_random_seeks_lose_nothing(out: vs.VideoNode, expected: list[str]) -> None:
    asked = random.Random(4).choices(range(LENGTH), k=200)
    assert [hashes([out.get_frame(n)])[0] for n in asked] == [expected[n] for n in asked]


def test_eight_requests_at_once(out: vs.VideoNode, expected: list[str]) -> None:
    order = random.Random(5).sample(range(LENGTH), LENGTH)
    for first in range(0, LENGTH, 8):
        asked = order[first : first + 8]
        futures = [out.get_frame_async(n) for n in asked]
        got = hashes(future.result() for future in futures)
        assert got == [expected[n] for n in asked]


@pytest.mark.parametrize("count", [1, 2, 5, 16])
def test_any_number_of_threads(
    count: int, weights: Path, expected: list[str], threads: None
) -> None:
    core.num_threads = count
    out = vdiff(clip_of(FRAMES), weights=weights)
    assert hashes(out.frames(prefetch=8)) == expected


def test_a_cache_too_small_costs_time_only(weights: Path, expected: list[str]) -> None:
    out = vdiff(clip_of(FRAMES), weights=weights, cache=0)
    assert hashes(out.frames()) == expected


def test_what_comes_after_it(out: vs.VideoNode, expected: list[str]) -> None:
    assert hashes(out[5:9].frames()) == expected[5:9]
    assert hashes(out.std.Reverse().frames()) == expected[::-1]
    assert hashes(out.std.SelectEvery(3, [2, 0]).frames()) == [
        expected[n + k] for n in range(0, LENGTH, 3) for k in (2, 0)
    ]
    twice = core.std.Interleave([out, out])
    assert hashes(twice.frames()) == [each for each in expected for _ in range(2)]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("trimmed", lambda clip: clip[4:12]),
        ("reversed", lambda clip: clip.std.Reverse()),
        ("every third", lambda clip: clip.std.SelectEvery(3, [2, 0])),
        ("interleaved", lambda clip: core.std.Interleave([clip, clip.std.Reverse()])),
        ("looped", lambda clip: clip[:3] * 3),
        ("one frame", lambda clip: clip[3]),
        ("two frames", lambda clip: clip[:2]),
    ],
)
def test_what_comes_before_it(name: str, change: object, weights: Path) -> None:
    assert callable(change)
    numbered = [Frame(frame.planes) for frame in FRAMES]
    source = change(clip_of(numbered))
    order = [f.props["at"] for f in change(_numbers()).frames()]
    frames = [FRAMES[n] for n in order]
    expected = restored(info_of(length=len(frames)), frames, weights=weights)
    assert hashes(vdiff(source, weights=weights).frames()) == hashes_of(expected)


def test_several_filters_in_one_script(weights: Path, expected: list[str]) -> None:
    source = clip_of(FRAMES)
    first, second = vdiff(source, weights=weights), vdiff(source, weights=weights, strength=0.5)
    half = hashes_of(
        restored(info_of(length=LENGTH), FRAMES, weights=weights, strength=0.5),
    )
    both = hashes(core.std.Interleave([first, second]).frames(prefetch=8))
    assert both[0::2] == expected
    assert both[1::2] == half


def test_one_filter_after_another(weights: Path) -> None:
    info = info_of(length=9)
    frames = FRAMES[:9]
    once = restored(info, frames, weights=weights)
    twice = restored(info, once, weights=weights)
    out = vdiff(vdiff(clip_of(frames), weights=weights), weights=weights)
    assert hashes(out.frames()) == hashes_of(twice)


def test_features_are_extracted_once_a_frame(
    weights: Path, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = count_extractions(monkeypatch)
    asked: Counter[int] = Counter()
    fresh = noisy(info_of(length=60), seed=8)
    source = _counted(clip_of(fresh), asked)
    out = vdiff(source, weights=weights)
    asked.clear()
    assert sum(1 for _ in out.frames()) == 60
    assert len(seen) == 60
    assert max(seen.values()) == 1
    assert asked == Counter(range(60))


def test_a_second_filter_finds_the_features_of_the_first(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = clip_of(noisy(info_of(length=12), seed=9))
    seen = count_extractions(monkeypatch)
    for strength in (1.0, 0.5):
        for _ in vdiff(source, weights=weights, strength=strength).frames():
            pass
    assert len(seen) == 12
    assert max(seen.values()) == 1


def _numbers() -> vs.VideoNode:
    blank = core.std.BlankClip(width=16, height=16, format=vs.GRAY8, length=LENGTH)

    def number(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        numbered = f.copy()
        numbered.props["at"] = n
        return numbered

    return blank.std.ModifyFrame(blank, number)


def _counted(clip: vs.VideoNode, asked: Counter[int]) -> vs.VideoNode:
    def count(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        asked[n] += 1
        return f

    return clip.std.ModifyFrame(clip, count)
