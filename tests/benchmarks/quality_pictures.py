"""The pictures of docs/quality.md and docs/upscaling.md, from photographs in two packages.

python -m tests.benchmarks.quality_pictures docs/images

Requires scikit-image and scikit-learn from PyPI, whose photographs move before a camera that
is computed: NASA's portrait of Eileen Collins is in the public domain, the cat and the coffee
cup are CC0, the pagoda is by danielbuechele under CC BY 2.0.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.clips import Clip, clip_of, film_grain, h264, noise
from tests.benchmarks.halves import HALVES
from vdiff_plugin.builtin.matrix import rgb_of
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import Frame
from vdiff_plugin.model.presets import UPSCALING
from vdiff_plugin.settings import Settings
from vdiff_plugin.stream import render_clip
from vdiff_plugin.training.footage import Sequence420

Picture = NDArray[np.uint8]  # (height, width, 3), R'G'B'
Paint = Callable[[int], Picture]

_FRAMES = 11
_SHOWN = 5  # the middle one: it has all its neighbours
_SIZE = (256, 384)
_QUALITY = 80
_OTHERS = {"strength", "upscale"}  # that are made of several examples


@dataclass(frozen=True, kw_only=True)
class Example:
    """A strip of crops: harmed, restored by each preset, and the truth.

    Attributes:
        name: of the picture's file.
        paint: frame n as it should look.
        harm: what is done to it.
        crop: top, left, height and width of what is shown.
        gain: brightens what is shown.
    """

    name: str
    paint: Paint
    harm: Callable[[Clip], Clip]
    crop: tuple[int, int, int, int]
    gain: float = 1.0


def main() -> None:
    """Write a strip an example into the folder that is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="of examples, strength or upscale; default all")
    given = parser.parse_args()
    folder, wanted = given.folder, given.names
    known = {each.name for each in examples()} | _OTHERS
    if unknown := sorted(set(wanted) - known):
        parser.error(f"no picture {unknown[0]!r}; have {', '.join(sorted(known))}")
    if not folder.is_dir():
        parser.error(f"{folder}: no folder; make it first")
    with Engine() as engine:
        for each in examples():
            if not wanted or each.name in wanted:
                _write(folder / f"quality-{each.name}.jpg", np.hstack([*_parts(engine, each)]))
        if not wanted or "strength" in wanted:
            _write(folder / "quality-strength.jpg", np.hstack([*_strengths(engine)]))
        if not wanted or "upscale" in wanted:
            _write(folder / "upscale.jpg", np.vstack([*_doublings(engine)]))


def _write(path: Path, picture: Picture) -> None:
    cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])


def examples() -> Iterator[Example]:
    """What people look at, and what is hard."""
    portrait, pagoda = (
        _photo("skimage/data/astronaut.png"),
        _photo("sklearn/datasets/images/china.jpg"),
    )
    coffee = _photo("skimage/data/coffee.png")
    face = _panned(portrait, (20, 90), (0.6, 1.3))
    yield Example(name="face", paint=face, harm=noise(20).apply, crop=(0, 40, 168, 168))
    yield Example(name="face-crf37", paint=face, harm=h264(37, 6).apply, crop=(0, 40, 168, 168))
    leaves = _panned(pagoda, (150, 20), (-0.4, 1.7))
    yield Example(name="foliage", paint=leaves, harm=noise(20).apply, crop=(88, 40, 168, 168))
    yield Example(name="text", paint=_page, harm=noise(20).apply, crop=(20, 20, 168, 168))
    cup = _panned(coffee, (40, 110), (0.3, 0.8))
    yield Example(name="grain", paint=cup, harm=film_grain(9).apply, crop=(20, 80, 168, 168))
    yield Example(name="dark", paint=_dusk, harm=noise(3).apply, crop=(40, 60, 168, 168), gain=5.0)
    crossing = _Crossing(pagoda, portrait)
    yield Example(name="motion", paint=crossing, harm=noise(20).apply, crop=(60, 90, 168, 168))


def _photo(name: str) -> Picture:
    """A photograph inside an installed package, of which nothing is imported."""
    package, _, inside = name.partition("/")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed: pip install scikit-image scikit-learn")
    picture = cv2.imread(str(Path(spec.origin).parent / inside))
    assert picture is not None
    return np.asarray(picture[..., ::-1], np.uint8)


