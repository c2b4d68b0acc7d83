"""Flicker: how much a picture changes in time where the scene itself only moves.

The warping error of W.-S. Lai et al., "Learning blind video temporal consistency", ECCV
2018: each frame against the one before, brought along its motion, where motion measured
forwards and backwards agree. Motion is that of the reference, so that all versions of a
clip are judged by the same one.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Aligner, Flow
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.measure.luma import luma_bytes, luma_codes

_AGREE, _SLACK = 0.01, 0.5  # of Sundaram et al., ECCV 2010: how well two flows must agree
_LEAST = 0.05  # share of the picture that must be followed; less is a cut, and no number


class Way(NamedTuple):
    """Where each pixel of a frame was in the frame before.

    Attributes:
        x: column there, (H, W) float32.
        y: row there.
        known: True where that can be relied on.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    known: NDArray[np.bool_]


class ReferenceMotion:
    """The motion of a clip, computed once a pair of frames however many ask. Any thread may.

    Args:
        clip: the reference.
        aligner: finds motion.
    """

    def __init__(self, clip: ClipInfo, aligner: Aligner) -> None:
        self._clip = clip
        self._aligner = aligner
        self._lock = threading.Lock()
        self._last: tuple[Frame, Frame, Way] | None = None

    def way(self, frame: Frame, before: Frame) -> Way:
        """From `frame` back to the frame `before`."""
        with self._lock:
            last = self._last
            if last is None or last[0] is not frame or last[1] is not before:
                last = self._last = (frame, before, self._find(frame, before))
            return last[2]

    def _find(self, frame: Frame, before: Frame) -> Way:
        now, then = (self._aligner.prepare(luma_bytes(one, self._clip)) for one in (frame, before))
        flow = self._aligner.flow(now, then)
        known = _agree(flow, self._aligner.flow(then, now))
        size = (self._clip.width, self._clip.height)
        scale = np.array([size[0] / flow.shape[1], size[1] / flow.shape[0]], np.float32)
        full = cv2.resize(flow, size, interpolation=cv2.INTER_LINEAR) * scale
        wide = cv2.resize(known.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
        x, y = x + full[..., 0], y + full[..., 1]
        inside = (x >= 0) & (x <= size[0] - 1) & (y >= 0) & (y <= size[1] - 1)
        return Way(x, y, wide.astype(bool) & inside)


class Flicker:
    """`flicker`: root mean square of that error on luma, in 8-bit codes; lower is steadier.

    The first frame has no number, nor has one after a cut.
    """

    def __init__(self, clip: ClipInfo, motion: ReferenceMotion) -> None:
        """Look at versions of the clip that `motion` is of."""
        self._clip = clip
        self._motion = motion
        self._before: tuple[Frame, NDArray[np.float32]] | None = None
        self._found: list[float] = []

    def add(self, reference: Frame, distorted: Frame) -> None:
        """See `Measure.add`."""
        luma = luma_codes(distorted, self._clip)
        value = math.nan
        if self._before is not None:
            was, then = self._before
            value = warping_error(luma, then, self._motion.way(reference, was))
        self._before = (reference, luma)
        self._found.append(value)

    def finish(self) -> Mapping[str, Sequence[float]]:
        """See `Measure.finish`."""
        return {"flicker": self._found}

    def close(self) -> None:
        """Let go of the frame before."""
        self._before = None


def warping_error(now: NDArray[np.float32], then: NDArray[np.float32], way: Way) -> float:
    """Root mean square of `now` - `then` brought along, where the way is known; else NaN."""
    if way.known.mean() < _LEAST:
        return math.nan
    moved = cv2.remap(then, way.x, way.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    error: NDArray[Any] = (now - moved)[way.known]
    return float(np.sqrt(np.mean(np.square(error), dtype=np.float64)))


def _agree(flow: Flow, back: Flow) -> NDArray[np.bool_]:
    """Where going along `flow` and back again leads to where one was."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    returned = cv2.remap(
        back, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    gap = np.square(flow + returned).sum(axis=2)
    length = np.square(flow).sum(axis=2) + np.square(returned).sum(axis=2)
    return np.asarray(gap < _AGREE * length + _SLACK)
