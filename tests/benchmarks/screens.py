"""What restoration does to screens, charts and subtitles, in 4:2:0, 4:4:4 and RGB.

    python -m tests.benchmarks.screens [--preset fast ...] [--weights FILE ...] [--pictures FOLDER]

Four scenes are drawn with DejaVu, a font that training does not use: a dark editor that scrolls,
a page with coloured headings, a chart under a moving cursor, subtitles over a moving texture.
Each is restored clean, with white noise of sigma 10 and, in 4:2:0, from H.264 at crf 28, and
compared with what was drawn: PSNR over all planes, 6:1:1 for Y'CbCr. Needs matplotlib.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib import get_data_path
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tests.benchmarks import machine
from tests.benchmarks.tables import Row, print_table
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import VdiffError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.model.presets import PRESETS, UPSCALING
from vdiff_plugin.settings import Settings
from vdiff_plugin.stream import render_clip
from vdiff_plugin.training.degrade import encoded
from vdiff_plugin.training.footage import Sequence420
from vdiff_plugin.training.tasks import TASKS

_WIDTH, _HEIGHT, _FRAMES = 480, 272, 8
_SIGMA, _CRF = 10.0, 28
_TEXT = (
    "def render frame window return self network plane for index in range layers mode None "
    "cache settings open close weight import numpy float codes noise chroma luma"
)
_WORDS = tuple(_TEXT.split())
_INKS = ["#ff79c6", "#50fa7b", "#8be9fd", "#f1fa8c", "#ff5555", "#bd93f9", "#f8f8f2"]

Picture = NDArray[np.uint8]  # (H, W, 3) R, G, B
FORMATS = {
    "4:2:0": PixelFormat(family="yuv", log2_w=1, log2_h=1),
    "4:4:4": PixelFormat(family="yuv"),
    "RGB": PixelFormat(family="rgb"),
}


def _font(size: int, style: str = "") -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans{style}.ttf", size)


def _editor(n: int) -> Picture:
    rng = np.random.default_rng(1)
    page = Image.new("RGB", (_WIDTH, 2 * _HEIGHT), "#282a36")
    draw, font = ImageDraw.Draw(page), _font(11, "Mono")
    for row in range(2 * _HEIGHT // 14):
        draw.text((6, 14 * row), f"{row:3}", "#6272a4", font)
        x = 40 + 14 * int(rng.integers(0, 4))
        for _ in range(int(rng.integers(1, 8))):
            word = _WORDS[int(rng.integers(len(_WORDS)))]
            draw.text((x, 14 * row), word, _INKS[int(rng.integers(len(_INKS)))], font)
            x += 7 * (len(word) + 1)
    return np.asarray(page)[3 * n : 3 * n + _HEIGHT]


def _page(n: int) -> Picture:
    del n
    rng = np.random.default_rng(2)
    page = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, _WIDTH, 30), "#1f4e9c")
    draw.text((10, 6), "Frames and windows", "white", _font(16, "-Bold"))
    y = 40
    while y < _HEIGHT:
        draw.text((10, y), " ".join(rng.choice(_WORDS, 3)), "#b3261e", _font(13, "-Bold"))
        for line in range(3):
            words = " ".join(rng.choice(_WORDS, 7))
            draw.text((10, y + 18 + 15 * line), words, "#222222", _font(11))
            draw.text((330, y + 18 + 15 * line), "see " + rng.choice(_WORDS), "#0645ad", _font(11))
        y += 72
    draw.rectangle((420, 60, 470, 110), "#ffcf33", "#7a5c00")
    return np.asarray(page)


def _chart(n: int) -> Picture:
    rng = np.random.default_rng(3)
    page = Image.new("RGB", (_WIDTH, _HEIGHT), "#fbfbfd")
    draw = ImageDraw.Draw(page)
    for y in range(20, _HEIGHT, 28):
        draw.line((30, y, _WIDTH - 10, y), "#d9dce3")
        draw.text((4, y - 6), str(y), "#555555", _font(9))
    for index, ink in enumerate(("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4")):
        heights = 40 + 30 * index + np.cumsum(rng.normal(0, 3, 100))
        draw.line([(30 + 4.4 * i, float(h)) for i, h in enumerate(heights)], ink, 1 + index % 2)
        draw.text((400, 30 + 14 * index), f"run {index}", ink, _font(11))
    x, y = 100 + 9 * n, 90 + 5 * n
    draw.polygon([(x, y), (x, y + 16), (x + 4, y + 12), (x + 11, y + 11)], "black", "white")
    return np.asarray(page)


def _subtitles(n: int) -> Picture:
    rng = np.random.default_rng(4)
    white = rng.random((_HEIGHT + 40, _WIDTH + 60, 3), np.float32)
    grey = sum(cv2.GaussianBlur(white[..., :1], (0, 0), sigma) * sigma for sigma in (1, 3, 9))
    texture = grey[..., None] + 0.5 * 20 * cv2.GaussianBlur(white, (0, 0), 20)
    texture = (texture - texture.min()) / np.ptp(texture)
    view = texture[2 * n : 2 * n + _HEIGHT, 4 * n : 4 * n + _WIDTH]
    page = Image.fromarray(np.uint8(30 + 180 * view))
    draw = ImageDraw.Draw(page)
    for y, ink, words in ((190, "#ffee33", "Nothing of the video"), (220, "white", "is lost")):
        draw.text((110, y), words, ink, _font(24, "-Bold"), stroke_width=2, stroke_fill="black")
    return np.asarray(page)


SCENES: dict[str, Callable[[int], Picture]] = {
    "editor": _editor, "page": _page, "chart": _chart, "subtitles": _subtitles,
}  # fmt: skip


def frames_of(scene: str, form: str) -> list[Frame]:
    """Frames of a scene, 8 bits; Y'CbCr is BT.601 of full range, chroma averaged."""
    return [_frame(SCENES[scene](n), form) for n in range(_FRAMES)]


