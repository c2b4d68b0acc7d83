"""One pass over a clip: each frame with all that is said of it, a few frames later."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.analysis.activity import ActivityFinder, cells_of
from vdiff_plugin.analysis.cuts import CutFinder, Verdict
from vdiff_plugin.analysis.regions import Region, find_regions
from vdiff_plugin.analysis.repeats import Repeat, RepeatFinder
from vdiff_plugin.analysis.score import Score, score_of
from vdiff_plugin.analysis.tracks import Tracker
from vdiff_plugin.builtin.cuts import describe
from vdiff_plugin.contracts import ChangeDetector, FeatureExtractor, Features, Services
from vdiff_plugin.frame import ClipInfo, Frame

_DETECTOR = "absolute"  # the method's own
_PIXEL = "pixel"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What frames are compared by.

    Attributes:
        extractor: says what a frame shows.
        pixels: the same by its samples alone; `extractor` itself where that is asked for.
        detector: compares what two frames show.
    """

    extractor: FeatureExtractor
    pixels: FeatureExtractor
    detector: ChangeDetector

    @classmethod
    def of(cls, services: Services, features: str) -> Comparison:
        """By the extractor `features`, as on the command line. Raises UnknownNameError."""
        pixels = services.extractor(_PIXEL)
        extractor = pixels if features == _PIXEL else services.extractor(features)
        return cls(extractor=extractor, pixels=pixels, detector=services.change_detector(_DETECTOR))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one frame shows, and how that differs from the frame before.

    Attributes:
        time: when it is shown, in seconds.
        frame: the frame itself.
        change: the change map, (h, w): sum over channels of the absolute difference.
        channels: that the map is a sum over.
        cells: change of each cell of the picture by its pixels, as `cells_of` gives it.
        features: score of the map.
        pixels: score of the map of its pixels.
        repeat: whether it repeats the frame before: "", "exact" or "near".
    """

    time: float
    frame: Frame
    change: NDArray[np.float32]
    channels: int
    cells: NDArray[np.float32]
    features: Score
    pixels: Score
    repeat: Repeat


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A frame with all that is said of it.

    Attributes:
        n: frame number, from 0.
        seen: what it shows.
        cut: whether a scene starts with it, and how unlike the frame before it is.
        regions: what moves; nothing at cuts, where everything does.
        tracks: one number a region.
    """

    n: int
    seen: Seen
    cut: Verdict
    regions: tuple[Region, ...]
    tracks: tuple[int, ...]

    @property
    def idle(self) -> bool:
        """Nothing moves and no scene starts."""
        return not (self.regions or self.cut.cut)


def watch(
    frames: Iterable[tuple[float, Frame]], clip: ClipInfo, comparison: Comparison
) -> Iterator[Moment]:
    """One moment a frame, in order; at most a handful of frames is kept.

    Args:
        frames: (time in seconds, frame) in order.
        clip: what they are frames of.
        comparison: what they are compared by.
    """
    watcher = Watcher(clip, comparison)
    for time, frame in frames:
        yield from watcher.push(time, frame)
    yield from watcher.finish()


class Watcher:
    """The same for whoever has frames to give one by one."""

    def __init__(self, clip: ClipInfo, comparison: Comparison) -> None:
        self._clip = clip
        self._comparison = comparison
        self._last: tuple[Features, Features] | None = None  # by features and by pixels
        self._repeats = RepeatFinder()
        self._cuts = CutFinder()
        self._waiting: deque[Seen] = deque()  # for their verdicts
        self._activity = ActivityFinder()
        self._tracker = Tracker()
        self._told = 0

    def push(self, time: float, frame: Frame) -> Iterator[Moment]:
        """Take the next frame; the moments that are now complete."""
        features, pixels = self._extract(frame)
        self._waiting.append(self._see(time, frame, features, pixels))
        self._last = features, pixels
        # Codes of the network or of pixels; other features have scales of their own.
        coded = features if features.dtype == np.uint8 else pixels
        if verdict := self._cuts.push(describe(coded)):
            yield self._moment(verdict)

    def finish(self) -> Iterator[Moment]:
        """The last moments, once the clip has ended."""
        yield from (self._moment(verdict) for verdict in self._cuts.finish())

    def _extract(self, frame: Frame) -> tuple[Features, Features]:
        by = self._comparison
        pixels = by.pixels.extract(frame, self._clip)
        if by.extractor is by.pixels:
            return pixels, pixels
        return by.extractor.extract(frame, self._clip), pixels

    def _see(self, time: float, frame: Frame, features: Features, pixels: Features) -> Seen:
        detect = self._comparison.detector.detect
        before, pixels_before = self._last or (features, pixels)
        change = detect(before, features)
        by_pixels = change if features is pixels else detect(pixels_before, pixels)
        return Seen(
            time=time,
            frame=frame,
            change=change,
            channels=features.shape[2],
            cells=cells_of(by_pixels, pixels.shape[2]),
            features=score_of(change),
            pixels=score_of(by_pixels),
            repeat=self._repeats.push(frame.key, pixels),
        )

    def _moment(self, verdict: Verdict) -> Moment:
        seen, n = self._waiting.popleft(), self._told
        self._told += 1
        if verdict.cut:
            self._tracker.cut()
        regions = self._regions(seen, informative=bool(n) and not (seen.repeat or verdict.cut))
        regions = () if verdict.cut else regions
        tracks = self._tracker.push(regions)
        return Moment(n=n, seen=seen, cut=verdict, regions=regions, tracks=tracks)

    def _regions(self, seen: Seen, *, informative: bool) -> tuple[Region, ...]:
        active = self._activity.look(seen.cells, learn=informative)
        return () if seen.repeat else find_regions(active, self._clip)
