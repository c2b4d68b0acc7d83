"""OpenCV's non-local means over several frames."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.clips import Clip
from tests.benchmarks.peers.method import Setting


def non_local_means(clip: Clip, setting: Setting, threads: int) -> Clip:
    """`fastNlMeansDenoisingColoredMulti` for RGB, its grey brother on each plane of 4:2:0.

    Variant: frames of the window.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        return _coloured(clip, setting) if clip.format == "rgb" else _by_plane(clip, setting)
    finally:
        cv2.setNumThreads(before)


def _by_plane(clip: Clip, setting: Setting) -> Clip:
    strengths = (setting.luma, setting.chroma, setting.chroma)
    window = int(setting.variant)
    out = []
    for plane, strength in zip(clip.planes, strengths, strict=True):
        done = [
            cv2.fastNlMeansDenoisingMulti(pictures, window // 2, window, h=strength)
            for pictures in _windows(plane, window)
        ]
        out.append(np.stack(done))
    return clip.holding(out)


def _coloured(clip: Clip, setting: Setting) -> Clip:
    window = int(setting.variant)
    bgr = np.ascontiguousarray(np.stack(clip.planes[::-1], axis=-1))
    done = [
        cv2.fastNlMeansDenoisingColoredMulti(
            pictures, window // 2, window, h=setting.luma, hColor=setting.chroma
        )
        for pictures in _windows(bgr, window)
    ]
    stacked = np.stack(done)
    return clip.holding([np.ascontiguousarray(stacked[..., i]) for i in (2, 1, 0)])


def _windows(plane: NDArray[np.uint8], window: int) -> list[list[NDArray[np.uint8]]]:
    """Frames around each frame; at the ends they are mirrored, for OpenCV takes no fewer."""
    last, radius = len(plane) - 1, window // 2
    return [
        [plane[last - abs(last - abs(m))] for m in range(n - radius, n + radius + 1)]
        for n in range(len(plane))
    ]