def _panned(photo: Picture, start: tuple[float, float], step: tuple[float, float]) -> Paint:
    """A camera that moves over a photograph, by fractions of a pixel and a little nearer."""

    def paint(n: int) -> Picture:
        zoom = 1 - 0.002 * n
        y, x = (begin + n * each for begin, each in zip(start, step, strict=True))
        move = np.array([[zoom, 0, x], [0, zoom, y]], np.float32)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(photo, move, _SIZE[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(moved, np.uint8)

    return paint


def _page(n: int) -> Picture:
    """Letters of several sizes that scroll."""
    page = np.full((_SIZE[0] + 60, _SIZE[1], 3), (236, 230, 214), np.uint8)
    words = "Pack my box with five dozen liquor jugs 0123456789"
    for row in range(14):
        size, y = 0.35 + 0.05 * (row % 5), 24 * row + 20
        font = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX)[row % 2]
        colour = [(30, 30, 40), (120, 20, 20), (20, 40, 130)][row % 3]
        cv2.putText(page, words, (8 + 3 * row, y), font, size, colour, 1, cv2.LINE_AA)
    return _panned(page, (2, 0), (0.7, 0.25))(n)


def _dusk(n: int) -> Picture:
    """A sky that goes from code 18 to code 44 over the picture, with a lamp that moves in it."""
    y, x = np.mgrid[0 : _SIZE[0], 0 : _SIZE[1]].astype(np.float32)
    sky = 18 + 26 * (y + 0.4 * x + 0.5 * n) / (_SIZE[0] + 0.4 * _SIZE[1])
    lamp = 14 * np.exp(-((y - 120) ** 2 + (x - 120 - 2 * n) ** 2) / 1800)
    lit = sky + lamp
    coloured = np.stack([lit * 0.9, lit * 0.95, lit * 1.1], axis=-1)
    step = (np.indices(coloured.shape[:2]).sum(0) % 2 * 0.5 - 0.25)[..., None]
    return np.clip(np.rint(coloured + step), 0, 255).astype(np.uint8)


class _Crossing:
    """A figure that crosses a picture at 14 pixels a frame, while the ground moves against it."""

    def __init__(self, ground: Picture, figure: Picture) -> None:
        self._ground = _panned(ground, (60, 140), (0, -3.0))
        self._figure = figure[60:240, 150:290]

    def __call__(self, n: int) -> Picture:
        picture = self._ground(n).copy()
        height, width = self._figure.shape[:2]
        left = 52 + 14 * n
        y, x = np.mgrid[0:height, 0:width]
        inside = ((y / height - 0.5) ** 2 + (x / width - 0.5) ** 2 < 0.24)[..., None]
        place = picture[50 : 50 + height, left : left + width]
        np.copyto(place, self._figure[:, : place.shape[1]], where=inside[:, : place.shape[1]])
        return picture


def _parts(engine: Engine, example: Example) -> Iterator[Picture]:
    clean = _clip(example)
    harmed = example.harm(clean)
    yield _cut(harmed.frames()[_SHOWN], clean, example)
    for preset in ("fast", "quality"):
        settings = Settings.of(preset=preset)
        yield _cut(_restored(engine, harmed, settings), clean, example)
    yield _cut(clean.frames()[_SHOWN], clean, example)


def _strengths(engine: Engine) -> Iterator[Picture]:
    """One example from untouched to full."""
    example = next(examples())
    clean = _clip(example)
    harmed = example.harm(clean)
    for strength in (0, 0.25, 0.5, 0.75, 1):
        settings = Settings.of(preset="quality", strength=strength)
        yield _cut(_restored(engine, harmed, settings), clean, example)


def _doublings(engine: Engine) -> Iterator[Picture]:
    """Letters from a clean half and a face from a noisy one, doubled: a strip each."""
    chosen = {each.name: each for each in examples()}
    for name, harm in (("text", "half"), ("face", "half, sigma 10")):
        example = chosen[name]
        clean = _clip(example)
        half = HALVES[harm].apply(clean)
        parts = []
        for preset, strength in (("fast", 0), ("fast", 1), ("quality", 1)):
            settings = Settings.of(task=UPSCALING, preset=preset, strength=strength)
            parts.append(_cut(_restored(engine, half, settings), clean, example))
        yield np.hstack([*parts, _cut(clean.frames()[_SHOWN], clean, example)])


def _restored(engine: Engine, clip: Clip, settings: Settings) -> Frame:
    with engine.open(clip.info, settings) as session:
        return list(render_clip(session, clip.frames()))[_SHOWN]


def _clip(example: Example) -> Clip:
    planes = [_planes(example.paint(n)) for n in range(_FRAMES)]
    luma, chroma = (np.stack(each) for each in zip(*planes, strict=True))
    return clip_of(example.name, Sequence420(luma, chroma))


def _planes(picture: Picture) -> tuple[Picture, Picture]:
    """Luma and chroma of 8-bit 4:2:0, by libswscale."""
    height, width = picture.shape[:2]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    packed = frame.reformat(format="yuv420p").to_ndarray()
    chroma = packed[height:].reshape(2, height // 2, width // 2)
    return packed[:height], np.ascontiguousarray(chroma.transpose(1, 2, 0))


def _cut(frame: Frame, clip: Clip, example: Example) -> Picture:
    top, left, height, width = example.crop
    picture = rgb_of(frame, clip.info)[top : top + height, left : left + width].astype(np.float32)
    shown = np.rint(np.clip(picture * example.gain, 0, 1) * 255)
    larger = np.repeat(np.repeat(shown, 2, 0), 2, 1)
    framed = np.pad(larger, ((0, 0), (0, 4), (0, 0)), constant_values=255)
    return framed.astype(np.uint8)


if __name__ == "__main__":
    main()
