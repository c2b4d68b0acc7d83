"""Scenes of a clip: what lies between its cuts."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise


@dataclass(frozen=True)
class Scene:
    """Frames from one cut to the next.

    Attributes:
        first: its first frame.
        end: the frame after its last one.
        start: when it starts, in seconds after the clip's first frame.
        stop: when it ends.
    """

    first: int
    end: int
    start: Fraction
    stop: Fraction


@dataclass(frozen=True)
class SceneList:
    """A clip's scenes, in order and without gaps.

    Attributes:
        clip: the file's name, without folders.
        rate: frames a second.
        scenes: at least one.
    """

    clip: str
    rate: Fraction
    scenes: tuple[Scene, ...]

    @classmethod
    def between(
        cls,
        clip: str,
        rate: Fraction,
        starts: list[tuple[int, Fraction]],
        end: tuple[int, Fraction],
    ) -> SceneList:
        """Scenes from where they start.

        Args:
            clip: the file's name.
            rate: frames a second.
            starts: (frame, seconds) of each scene, the first one at frame 0.
            end: frames in the clip, and when the last of them has been shown.
        """
        origin = starts[0][1]
        marks = [*starts, end]
        return cls(
            clip,
            rate,
            tuple(
                Scene(first, after, start - origin, stop - origin)
                for (first, start), (after, stop) in pairwise(marks)
            ),
        )

    @property
    def length(self) -> int:
        """Frames in the clip."""
        return self.scenes[-1].end
