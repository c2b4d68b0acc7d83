"""Clean footage for training: videos as they are, stills set in motion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.errors import MediaError

VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4v", ".ts"})
STILL_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})
SMALLEST = 192  # pixels; smaller pictures have no room for flow and a patch
SHORTEST = 7  # frames; a window of five needs two more to have several centres
LOOKED_AT = 160  # frames of a video that training draws from
_STILL_SIDE = 320  # pixels of a moving view into a still


@dataclass(frozen=True)
class Sequence420:
    """Consecutive frames, 8-bit 4:2:0.

    Attributes:
        luma: (frames, H, W) uint8, H and W multiples of 16.
        chroma: (frames, H/2, W/2, 2) uint8.
    """

    luma: NDArray[np.uint8]
    chroma: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.luma)

    def cut(self, start: int, count: int) -> Sequence420:
        """Frames start .. start+count-1."""
        part = slice(start, start + count)
        return Sequence420(self.luma[part], self.chroma[part])


def find_media(roots: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """(videos, stills) below `roots`, sorted, so that a seed means the same everywhere.

    Raises:
        MediaError: no usable file.
    """
    files = sorted(path for root in roots for path in _walk(root))
    videos = [path for path in files if path.suffix.lower() in VIDEO_SUFFIXES]
    stills = [path for path in files if path.suffix.lower() in STILL_SUFFIXES]
    if not videos and not stills:
        listed = ", ".join(str(root) for root in roots)
        raise MediaError(f"no videos or stills in {listed}; give folders that hold some")
    return videos, stills


def _walk(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    else:
        yield from (path for path in root.rglob("*") if path.is_file())


def read_video(path: Path, limit: int = LOOKED_AT) -> Sequence420:
    """The first `limit` frames of a video, as far as they can be decoded at one size.

    Raises:
        MediaError: nothing usable in it; says why.
    """
    frames: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
    reason = "too short"
    try:
        with av.open(str(path)) as container:
            for frame in islice(container.decode(video=0), limit):
                planes = _planes(frame.reformat(format="yuv420p"))
                if frames and planes[0].shape != frames[0][0].shape:
                    break
                frames.append(planes)
    except (av.FFmpegError, OSError, IndexError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        reason = f"unreadable ({' '.join(str(why).split())})"
    if len(frames) < SHORTEST:
        raise MediaError(f"{path}: {reason}, {len(frames)} frames; {SHORTEST} are needed")
    luma = np.stack([frame[0] for frame in frames])
    chroma = np.stack([frame[1] for frame in frames])
    _require_size(path, luma)
    return _trimmed(luma, chroma)


def read_still(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) BGR.

    Raises:
        MediaError: nothing usable in it; says why.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise MediaError(f"{path}: unreadable; give JPEG, PNG, WebP or TIFF")
    _require_size(path, image[None])
    return np.asarray(image, np.uint8)


def _require_size(path: Path, pictures: NDArray[Any]) -> None:
    height, width = pictures.shape[1:3]
    if min(height, width) < SMALLEST:
        raise MediaError(f"{path}: {width}x{height}; {SMALLEST} pixels a side are needed")


def moving_still(image: NDArray[np.uint8], count: int, rng: np.random.Generator) -> Sequence420:
    """A view that pans, zooms and turns over a still, with a layer moving on its own.

    Args:
        image: (H, W, 3) BGR.
        count: frames.
        rng: decides the motion.
    """
    side = min(_STILL_SIDE, min(image.shape[:2]) // 16 * 16)
    paths = [_camera(image.shape, count, rng) for _ in range(2)]
    layered = rng.random() < 0.5
    mask = _blob(side, rng)
    flicker = 1 + (rng.random() < 0.2) * 0.04 * rng.standard_normal(count)
    luma, chroma = [], []
    for n in range(count):
        view = _view(image, paths[0][n], side)
        if layered:
            drift = np.array([[1, 0, 3 * n * (rng.random() - 0.4)], [0, 1, 2.0 * n]], np.float32)
            shifted = cv2.warpAffine(mask, drift, (side, side))[..., None]
            view = view * (1 - shifted) + _view(image, paths[1][n], side) * shifted
        bgr = np.clip(view * flicker[n], 0, 255).astype(np.uint8)
        y, c = _to_420(bgr)
        luma.append(y)
        chroma.append(c)
    return Sequence420(np.stack(luma), np.stack(chroma))


def _camera(shape: tuple[int, ...], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(count, 4): centre x and y, zoom, angle, along a smooth path."""
    speed = rng.choice([0.3, 1.5, 5.0])
    velocity = rng.normal(0, speed, 2)
    shake = rng.normal(0, 0.3 * speed, (count, 2))
    steps = velocity * np.arange(count)[:, None] + shake
    centre = np.array([shape[1], shape[0]]) * rng.uniform(0.25, 0.75, 2)
    zoom = rng.uniform(0.5, 1.1) * np.exp(rng.normal(0, 0.004) * np.arange(count))
    angle = rng.normal(0, 4) + rng.normal(0, 0.4) * np.arange(count)
    return np.column_stack([centre + steps, zoom, angle])


def _view(image: NDArray[np.uint8], pose: NDArray[np.float64], side: int) -> NDArray[np.float32]:
    x, y, zoom, angle = (float(value) for value in pose)
    matrix = cv2.getRotationMatrix2D((x, y), angle, zoom)
    matrix[:, 2] += side / 2 - np.array([x, y])
    flags = cv2.INTER_AREA if zoom < 0.6 else cv2.INTER_CUBIC
    view = cv2.warpAffine(
        image, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(view, np.float32)


def _blob(side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    mask = np.zeros((side, side), np.float32)
    centre = tuple(int(value) for value in rng.integers(side // 4, 3 * side // 4, 2))
    axes = tuple(int(value) for value in rng.integers(side // 12, side // 4, 2))
    cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, -1, cv2.LINE_AA)
    return mask


def _to_420(bgr: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    side = bgr.shape[0]
    packed = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420)
    chroma = packed[side:].reshape(2, side // 2, side // 2)
    return packed[:side], np.ascontiguousarray(chroma.transpose(1, 2, 0))


def _planes(frame: av.VideoFrame) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    y, u, v = (
        np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width]
        for plane in frame.planes
    )
    return y.copy(), np.stack([u, v], axis=-1)


def _trimmed(luma: NDArray[np.uint8], chroma: NDArray[np.uint8]) -> Sequence420:
    height, width = (size // 16 * 16 for size in luma.shape[1:])
    return Sequence420(luma[:, :height, :width], chroma[:, : height // 2, : width // 2])
