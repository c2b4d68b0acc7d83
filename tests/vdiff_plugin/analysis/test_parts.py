"""Idle spans, curves of bounded size, tracks, and the pictures of a map."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vdiff_plugin.analysis.clips import CLIP, framed, still, watched, with_disc
from vdiff_plugin.analysis.envelope import Envelope
from vdiff_plugin.analysis.heat import mask, mask_clip, overlay, overlay_clip
from vdiff_plugin.analysis.idle import IdleFinder, Span
from vdiff_plugin.analysis.regions import Region
from vdiff_plugin.analysis.tracks import Tracker
from vdiff_plugin.analysis.watch import Comparison, watch
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat, Plane


def test_idle_spans_are_long_enough_and_end_with_the_clip() -> None:
    finder = IdleFinder(0.2)
    idle = [True] * 5 + [False] + [True] * 4 + [False] + [True] * 6
    spans = [finder.push(n, n / 25, idle=one) for n, one in enumerate(idle)]
    assert [each for each in spans if each] == [Span(0, 4, 0.0, 0.2)]
    assert finder.finish(17, 17 / 25) == Span(11, 16, 11 / 25, 17 / 25)
    assert finder.finish(17, 17 / 25) is None


def test_an_envelope_is_bounded_and_loses_no_peak() -> None:
    envelope = Envelope(most=16)
    values = [float(n % 7) for n in range(1000)]
    values[777] = 99.0
    for n, value in enumerate(values):
        envelope.push(n / 10, value)
    assert 8 <= len(envelope.bins) <= 16
    assert max(each.highest for each in envelope.bins) == 99
    assert sum(each.total for each in envelope.bins) == sum(values)
    assert [each.start for each in envelope.bins] == pytest.approx([6.4 * n for n in range(16)])


def test_a_thing_that_rests_for_a_while_keeps_its_number() -> None:
    tracker = Tracker()
    boxes = [Region(10 * n, 20, 30, 30, 9.0) for n in range(4)]
    assert [tracker.push([each]) for each in boxes] == [(1,)] * 4
    assert [tracker.push([]) for _ in range(3)] == [()] * 3
    assert tracker.push([Region(66, 20, 30, 30, 9.0)]) == (1,)
    assert tracker.push([Region(140, 90, 30, 30, 9.0)]) == (2,)


def test_a_mask_is_the_map_in_code_values() -> None:
    scenes = [still(), with_disc(still(), 90, 60)]
    moment = watched([framed(each) for each in scenes])[1]
    grey = mask(moment, 1, CLIP, gain=2).require(mask_clip(CLIP)).planes[0]
    difference = np.abs(scenes[1][0].astype(int) - scenes[0][0])
    np.testing.assert_array_equal(grey, np.minimum(2 * difference, 255))


def test_a_mask_of_features_covers_the_picture() -> None:
    scenes = [still(), with_disc(still(), 90, 60)]
    moment = watched([framed(each) for each in scenes], "vdiff")[1]
    grey = mask(moment, 4, CLIP).require(mask_clip(CLIP)).planes[0]
    assert grey[:, 120:].max() == 0
    assert grey[48:72, 78:102].max() > 10
    blocks = grey.reshape(28, 4, 48, 4)
    np.testing.assert_array_equal(blocks.max(axis=(1, 3)), blocks.min(axis=(1, 3)))


@pytest.mark.parametrize(
    "form",
    [
        PixelFormat(family="yuv", log2_w=1, log2_h=1),
        PixelFormat(family="yuv", bits=10),
        PixelFormat(family="rgb", bits=16),
        PixelFormat(family="gray", bits=12, alpha=True),
    ],
)
@pytest.mark.parametrize("size", [(64, 48), (61, 47)])
def test_an_overlay_leaves_what_rests_as_it_is(form: PixelFormat, size: tuple[int, int]) -> None:
    clip = ClipInfo(width=size[0], height=size[1], format=form)
    rest = tuple(_ramps(shape, form) for shape in clip.plane_shapes())
    lit = (rest[0].copy(), *rest[1:])
    lit[0][:12, :12] = form.peak * 9 // 10
    frames = [*[(0.0, Frame(rest))] * 3, (0.1, Frame(lit))]
    with Engine() as engine:
        _, still, _, moment = watch(frames, clip, Comparison.of(engine, "pixel"))
    (box,) = moment.regions
    assert (box.x, box.y) == (0, 0)
    before, after = (
        overlay(one, mask(one, 1, clip), clip).require(overlay_clip(clip)).planes
        for one in (still, moment)
    )
    for was, now in zip(before, after, strict=True):
        np.testing.assert_array_equal(was[:, -16:], now[:, -16:])
    corners = (planes[1][2:5, 2:5].astype(int) for planes in (before, after))
    assert np.abs(np.subtract(*corners)).mean() > 4  # it is coloured, grey clips too
    if form.family != "rgb":
        shown = rest[0].astype(np.float32) / (1 << (form.bits - 8))
        assert np.abs(before[0] - shown).max() <= 0.6


def _ramps(shape: tuple[int, int], form: PixelFormat) -> Plane:
    """A patterned plane, so that a small thing in it is no new picture."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    codes = 40 + (5 * x + 9 * y) % 150
    return (codes * (form.peak / 255)).astype(form.dtype)
