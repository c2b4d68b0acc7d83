"""Two versions of a generated clip beside each other: as numbers, a picture and a clip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from vdiff_plugin.cli.scene import Picture, to_rgb
from vdiff_plugin.frame import Frame

_CAPTION = 28  # pixels above each picture


def mean_psnr(frames: Iterable[Frame], clean: Iterable[Frame]) -> float:
    """Luma PSNR in dB, mean over 8-bit frames; equal frames count as 100 dB."""
    return float(np.mean([_psnr(*pair) for pair in zip(frames, clean, strict=True)]))


def beside(left: Frame, right: Frame) -> Frame:
    """One frame, twice as wide."""
    pairs = zip(left.planes, right.planes, strict=True)
    return Frame(tuple(np.asarray(np.hstack(pair), pair[0].dtype) for pair in pairs))


def png(frames: Sequence[tuple[str, Frame]]) -> bytes:
    """Captioned pictures beside each other, as a PNG file."""
    row = np.hstack([_captioned(text, frame) for text, frame in frames])
    _, encoded = cv2.imencode(".png", cv2.cvtColor(row, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()


def _psnr(frame: Frame, clean: Frame) -> float:
    error = frame.planes[0].astype(np.float64) - clean.planes[0]
    return float(10 * np.log10(255**2 / max(np.mean(error**2), 255**2 * 1e-10)))


def _captioned(text: str, frame: Frame) -> Picture:
    picture = cv2.copyMakeBorder(to_rgb(frame), _CAPTION, 0, 0, 0, cv2.BORDER_CONSTANT)
    font, white = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255)
    cv2.putText(picture, text, (8, _CAPTION - 9), font, 0.55, white, 1, cv2.LINE_AA)
    return np.asarray(picture)
