"""A generated scene with a known clean picture, for `vdiff demo` and `vdiff bench`.

It holds what restoration finds hard: fine texture under a slow pan, text, straight
edges, objects that cover and uncover the ground, and a flat gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat

Picture = NDArray[np.uint8]  # R'G'B', (height, width, 3): OpenCV draws smoothly on bytes only
Plane = NDArray[np.float32]
Colour = tuple[int, int, int]
_MARGIN = 96  # pixels of ground beyond each border, for the pan
_SHIFT = 4  # OpenCV draws at sixteenths of a pixel
_TEXT = "the quick brown fox jumps over the lazy dog 0123456789"
# R'G'B' codes to limited-range BT.709 codes: rows Y, Cb, Cr.
_TO_YUV = np.array(
    [[46.559, 156.629, 15.812], [-25.664, -86.336, 112.0], [112.0, -101.730, -10.270]],
    np.float32,
) / np.float32(255)
_OFFSET = np.array([16, 128, 128], np.float32)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A clip that is computed: frame n depends on these numbers and n alone.

    Attributes:
        width: pixels, even.
        height: pixels, even.
        length: frames.
        seed: of texture and noise.
    """

    width: int = 640
    height: int = 360
    length: int = 60
    seed: int = 7

    @property
    def clip(self) -> ClipInfo:
        """8-bit 4:2:0, BT.709, limited range."""
        return ClipInfo(
            width=self.width,
            height=self.height,
            format=PixelFormat(family="yuv", log2_w=1, log2_h=1),
            length=self.length,
        )

    def clean(self, n: int) -> Frame:
        """Frame n as it should look."""
        return Frame(tuple(_codes(plane) for plane in _yuv(self._picture(n))))

    def noisy(self, n: int, sigma: float) -> Frame:
        """Frame n with white Gaussian noise of `sigma` 8-bit codes on every plane."""
        rng = np.random.default_rng((self.seed, n))
        planes = self.clean(n).planes
        return Frame(tuple(_codes(plane + rng.normal(0, sigma, plane.shape)) for plane in planes))

    def _picture(self, n: int) -> Picture:
        picture = self._panned(n)
        self._draw_ball(picture, n)
        self._draw_bar(picture, n)
        self._draw_text(picture, n)
        return picture

    def _panned(self, n: int) -> Picture:
        phase = 2 * np.pi * n / 150
        x, y = _MARGIN * (0.5 + 0.45 * np.sin(phase)), _MARGIN * (0.5 + 0.3 * np.cos(phase))
        move = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
        moved = cv2.warpAffine(self._ground, move, (self.width, self.height), flags=cv2.INTER_CUBIC)
        return _codes(np.asarray(moved) * 255)

    @cached_property
    def _ground(self) -> Plane:
        """What lies behind everything, 0..1: texture, bricks and a gradient sky."""
        height, width = self.height + 2 * _MARGIN, self.width + 2 * _MARGIN
        rng = np.random.default_rng(self.seed)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        sky = np.stack([0.35 + 0.3 * y / height, 0.5 + 0.25 * y / height, 0.8 - 0 * y], axis=-1)
        colour = np.array([0.55, 0.42, 0.3], np.float32)
        soil = colour * (0.75 + 0.5 * _texture(rng, height, width)[..., None])
        joint = (np.mod(y, 24) < 2) | (np.mod(x + 24 * np.mod(y // 24, 2), 48) < 2)
        soil = np.where((joint & (x > width / 2))[..., None], np.float32(0.8), soil)
        return np.where((y < 0.35 * height)[..., None], sky, soil).astype(np.float32)

    def _draw_ball(self, picture: Picture, n: int) -> None:
        """A ball that bounces across, three pixels a frame."""
        radius = self.height // 9
        x = (3 * n + radius) % (self.width + 2 * radius) - radius
        y = 0.7 * self.height - abs(np.sin(n / 9)) * 0.35 * self.height
        _circle(picture, (x, y), radius, (217, 51, 38))
        _circle(picture, (x - radius / 3, y - radius / 3), radius / 4, (242, 153, 128))

    def _draw_bar(self, picture: Picture, n: int) -> None:
        """A striped bar that turns."""
        centre = (0.78 * self.width, 0.6 * self.height)
        for i, colour in enumerate(((242, 242, 230), (26, 38, 77), (230, 191, 26))):
            size = (self.height / 1.8, self.height / (16 + 14 * i))
            corners = cv2.boxPoints((centre, size, 1.7 * n))
            points = np.round(corners * (1 << _SHIFT)).astype(np.int32)
            cv2.fillPoly(picture, [points], colour, lineType=cv2.LINE_AA, shift=_SHIFT)

    def _draw_text(self, picture: Picture, n: int) -> None:
        """Two lines of text, one at rest and one that scrolls."""
        font, size = cv2.FONT_HERSHEY_SIMPLEX, self.height / 640
        for x, line, colour in (
            (self.width // 20, 8, (250, 250, 250)),
            (self.width - 2 * n, 5, (13, 13, 26)),
        ):
            at = (x, self.height - self.height * line // 60)
            cv2.putText(picture, _TEXT, at, font, size, colour, 1, cv2.LINE_AA)


def to_rgb(frame: Frame) -> Picture:
    """R'G'B' of a frame of a `Scene`, as a screen shows it."""
    luma, *chroma = (plane.astype(np.float32) for plane in frame.planes)
    size = luma.shape[::-1]
    full = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in chroma]
    yuv = np.stack([luma, *full], axis=-1) - _OFFSET
    return _codes(yuv @ np.linalg.inv(_TO_YUV).T.astype(np.float32))


def _texture(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Noise of four grain sizes, (height, width), 0..1."""
    total = np.zeros((height, width), np.float32)
    for grain, weight in ((1, 0.15), (2, 0.25), (6, 0.3), (24, 0.3)):
        small = rng.random((-(-height // grain), -(-width // grain)), np.float32)
        total += weight * cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return total


def _circle(picture: Picture, at: tuple[float, float], radius: float, colour: Colour) -> None:
    scale = 1 << _SHIFT
    centre = (round(at[0] * scale), round(at[1] * scale))
    cv2.circle(picture, centre, round(radius * scale), colour, -1, cv2.LINE_AA, _SHIFT)


def _yuv(picture: Picture) -> tuple[Plane, Plane, Plane]:
    """Y, and Cb and Cr averaged over 2x2 pixels, in 8-bit codes."""
    yuv = picture @ _TO_YUV.T + _OFFSET
    height, width = yuv.shape[:2]
    chroma = yuv[..., 1:].reshape(height // 2, 2, width // 2, 2, 2).mean(axis=(1, 3))
    return yuv[..., 0], chroma[..., 0], chroma[..., 1]


def _codes(plane: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.clip(np.rint(plane), 0, 255).astype(np.uint8)
