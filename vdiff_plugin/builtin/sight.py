"""What a stage sees of frames: of each alone, and which of a window tell it something.

A neighbour that repeats the centre, or a frame nearer to it, says nothing new: its noise
is the same noise. It is left out, so that animation on twos is restored from different
drawings. A picture that is held for longer than a window reaches to one side is restored
from itself alone: its frames see different parts of what surrounds the hold, and it must
stand still.

White noise of RGB is weakest in an even mix of R', G' and B'; noise that was Y'CbCr's own
is weakest in the luma of its matrix. So RGB is seen both ways, and restored in the one whose
luma has clearly less noise over the members.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.cuts import CUT_SCORE, Layout, cut_score, describe
from vdiff_plugin.builtin.levels import Levels, eight_bit, frame_levels
from vdiff_plugin.builtin.marks import Marks, pixel_marks, stirred
from vdiff_plugin.builtin.planes import to_pixels
from vdiff_plugin.contracts import Aligner, Cache, Network, Pixels
from vdiff_plugin.frame import ClipInfo, Frame, Window

# White noise of RGB has 0.77 (BT.709) to 0.86 (BT.601) in the even view of what it has in the
# other. Noise of Y'CbCr comes out alike by this measure, which does not see coarse chroma leak.
_QUIETER = 0.93
# Other rules would give other pixels.
_RULES = b"repeats left out, equal blocks still, quieter view of RGB, levels within borders"


@dataclass(frozen=True)
class Seen:
    """What is known of one frame from that frame alone; this is what the cache keeps.

    Attributes:
        key: of the frame.
        pixels: in the network's form, one a chroma phase, luma shared.
        guide: what the aligner compares.
        features: of the first phase, in all mirrors that the network sees.
        still: marks of the blocks of its pixels.
        marks: of its pixels and features.
        layout: for scene cuts.
        levels: of noise in luma and chroma and of compression, in codes.
        even: the same of the even view of RGB; else `None`.
    """

    key: bytes
    pixels: tuple[Pixels, ...]
    guide: NDArray[np.uint8]
    features: NDArray[np.uint8]
    still: Marks
    marks: Marks
    layout: Layout
    levels: Levels
    even: Seen | None = None


@dataclass(frozen=True)
class Members:
    """The frames of a window that its centre is restored from.

    Attributes:
        centre: frame n.
        neighbours: 2*radius of them in time order, `None` where there is none.
        repeats: whether other windows may well have the same members.
        even: whether they are in the even view of RGB.
    """

    centre: Seen
    neighbours: tuple[Seen | None, ...]
    repeats: bool
    even: bool = False

    @property
    def all(self) -> list[Seen]:
        """The centre and those neighbours that there are."""
        return [self.centre, *(each for each in self.neighbours if each is not None)]

    @property
    def key(self) -> bytes:
        """Equal for equal members: what is restored from them is equal too."""
        return b"".join(each.key for each in self.all)


class Sight:
    """Sees the frames of one clip.

    Args:
        clip: that the frames are of.
        network: that looks.
        aligner: that will align them.
        cache: where what was seen is kept.
        scene_cuts: end windows at them.
        mirrors: how many of a picture the network's features hold side by side.
    """

    def __init__(
        self,
        clip: ClipInfo,
        network: Network,
        aligner: Aligner,
        cache: Cache,
        *,
        scene_cuts: bool,
        mirrors: int = 1,
    ) -> None:
        self._clip = clip
        self._network = network
        self._aligner = aligner
        self._cache = cache
        self._scene_cuts = scene_cuts
        self._mirrors = mirrors
        # Frames alone decide what is seen of them, but clips differ in how to read them.
        reading = f"{clip.format} {clip.matrix} {clip.full_range}".encode()
        self.fingerprint = b"|".join([network.fingerprint, aligner.fingerprint, reading, _RULES])

    def see(self, frame: Frame) -> Seen:
        """Look at one frame, once."""
        return self._cache.get((self.fingerprint, frame.key), lambda: self._compute(frame))

    def members(self, window: Window) -> Members:
        """See the window's frames up to the clip's ends and the nearest cuts."""
        keys = [None if frame is None else frame.key for frame in window.frames]
        given = [key for key in keys if key is not None]
        repeats = len(set(given)) < len(given)
        centre = self.see(window.centre)
        neighbours: list[Seen | None] = [None] * (2 * window.radius)
        if not repeats or not _is_held(keys):
            known = {centre.key}
            for index, seen in self._outwards(window, centre):
                if seen.key not in known:
                    known.add(seen.key)
                    neighbours[index - (index > window.radius)] = seen
        return _in_quieter_view(Members(centre, tuple(neighbours), repeats))

    def _outwards(self, window: Window, centre: Seen) -> Iterator[tuple[int, Seen]]:
        """Place in the window and what is seen of each frame; the nearer ones first."""
        for step in (-1, 1):
            before = centre
            for distance in range(1, window.radius + 1):
                index = window.radius + step * distance
                frame = window.frames[index]
                if frame is None:
                    break
                now = self.see(frame)
                pair = (now, before) if step < 0 else (before, now)
                if self._scene_cuts and self._is_cut(*pair):
                    break
                yield index, now
                before = now

    def _is_cut(self, before: Seen, now: Seen) -> bool:
        """Whether a cut lies between a frame and the next; decided once for all windows."""
        return before.key != now.key and self._cache.get(
            (self.fingerprint, before.key, now.key),
            lambda: cut_score(before.layout, now.layout) >= CUT_SCORE,
        )

    def _compute(self, frame: Frame) -> Seen:
        seen = self._look(frame, even=False)
        if self._clip.format.family != "rgb":
            return seen
        return replace(seen, even=self._look(frame, even=True))

    def _look(self, frame: Frame, *, even: bool) -> Seen:
        pixels = to_pixels(frame, self._clip, self._network.stride, even=even)
        features = self._network.extract(pixels[0])
        marks = pixel_marks(pixels)
        return Seen(
            key=frame.key,
            pixels=pixels,
            guide=self._aligner.prepare(eight_bit(pixels[0])),
            features=features,
            still=marks,
            marks=stirred(marks, features),
            layout=describe(features[..., : features.shape[-1] // self._mirrors]),
            levels=frame_levels(pixels[0]),
        )


def _in_quieter_view(members: Members) -> Members:
    """In the even view if that has clearly less noise of luma, at the median of the members."""
    centre = members.centre.even
    if centre is None:
        return members
    neighbours = tuple(None if each is None else each.even for each in members.neighbours)
    even = Members(centre, neighbours, members.repeats, even=True)
    noise = [np.median([each.levels[0] for each in view.all]) for view in (members, even)]
    return even if noise[1] < _QUIETER * noise[0] else members


def _is_held(keys: list[bytes | None]) -> bool:
    """Whether so many frames about the centre are equal that some see nothing else."""
    radius = len(keys) // 2
    run = 1
    for step in (-1, 1):
        index = radius + step
        while 0 <= index < len(keys) and keys[index] == keys[radius]:
            run += 1
            index += step
    return run > radius > 0
