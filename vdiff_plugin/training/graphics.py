"""Text and shapes over footage: what screens, titles and subtitles have and cameras have not.

Everything is drawn once, moves as titles and pages do, and is laid over the footage in
4:4:4. Its chroma is then averaged to 4:2:0, or every second sample of it is taken: that is
how a network made for 4:2:0 meets the chroma of 4:4:4 and RGB.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.training.footage import Sequence420

_SCREEN = 0.5  # share of screens; the others are titles over footage
_POINT = 0.4  # share of clips whose chroma is taken from every second sample
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX,
          cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)  # fmt: skip
_SIZES = (7.0, 22.0)  # pixels, height of capitals on screens
_TITLE_SIZES = (10.0, 48.0)
_LETTERS = (
    "aaabcdeeeefghiiijklmnooopqrsttuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;-_+=(){}[]/*"
)

Colour = tuple[int, int, int]  # B, G, R codes


@dataclass(frozen=True)
class _Layer:
    """A drawing as large as the footage.

    Attributes:
        bgr: (H, W, 3) uint8.
        cover: (H, W) uint8, how much of the footage it hides, 0..255.
    """

    bgr: NDArray[np.uint8]
    cover: NDArray[np.uint8]


def with_graphics(clip: Sequence420, rng: np.random.Generator) -> Sequence420:
    """`clip` under a drawing that stands, scrolls or drifts."""
    shape = clip.luma.shape[1:3]
    layer = (_screen if rng.random() < _SCREEN else _titles)(shape, rng)
    path = _path(len(clip), rng)
    point = rng.random() < _POINT
    pictures = [_over(layer, shift, *planes, point=point)
                for shift, *planes in zip(path, clip.luma, clip.chroma, strict=True)]  # fmt: skip
    luma, chroma = (np.stack(each) for each in zip(*pictures, strict=True))
    return Sequence420(luma, chroma)


def _over(
    layer: _Layer,
    shift: NDArray[np.float64],
    luma: NDArray[np.uint8],
    chroma: NDArray[np.uint8],
    *,
    point: bool,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One frame of footage under the layer, moved by `shift` (x, y) and wrapped around."""
    bgr, cover = (_moved(each, shift) for each in (layer.bgr, layer.cover))
    share = cover.astype(np.float32)[..., None] / 255
    drawn = _ycbcr(bgr)
    full = np.dstack([luma, chroma.repeat(2, axis=0).repeat(2, axis=1)]).astype(np.float32)
    mixed = full * (1 - share) + drawn * share
    colour = mixed[..., 1:]
    fewer = colour[::2, ::2] if point else _averaged(colour)
    return _rounded(mixed[..., 0]), _rounded(fewer)


def _moved(picture: NDArray[np.uint8], shift: NDArray[np.float64]) -> NDArray[np.uint8]:
    whole = np.rint(shift)
    if (shift == whole).all():
        return np.roll(picture, tuple(int(each) for each in whole[::-1]), axis=(0, 1))
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    moved = cv2.warpAffine(
        picture, matrix, picture.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )
    return np.asarray(moved, np.uint8)


def _ycbcr(bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3): Y', Cb, Cr of BT.601 in limited range (ITU-R BT.601-7)."""
    y, cr, cb = cv2.split(cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb).astype(np.float32))
    return np.dstack([16 + y * 219 / 255, *(128 + (each - 128) * 224 / 255 for each in (cb, cr))])


