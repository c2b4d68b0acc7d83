"""Frames, clips and windows: the words in which every part talks about video."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import xxhash
from numpy.typing import NDArray

from vdiff_plugin.errors import FrameError

Plane = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]
Family = Literal["yuv", "rgb", "gray"]
Matrix = Literal["bt709", "bt601", "bt2020", "smpte240m", "fcc", "ycgco"]

_PLANE_NAMES: dict[Family, tuple[str, ...]] = {
    "yuv": ("y", "u", "v"),
    "rgb": ("r", "g", "b"),
    "gray": ("y",),
}


@dataclass(frozen=True, kw_only=True)
class PixelFormat:
    """How samples are laid out: colour family, depth and chroma subsampling.

    Planes are always separate 2-D arrays, in the order Y U V, R G B or Y, then alpha.
    """

    family: Family
    bits: int = 8  # 8 to 16 for integers, 32 for float
    log2_w: int = 0  # chroma is 2**log2_w times narrower (yuv only), 0 to 2
    log2_h: int = 0  # chroma is 2**log2_h times lower (yuv only), 0 to 2
    alpha: bool = False

    def __post_init__(self) -> None:
        if not (8 <= self.bits <= 16 or self.bits == 32):
            raise FrameError(f"{self.bits} bits a sample; have 8 to 16 or 32 (float)")
        if self.family != "yuv" and (self.log2_w or self.log2_h):
            raise FrameError(f"{self.family} has no chroma to subsample; use family='yuv'")

    @property
    def is_float(self) -> bool:
        """True for 32-bit float samples, nominally 0..1 (chroma -0.5..0.5)."""
        return self.bits == 32

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16] | np.dtype[np.float32]:
        """The array type of a plane."""
        if self.is_float:
            return np.dtype(np.float32)
        return np.dtype(np.uint8) if self.bits == 8 else np.dtype(np.uint16)

    @property
    def peak(self) -> int:
        """The largest integer code value, 2**bits - 1; 1 for float."""
        return 1 if self.is_float else (1 << self.bits) - 1

    @property
    def plane_names(self) -> tuple[str, ...]:
        """One name a plane: ('y', 'u', 'v', 'a') and so on."""
        return _PLANE_NAMES[self.family] + (("a",) if self.alpha else ())

    @property
    def colour_planes(self) -> int:
        """How many planes carry picture, alpha not counted."""
        return len(_PLANE_NAMES[self.family])

    def plane_shape(self, index: int, width: int, height: int) -> tuple[int, int]:
        """(height, width) of plane `index` in a picture of `width` x `height`."""
        if self.family == "yuv" and index in (1, 2):
            return -(-height >> self.log2_h), -(-width >> self.log2_w)
        return height, width


@dataclass(frozen=True, kw_only=True)
class ClipInfo:
    """What is the same for every frame of a clip."""

    width: int  # pixels, at least 1
    height: int  # pixels, at least 1
    format: PixelFormat
    length: int | None = None  # frames; None while a pipe still runs
    matrix: Matrix = "bt709"  # RGB <-> YUV where a stage needs it
    full_range: bool = False  # True: 0..peak, False: 16..235 and 16..240 scaled
    chroma_location: str = "left"  # where a chroma sample sits (left, center, topleft ...)

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise FrameError(f"a picture of {self.width}x{self.height}; needs at least 1x1")
        if self.length is not None and self.length < 0:
            raise FrameError(f"a clip of {self.length} frames; needs 0 or more")

    def plane_shapes(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of every plane, alpha included."""
        names = self.format.plane_names
        return tuple(self.format.plane_shape(i, self.width, self.height) for i in range(len(names)))

    @property
    def frame_bytes(self) -> int:
        """Bytes of all planes of a frame."""
        samples = sum(height * width for height, width in self.plane_shapes())
        return samples * self.format.dtype.itemsize

    def with_length(self, length: int) -> ClipInfo:
        """The same clip once its end is known."""
        return replace(self, length=length)


@dataclass(frozen=True)
class Frame:
    """One picture: a tuple of 2-D planes that nobody writes to.

    Args:
        planes: arrays (height, width) as `ClipInfo.plane_shapes` says, C-contiguous
            or strided, read-only by convention.
        derived_key: content address of a computed frame; source frames leave it
            empty and are addressed by a hash of their samples.
    """

    planes: tuple[Plane, ...]
    derived_key: bytes = field(default=b"", compare=False)

    @cached_property
    def key(self) -> bytes:
        """16 bytes that stand for the content: equal frames have equal keys."""
        if self.derived_key:
            return self.derived_key
        digest = xxhash.xxh3_128()
        for plane in self.planes:
            digest.update(f"{plane.dtype.str}{plane.shape}".encode())
            digest.update(np.ascontiguousarray(plane).data)
        return digest.digest()

    @property
    def nbytes(self) -> int:
        """Bytes of all planes."""
        return sum(plane.nbytes for plane in self.planes)

    def require(self, clip: ClipInfo) -> Frame:
        """Return self if it fits `clip`.

        Raises:
            FrameError: wrong number, shape or type of planes, or NaN/infinity in float.
        """
        shapes = clip.plane_shapes()
        if tuple(plane.shape for plane in self.planes) != shapes:
            got = [plane.shape for plane in self.planes]
            raise FrameError(f"planes {got} do not fit the clip; it needs {list(shapes)}")
        for plane in self.planes:
            if plane.dtype != clip.format.dtype:
                raise FrameError(f"{plane.dtype} samples; the clip has {clip.format.dtype}")
            if clip.format.is_float and not np.isfinite(plane).all():
                raise FrameError("a frame holds NaN or infinity; clean it before vdiff")
        return self


@dataclass(frozen=True)
class Window:
    """The frames that frame n may depend on: n-radius .. n+radius.

    `frames` has 2*radius+1 entries, `None` where the clip has no such frame. `n` is for
    messages: pixels must not depend on it, or equal windows would not be equal frames.
    """

    n: int
    frames: tuple[Frame | None, ...]

    @property
    def radius(self) -> int:
        """Frames on each side of the centre."""
        return len(self.frames) // 2

    @property
    def centre(self) -> Frame:
        """Frame n itself."""
        frame = self.frames[self.radius]
        if frame is None:
            raise FrameError(f"frame {self.n} is missing from its own window")
        return frame
