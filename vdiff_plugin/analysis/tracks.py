"""Regions followed from frame to frame: the same thing keeps the same number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vdiff_plugin.analysis.regions import Region

_LOST = 8  # frames that a thing may rest or hide and still be the same
_LIKE = 0.1  # least overlap of a region and where its track was expected
_EASE = 0.5  # share of a new step in the speed


@dataclass
class Track:
    """One thing that moves.

    Attributes:
        number: from 1, never used again.
        region: where it was seen last.
        speed: x and y in pixels a frame, smoothed.
        missed: frames since it was seen.
    """

    number: int
    region: Region
    speed: tuple[float, float] = (0.0, 0.0)
    missed: int = 0

    def expected(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom in the next frame, if it goes on as it did."""
        ahead = self.missed + 1
        x = self.region.x + self.speed[0] * ahead
        y = self.region.y + self.speed[1] * ahead
        return x, y, x + self.region.width, y + self.region.height

    def follow(self, region: Region) -> None:
        """Take `region` for where it is now."""
        (was_x, was_y), (x, y) = self.region.centre, region.centre
        steps = self.missed + 1
        self.speed = (
            self.speed[0] + _EASE * ((x - was_x) / steps - self.speed[0]),
            self.speed[1] + _EASE * ((y - was_y) / steps - self.speed[1]),
        )
        self.region, self.missed = region, 0


class Tracker:
    """Gives each region of a frame the number of its track."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._given = 0

    def push(self, regions: Sequence[Region]) -> tuple[int, ...]:
        """One number a region, in their order; pairs that overlap most find each other first."""
        numbers = [0] * len(regions)
        free = {id(track): track for track in self._tracks}
        for _, index, track in self._pairs(regions):
            if not numbers[index] and id(track) in free:
                track.follow(regions[index])
                numbers[index] = free.pop(id(track)).number
        for track in free.values():
            track.missed += 1
        self._tracks = [track for track in self._tracks if track.missed <= _LOST]
        return tuple(
            number or self._begin(region) for number, region in zip(numbers, regions, strict=True)
        )

    def cut(self) -> None:
        """Another scene: nothing in it is what it was."""
        self._tracks.clear()

    def _pairs(self, regions: Sequence[Region]) -> list[tuple[float, int, Track]]:
        pairs = [
            (overlap(track.expected(), region), index, track)
            for track in self._tracks
            for index, region in enumerate(regions)
        ]
        close = [pair for pair in pairs if pair[0] >= _LIKE]
        return sorted(close, key=lambda pair: (-pair[0], pair[1], pair[2].number))

    def _begin(self, region: Region) -> int:
        self._given += 1
        self._tracks.append(Track(self._given, region))
        return self._given


def overlap(box: tuple[float, float, float, float], region: Region) -> float:
    """Shared area of `box` (left, top, right, bottom) and `region` over that of the smaller."""
    wide = min(box[2], region.x + region.width) - max(box[0], region.x)
    tall = min(box[3], region.y + region.height) - max(box[1], region.y)
    if wide <= 0 or tall <= 0:
        return 0.0
    smaller = min((box[2] - box[0]) * (box[3] - box[1]), region.width * region.height)
    return wide * tall / smaller
