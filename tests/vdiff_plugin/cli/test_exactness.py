from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.vdiff_plugin.chain import SMALL, MeanOptions, MeanStage, noise_clip, offers_of, plugin
from vdiff_plugin.cli.exactness import Stretch, differing, digest
from vdiff_plugin.contracts import Services
from vdiff_plugin.frame import ClipInfo, Frame, Window
from vdiff_plugin.settings import Settings

LENGTH = 12
CLIP = SMALL.with_length(LENGTH)
FRAMES = dict(enumerate(noise_clip(LENGTH)))
WAYS = {
    "sequential",
    "random order",
    "8 threads",
    "tiny cache",
    "no cache",
    "tiles of 128",
    "two halves",
}


class Forgetful(MeanStage):
    """Blends in what it rendered last: the mistake that `vdiff verify` exists to find."""

    last: Frame | None = None

    def render(self, window: Window) -> Frame:
        frame = super().render(window)
        planes = self.last.planes if self.last else frame.planes
        self.last = frame
        return Frame(tuple((a // 2 + b // 2) for a, b in zip(frame.planes, planes, strict=True)))


def open_forgetful(
    clip: ClipInfo, settings: Settings, options: Mapping[str, str], services: Services
) -> Forgetful:
    return Forgetful(clip, MeanOptions.read("stage forgetful", options))


def stretch(stages: str, wanted: range = range(2, 10)) -> Stretch:
    offers = offers_of(plugin(vdiff_stages=lambda: {"forgetful": open_forgetful}))
    return Stretch(CLIP, FRAMES, wanted, Settings.of(stages=stages), offers=offers)


@pytest.mark.parametrize("stages", ["mean", "mean,mean:radius=2:shift=1"])
def test_an_exact_chain_gives_the_same_hashes_every_way(stages: str) -> None:
    found = {name: render() for name, render in stretch(stages).ways()}
    assert set(found) == WAYS
    assert {digest(hashes) for hashes in found.values()} == {digest(found["sequential"])}
    assert set(found["sequential"]) == set(range(2, 10))


def test_a_stage_that_remembers_is_found_out() -> None:
    found = {name: render() for name, render in stretch("forgetful").ways()}
    measure = found["sequential"]
    assert differing(found["random order"], measure)
    assert differing(found["two halves"], measure) == [6]
    assert digest(found["random order"]) != digest(measure)


def test_hashes_are_of_the_pixels_and_not_of_the_recipe() -> None:
    plain = dict(next(stretch("mean:radius=0").ways())[1]())
    twice = dict(next(stretch("mean:radius=0,mean:radius=0").ways())[1]())
    assert plain == twice


def test_a_missing_frame_counts_as_different() -> None:
    assert differing({0: "a"}, {0: "a", 1: "b"}) == [1]