def _averaged(colour: NDArray[Any]) -> NDArray[Any]:
    height, width = colour.shape[:2]
    blocks = colour.reshape(height // 2, 2, width // 2, 2, -1)
    return np.asarray(blocks.mean(axis=(1, 3)))


def _path(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(count, 2): where the layer is, in pixels: it stands, scrolls by whole pixels or drifts."""
    step = [
        np.zeros(2),
        np.array([0, rng.integers(-8, 9)]),
        rng.integers(-4, 5, 2),
        rng.normal(0, 1.5, 2),
    ][int(rng.choice(4, p=[0.45, 0.25, 0.1, 0.2]))]
    return np.arange(count)[:, None] * step


def _screen(shape: tuple[int, ...], rng: np.random.Generator) -> _Layer:
    """Panels full of lines of text, some shapes, perhaps a hole where the footage plays."""
    height, width = shape
    dark = bool(rng.random() < 0.5)
    bgr = _ground(shape, dark, rng)
    for _ in range(int(rng.integers(0, 4))):
        corner, end = _box(shape, rng)
        cv2.rectangle(bgr, corner, end, _ground_colour(dark, rng), -1)
        if rng.random() < 0.5:
            cv2.rectangle(bgr, corner, end, _colour(rng), 1)
    _write_lines(bgr, dark, rng)
    for _ in range(int(rng.integers(0, 12))):
        _draw_shape(bgr, rng)
    cover = np.full((height, width), 255, np.uint8)
    if rng.random() < 0.5:
        cv2.rectangle(cover, *_box(shape, rng), 0, -1)
    return _Layer(bgr, cover)


def _ground(shape: tuple[int, ...], dark: bool, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One colour, or a gentle gradient between two."""
    ends = np.array([_ground_colour(dark, rng) for _ in range(2)], np.float32)
    if rng.random() < 0.5:
        ends[1] = ends[0]
    slope = rng.normal(0, 1, 2)
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    ramp = slope[0] * rows / shape[0] + slope[1] * columns / shape[1]
    ramp = (ramp - ramp.min()) / max(float(np.ptp(ramp)), 1e-9)
    return _rounded(ends[0] + ramp[..., None].astype(np.float32) * (ends[1] - ends[0]))


def _write_lines(bgr: NDArray[np.uint8], dark: bool, rng: np.random.Generator) -> None:
    """Words from left to right and top to bottom, in a few colours and one font."""
    height, width = bgr.shape[:2]
    font, size = _font(_SIZES, rng)
    colours = [_ink(dark, rng) for _ in range(int(rng.integers(1, 6)))]
    thickness = 1 + int(rng.random() < 0.2)
    y = 0.0
    while y < height + size:
        y += size * 1.9
        x = int(rng.integers(0, 40))
        while x < width and rng.random() < 0.93:
            word = _word(rng)
            colour = colours[int(rng.integers(len(colours)))]
            cv2.putText(bgr, word, (x, int(y)), font[0], font[1], colour, thickness, cv2.LINE_AA)
            x += int(cv2.getTextSize(word, font[0], font[1], thickness)[0][0] + size)


def _draw_shape(bgr: NDArray[np.uint8], rng: np.random.Generator) -> None:
    corner, end = _box(bgr.shape[:2], rng)
    colour, kind = _colour(rng), int(rng.integers(4))
    if kind == 0:
        cv2.line(bgr, corner, (end[0], corner[1]), colour, int(rng.integers(1, 3)))
    elif kind == 1:
        cv2.line(bgr, corner, end, colour, int(rng.integers(1, 4)), cv2.LINE_AA)
    else:
        radius = int(rng.integers(3, 16))
        fill = -1 if kind == 2 else int(rng.integers(1, 3))
        cv2.circle(bgr, corner, radius, colour, fill, cv2.LINE_AA)


def _titles(shape: tuple[int, ...], rng: np.random.Generator) -> _Layer:
    """A few words, some with an outline, a shadow or a box behind them."""
    bgr, cover = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
    for _ in range(int(rng.integers(1, 7))):
        (font, scale), size = _font(_TITLE_SIZES, rng)
        words = " ".join(_word(rng) for _ in range(int(rng.integers(1, 6))))
        place = (int(rng.integers(-20, max(1, shape[1] - 60))), int(rng.integers(12, shape[0])))
        thickness = 1 + int(rng.integers(0, max(1, int(size / 8)) + 1))
        behind = int(rng.integers(3))
        if behind == 1:
            wide = thickness + 2 * int(rng.integers(1, 3))
            mark = _marked(shape, words, place, (font, scale), wide)
            _lay(bgr, cover, mark, _ground_colour(True, rng))
        elif behind == 2:
            wide, _ = cv2.getTextSize(words, font, scale, thickness)[0]
            mark = np.zeros(shape, np.uint8)
            corner = (place[0] - 6, place[1] - int(size) - 6)
            cv2.rectangle(mark, corner, (place[0] + wide + 6, place[1] + 6), 255, -1)
            mark = (mark * rng.uniform(0.5, 1)).astype(np.uint8)
            _lay(bgr, cover, mark, _ground_colour(bool(rng.random() < 0.7), rng))
        _lay(bgr, cover, _marked(shape, words, place, (font, scale), thickness), _colour(rng))
    return _Layer(bgr, cover)


def _marked(
    shape: tuple[int, ...],
    words: str,
    place: tuple[int, int],
    font: tuple[int, float],
    thickness: int,
) -> NDArray[np.uint8]:
    mark = np.zeros(shape, np.uint8)
    cv2.putText(mark, words, place, *font, 255, thickness, cv2.LINE_AA)
    return mark


def _lay(
    bgr: NDArray[np.uint8], cover: NDArray[np.uint8], mark: NDArray[np.uint8], colour: Colour
) -> None:
    """Paint `colour` where `mark` is, over what was painted before."""
    share = mark.astype(np.float32) / 255
    below = cover.astype(np.float32) / 255
    whole = share + below * (1 - share)
    weight = (share / np.maximum(whole, 1e-6))[..., None]
    bgr[:] = _rounded(bgr * (1 - weight) + np.array(colour, np.float32) * weight)
    cover[:] = _rounded(255 * whole)


def _font(sizes: tuple[float, float], rng: np.random.Generator) -> tuple[tuple[int, float], float]:
    """Font and scale, and the height of its capitals in pixels, drawn log-uniformly."""
    font = _FONTS[int(rng.integers(len(_FONTS)))]
    size = float(np.exp(rng.uniform(*np.log(sizes))))
    return (font, size / cv2.getTextSize("H", font, 1.0, 1)[0][1]), size


def _word(rng: np.random.Generator) -> str:
    letters = rng.integers(len(_LETTERS), size=int(rng.integers(1, 10)))
    return "".join(_LETTERS[int(i)] for i in letters)


def _box(
    shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[tuple[int, int], tuple[int, int]]:
    (y0, y1), (x0, x1) = (np.sort(rng.integers(0, size, 2)) for size in shape[:2])
    return (int(x0), int(y0)), (int(x1), int(y1))


def _ground_colour(dark: bool, rng: np.random.Generator) -> Colour:
    level = rng.uniform(0, 70) if dark else rng.uniform(190, 255)
    tint = rng.normal(0, 12, 3)
    return _as_colour(level + tint if rng.random() < 0.7 else [level] * 3)


def _ink(dark: bool, rng: np.random.Generator) -> Colour:
    """What can be read on the ground."""
    if rng.random() < 0.3:
        grey = rng.uniform(180, 255) if dark else rng.uniform(0, 80)
        return _as_colour([grey] * 3)
    colour = _colour(rng)
    if dark:
        return _as_colour(each + (255 - each) * 0.3 for each in colour)
    return _as_colour(each * 0.6 for each in colour)


def _colour(rng: np.random.Generator) -> Colour:
    """Any hue, saturated or not, mostly bright; now and then white or black."""
    kind = rng.random()
    if kind < 0.25:
        return (255, 255, 255) if kind < 0.18 else (0, 0, 0)
    hue, saturation, value = rng.uniform(0, 180), rng.uniform(60, 255), rng.uniform(90, 255)
    bgr = cv2.cvtColor(np.array([[[hue, saturation, value]]], np.uint8), cv2.COLOR_HSV2BGR)
    return _as_colour(bgr[0, 0])


def _as_colour(values: Iterable[float]) -> Colour:
    blue, green, red = (int(np.clip(round(float(each)), 0, 255)) for each in values)
    return blue, green, red


def _rounded(samples: NDArray[Any]) -> NDArray[np.uint8]:
    return np.clip(np.rint(samples), 0, 255).astype(np.uint8)
