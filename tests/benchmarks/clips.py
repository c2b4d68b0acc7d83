"""Clean clips, and what is done to them before something has to restore them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.training.degrade import encoded
from vdiff_plugin.training.footage import Sequence420, find_media, read_video

FRAMES = 16
_GRAIN = 0.6  # pixels, the blur that makes grain of white noise
SIZE = (272, 480)  # rows and columns of the centre crop, smaller for smaller clips
_YUV420 = PixelFormat(family="yuv", log2_w=1, log2_h=1)
_RGB = PixelFormat(family="rgb")
FORMATS = {"yuv420": _YUV420, "rgb": _RGB}


@dataclass(frozen=True)
class Clip:
    """All frames of a clip in memory, 8 bits a sample.

    Attributes:
        name: of the file it was cut from.
        info: size and format.
        planes: (frames, height, width) uint8 each, in the order of the format.
    """

    name: str
    info: ClipInfo
    planes: tuple[NDArray[np.uint8], ...]

    def __len__(self) -> int:
        return len(self.planes[0])

    @property
    def format(self) -> str:
        """`yuv420` or `rgb`."""
        return "rgb" if self.info.format.family == "rgb" else "yuv420"

    def frames(self) -> list[Frame]:
        """One `Frame` a picture."""
        return [Frame(tuple(planes)) for planes in zip(*self.planes, strict=True)]

    def holding(self, planes: Sequence[NDArray[np.uint8]]) -> Clip:
        """The same clip with other pictures."""
        return replace(self, planes=tuple(planes))

    def to_and_fro(self, count: int) -> Clip:
        """`count` frames, forwards and backwards again, so that nothing jumps."""
        turn = [*range(len(self)), *range(len(self) - 2, 0, -1)]
        order = [turn[n % len(turn)] for n in range(count)]
        return Clip(
            self.name, self.info.with_length(count), tuple(plane[order] for plane in self.planes)
        )


def read_clips(
    folder: Path,
    *,
    form: str = "yuv420",
    frames: int = FRAMES,
    size: tuple[int, int] = SIZE,
    names: Sequence[str] = (),
) -> list[Clip]:
    """The centre of the first frames of every video below `folder`, or of those named."""
    paths = [path for path in find_media([folder])[0] if not names or path.stem in names]
    return [read_clip(path, form=form, frames=frames, size=size) for path in paths]


def read_clip(
    path: Path, *, form: str = "yuv420", frames: int = FRAMES, size: tuple[int, int] = SIZE
) -> Clip:
    """The centre of the first frames of one video."""
    clip = clip_of(path.stem, crop(read_video(path, frames), frames, size))
    return clip if form == "yuv420" else _as_rgb(clip)


def crop(clip: Sequence420, frames: int, size: tuple[int, int] = SIZE) -> Sequence420:
    """The centre of the first `frames` frames."""
    height, width = (min(a, b // 16 * 16) for a, b in zip(size, clip.luma.shape[1:], strict=True))
    y, x = ((b - a) // 32 * 16 for a, b in zip((height, width), clip.luma.shape[1:], strict=True))
    return Sequence420(
        clip.luma[:frames, y : y + height, x : x + width],
        clip.chroma[:frames, y // 2 : (y + height) // 2, x // 2 : (x + width) // 2],
    )


def clip_of(name: str, sequence: Sequence420) -> Clip:
    """A 4:2:0 clip."""
    count, height, width = sequence.luma.shape
    info = ClipInfo(width=width, height=height, format=_YUV420, length=count)
    chroma = (np.ascontiguousarray(sequence.chroma[..., i]) for i in (0, 1))
    return Clip(name, info, (np.ascontiguousarray(sequence.luma), *chroma))


def sequence_of(clip: Clip) -> Sequence420:
    """The pictures of a 4:2:0 clip."""
    return Sequence420(clip.planes[0], np.stack(clip.planes[1:], axis=-1))


def _as_rgb(clip: Clip) -> Clip:
    """Full-range R'G'B', by libswscale."""
    pictures = []
    for frame in clip.frames():
        packed = np.concatenate([plane.reshape(-1) for plane in frame.planes])
        wide = packed.reshape(-1, clip.info.width)
        video = av.VideoFrame.from_ndarray(wide, format="yuv420p")
        pictures.append(video.to_ndarray(format="rgb24"))
    info = replace(clip.info, format=_RGB, full_range=True)
    stacked = np.stack(pictures)
    return Clip(clip.name, info, tuple(np.ascontiguousarray(stacked[..., i]) for i in range(3)))


@dataclass(frozen=True)
class Harm:
    """What happens to a clip.

    Attributes:
        name: as in tables.
        kind: `noise`, `codec` or `none`.
        level: standard deviation of the noise in codes; for codecs, of the noise that
            calls for about the same strength: filters are tuned from there.
        apply: does it, the same way every time.
    """

    name: str
    kind: str
    level: float
    apply: Callable[[Clip], Clip]


def noise(sigma: float) -> Harm:
    """White noise of `sigma` codes on each plane, with a seed of its own."""

    def add(clip: Clip) -> Clip:
        rng = np.random.default_rng(int(sigma))
        if clip.format == "rgb":
            return clip.holding([_noisy(plane, sigma, rng) for plane in clip.planes])
        clean = sequence_of(clip)
        luma = _noisy(clean.luma, sigma, rng)
        return clip_of(clip.name, Sequence420(luma, _noisy(clean.chroma, sigma, rng)))

    return Harm(f"sigma {sigma:g}", "noise", sigma, add)


def film_grain(sigma: float) -> Harm:
    """Grain of about 1.5 pixels, new in every frame, strongest in the mid-tones."""

    def add(clip: Clip) -> Clip:
        rng = np.random.default_rng(int(100 * sigma))
        luma, *chroma = clip.planes
        tones = np.sqrt(np.clip(1 - np.abs(luma / 127.5 - 1), 0.1, 1))
        grainy = [luma + sigma * tones * _grain(luma.shape, rng)]
        grainy += [plane + sigma / 2 * _grain(plane.shape, rng) for plane in chroma]
        return clip.holding([np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in grainy])

    return Harm(f"film grain {sigma:g}", "noise", sigma, add)


def h264(crf: int, level: float) -> Harm:
    """x264 at its preset `medium`."""

    def add(clip: Clip) -> Clip:
        options = {"crf": str(crf), "preset": "medium"}
        return clip_of(clip.name, encoded(sequence_of(clip), "libx264", options))

    return Harm(f"H.264 crf {crf}", "codec", level, add)


def _noisy(plane: NDArray[np.uint8], sigma: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    codes = plane + rng.normal(0, sigma, plane.shape)
    return np.clip(np.rint(codes), 0, 255).astype(np.uint8)


def _grain(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Blurred white noise of deviation 1."""
    white = rng.standard_normal(shape, dtype=np.float32)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), _GRAIN) for frame in white])
    return np.asarray(blurred / blurred.std(), np.float64)


HARMS: dict[str, Harm] = {
    harm.name: harm
    for harm in (
        Harm("clean", "none", 0, lambda clip: clip),
        noise(3),
        noise(10),
        noise(20),
        noise(40),
        h264(32, 4),
        h264(37, 6),
    )
}
