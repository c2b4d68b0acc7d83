"""Small lossless RGBA clips, and their frames."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (height, width, 4) R G B A


def pictures(frames: int, size: tuple[int, int], cut: int = 0) -> list[Picture]:
    """Noise on a gradient that moves, with a soft alpha; another scene from frame `cut` on."""
    noise = np.random.default_rng(7)
    return [_picture(n, size, noise, other=bool(cut) and n >= cut) for n in range(frames)]


def write_rgba(path: Path, frames: int, size: tuple[int, int], cut: int = 0) -> Path:
    """A file of `pictures`, 25 a second."""
    return write_pictures(path, pictures(frames, size, cut))


def write_pictures(path: Path, shown: Sequence[Picture]) -> Path:
    """A file of FFV1 in bgra, which keeps every bit."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = shown[0].shape[:2]
        stream.pix_fmt = "bgra"
        stream.time_base = Fraction(1, 25)
        for n, picture in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[..., _BGRA]), "bgra")
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read_rgba(path: Path) -> list[Picture]:
    """All frames of a file as R G B A."""
    with av.open(str(path)) as container:
        decoded = [frame.to_ndarray(format="bgra") for frame in container.decode(video=0)]
    return [np.ascontiguousarray(picture[..., _BGRA]) for picture in decoded]


def same(some: Sequence[Picture], others: Sequence[Picture]) -> bool:
    """As many frames, and all of them equal."""
    return len(some) == len(others) and all(map(np.array_equal, some, others))


_BGRA = [2, 1, 0, 3]


def _picture(n: int, size: tuple[int, int], noise: np.random.Generator, *, other: bool) -> Picture:
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    grey = (5 * x + 2 * y + 3 * n) % 160 + 40 if not other else 230 - (y * 3 + n) % 90
    colour = grey[..., None] + np.array([0, 12, -20]) + noise.normal(0, 12, (height, width, 3))
    alpha = np.broadcast_to(255 - x % 64, (height, width))[..., None]
    return np.clip(np.rint(np.concatenate([colour, alpha], axis=2)), 0, 255).astype(np.uint8)