def _frame(picture: Picture, form: str) -> Frame:
    if form == "RGB":
        return Frame(tuple(np.ascontiguousarray(picture[..., i]) for i in range(3)))
    y, cr, cb = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
    if form == "4:4:4":
        return Frame((y, cb, cr))
    half = (_WIDTH // 2, _HEIGHT // 2)
    return Frame((y, *(cv2.resize(each, half, interpolation=cv2.INTER_AREA) for each in (cb, cr))))


def _noisy(frames: Sequence[Frame]) -> list[Frame]:
    rng = np.random.default_rng(10)
    return [Frame(tuple(np.clip(np.rint(plane + rng.normal(0, _SIGMA, plane.shape)), 0, 255)
                        .astype(np.uint8) for plane in frame.planes))
            for frame in frames]  # fmt: skip


def _compressed(frames: Sequence[Frame]) -> list[Frame]:
    luma, u, v = (
        np.stack(planes) for planes in zip(*(each.planes for each in frames), strict=True)
    )
    coded = encoded(Sequence420(luma, np.stack([u, v], -1)), "libx264", {"crf": str(_CRF)})
    return [Frame((luma, np.ascontiguousarray(chroma[..., 0]), chroma[..., 1].copy()))
            for luma, chroma in zip(coded.luma, coded.chroma, strict=True)]  # fmt: skip


HARMS: dict[str, Callable[[Sequence[Frame]], list[Frame]]] = {
    "clean": list, f"sigma {_SIGMA:g}": _noisy, f"H.264 crf {_CRF}": _compressed,
}  # fmt: skip


def restored(engine: Engine, frames: Sequence[Frame], form: str, settings: Settings) -> list[Frame]:
    """The frames after vdiff."""
    info = ClipInfo(
        width=_WIDTH, height=_HEIGHT, format=FORMATS[form], length=len(frames), full_range=True
    )
    with engine.open(info, settings) as session:
        return list(render_clip(session, frames))


def psnr(frames: Sequence[Frame], truth: Sequence[Frame], form: str) -> float:
    """dB, mean over frames."""
    weights = np.array([1, 1, 1] if form == "RGB" else [6, 1, 1], float)
    values = []
    for pair in zip(frames, truth, strict=True):
        planes = zip(*(each.planes for each in pair), strict=True)
        errors = [np.square(a.astype(float) - b).mean() for a, b in planes]
        if form == "RGB":
            errors = [float(np.mean(errors))] * 3
        decibels = [10 * np.log10(255**2 / max(error, 255**2 / 1e10)) for error in errors]
        values.append(np.average(decibels, weights=weights))
    return float(np.mean(values))


def _rows(given: argparse.Namespace) -> Iterator[Row]:
    choices = [
        (weights.stem if weights else f"{task} {preset}", task, preset, weights)
        for task in given.task
        for preset in given.preset
        for weights in given.weights or [None]
    ]
    yield ("harm", "format", "weights", *SCENES, "mean")
    with Engine() as engine:
        for harm, apply in HARMS.items():
            for form in FORMATS if harm != f"H.264 crf {_CRF}" else ["4:2:0"]:
                truth = {scene: frames_of(scene, form) for scene in SCENES}
                bad = {scene: apply(frames) for scene, frames in truth.items()}
                if harm != "clean":
                    yield _row(
                        harm, form, "as it is", [psnr(bad[s], truth[s], form) for s in SCENES]
                    )
                for name, task, preset, weights in choices:
                    settings = Settings.of(task=task, preset=preset, weights=weights)
                    after = {s: restored(engine, bad[s], form, settings) for s in SCENES}
                    if given.pictures and form == "RGB":
                        _show(given.pictures, f"{harm} {name}", bad, after)
                    yield _row(harm, form, name, [psnr(after[s], truth[s], form) for s in SCENES])


def _row(harm: str, form: str, name: str, values: Sequence[float]) -> Row:
    return (harm, form, name, *(f"{each:.2f}" for each in (*values, float(np.mean(values)))))


def _show(
    folder: Path, name: str, bad: dict[str, list[Frame]], after: dict[str, list[Frame]]
) -> None:
    """Before and after, one scene a row, at three times the size."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for scene in SCENES:
        top = 30 if scene != "subtitles" else 170
        crops = [
            np.dstack(each[scene][_FRAMES // 2].planes[::-1])[top : top + 100, 90:310]
            for each in (bad, after)
        ]
        rows.append(np.hstack(crops))
    page = np.vstack(rows).repeat(3, axis=0).repeat(3, axis=1)
    cv2.imwrite(str(folder / f"{name.replace(' ', '-')}.png"), page)


def main() -> None:
    """Print a row a harm, format and choice of weights."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    tasks = [task for task in TASKS if task != UPSCALING]
    parser.add_argument("--task", nargs="+", choices=tasks, default=["restore"])
    parser.add_argument("--preset", nargs="+", choices=PRESETS, default=["fast", "quality"])
    parser.add_argument("--weights", nargs="+", type=Path, help="files instead of the bundled ones")
    parser.add_argument("--pictures", type=Path, help="folder for pictures before and after, RGB")
    given = parser.parse_args()
    print(machine.describe(), end="\n\n")
    try:
        print_table(_rows(given))
    except VdiffError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
