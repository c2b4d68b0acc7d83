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

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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
    """What is known of one frame from that frame alone, in one view; the cache keeps it.

    Attributes:
        key: of the frame.
        pixels: in the network's form, one a chroma phase, luma shared.
        guide: what the aligner compares.
        features: of the first phase, in all mirrors that the network sees.
        still: marks of the blocks of its pixels.
        marks: of its pixels and features.
        levels: of noise in luma and chroma and of compression, in codes.
    """

    key: bytes
    pixels: tuple[Pixels, ...]
    guide: NDArray[np.uint8]
    features: NDArray[np.uint8]
    still: Marks
    marks: Marks
    levels: Levels


@dataclass(frozen=True)
class Glance:
    """What decides who is a member, and in which view of RGB; the cache keeps it too.

    Attributes:
        key: of the frame.
        layout: for scene cuts.
        levels: as in `Seen`.
        even: the same in the even view of RGB; else `None`.
    """

    key: bytes
    layout: Layout
    levels: Levels
    even: Levels | None = None


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
        plain: looks at the picture as it is alone; None: the network does.
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
        plain: Network | None = None,
    ) -> None:
        self._clip = clip
        self._network = network
        self._mirrors = mirrors
        self._plain = plain or network
        self._aligner = aligner
        self._cache = cache
        self._scene_cuts = scene_cuts
        self._rgb = clip.format.family == "rgb"
        # Frames alone decide what is seen of them, but clips differ in how to read them.
        reading = f"{clip.format} {clip.matrix} {clip.full_range}".encode()
        self.fingerprint = b"|".join([network.fingerprint, aligner.fingerprint, reading, _RULES])

    def prepare(self, frame: Frame) -> None:
        """See a frame before its windows come, in the view that it is quieter in by itself."""
        self.see(frame, even=_even_is_quieter([self.glance(frame)]))

    def see(self, frame: Frame, *, even: bool = False) -> Seen:
        """Look at one frame, once a view."""
        return self._cache.get(
            (self.fingerprint, frame.key, even), lambda: self._look(frame, even=even)
        )

    def glance(self, frame: Frame) -> Glance:
        """Look at one frame as far as it takes to choose members."""
        return self._cache.get((self.fingerprint, frame.key, "glance"), lambda: self._glance(frame))

    def members(self, window: Window) -> Members:
        """See the window's frames up to the clip's ends and the nearest cuts."""
        keys = [None if frame is None else frame.key for frame in window.frames]
        given = [key for key in keys if key is not None]
        repeats = len(set(given)) < len(given)
        centre = self.glance(window.centre)
        found = {window.radius: centre}
        if not repeats or not _is_held(keys):
            known = {centre.key}
            for index, glance in self._outwards(window, centre):
                if glance.key not in known:
                    known.add(glance.key)
                    found[index] = glance
        even = _even_is_quieter(found.values())
        seen = [
            self.see(frame, even=even) if frame is not None and index in found else None
            for index, frame in enumerate(window.frames)
        ]
        neighbours = (*seen[: window.radius], *seen[window.radius + 1 :])
        return Members(self.see(window.centre, even=even), neighbours, repeats, even)

    def _outwards(self, window: Window, centre: Glance) -> Iterator[tuple[int, Glance]]:
        """Place in the window and a glance at each frame; the nearer ones first."""
        for step in (-1, 1):
            before = centre
            for distance in range(1, window.radius + 1):
                index = window.radius + step * distance
                frame = window.frames[index]
                if frame is None:
                    break
                now = self.glance(frame)
                pair = (now, before) if step < 0 else (before, now)
                if self._scene_cuts and self._is_cut(*pair):
                    break
                yield index, now
                before = now

    def _is_cut(self, before: Glance, now: Glance) -> bool:
        """Whether a cut lies between a frame and the next; decided once for all windows."""
        return before.key != now.key and self._cache.get(
            (self.fingerprint, before.key, now.key),
            lambda: cut_score(before.layout, now.layout) >= CUT_SCORE,
        )

    def _glance(self, frame: Frame) -> Glance:
        if not self._rgb:
            seen = self.see(frame)
            first = seen.features.shape[-1] // self._mirrors
            return Glance(frame.key, describe(seen.features[..., :first]), seen.levels)
        pixels, even = (self._pixels(frame, even=even)[0] for even in (False, True))
        layout = describe(self._plain.extract(pixels))
        return Glance(frame.key, layout, frame_levels(pixels), frame_levels(even))

    def _look(self, frame: Frame, *, even: bool) -> Seen:
        pixels = self._pixels(frame, even=even)
        features = self._network.extract(pixels[0])
        marks = pixel_marks(pixels)
        return Seen(
            key=frame.key,
            pixels=pixels,
            guide=self._aligner.prepare(eight_bit(pixels[0])),
            features=features,
            still=marks,
            marks=stirred(marks, features),
            levels=self._levels(frame, pixels[0], even=even),
        )

    def _pixels(self, frame: Frame, *, even: bool) -> tuple[Pixels, ...]:
        return to_pixels(frame, self._clip, self._network.stride, even=even)

    def _levels(self, frame: Frame, pixels: Pixels, *, even: bool) -> Levels:
        if not self._rgb:
            return frame_levels(pixels)
        glance = self.glance(frame)
        return glance.even if even and glance.even else glance.levels


def _even_is_quieter(glances: Iterable[Glance]) -> bool:
    """Whether the even view has clearly less noise of luma, at the median of the frames."""
    pairs = [(each.levels[0], each.even[0]) for each in glances if each.even is not None]
    if not pairs:
        return False
    plain, even = np.median(np.asarray(pairs), axis=0)
    return bool(even < _QUIETER * plain)


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
