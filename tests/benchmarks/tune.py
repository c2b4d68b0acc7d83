"""What tuning adds to the bundled weights: `python -m tests.benchmarks.tune CLIPS`.

Every video in the folder CLIPS is cut to its centre, given noise of three kinds that no
bundled network was trained on, and restored with the bundled weights and with weights tuned
on that noisy clip itself. Both are compared with the clean clip, which tuning never sees.
PSNR of 8-bit 4:2:0, planes weighted 6:1:1, over all frames and over the held-out ones alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks import machine
from tests.benchmarks.clips import crop
from tests.benchmarks.tables import Row, print_table
from tests.vdiff_plugin.tuning.clips import write_lossless
from vdiff_plugin.allocator import keep_memory
from vdiff_plugin.engine import Engine
from vdiff_plugin.settings import Settings
from vdiff_plugin.training.footage import Sequence420, find_media, read_video

FRAMES = 32
_BAYER = {"red": ((0, 0),), "green": ((0, 1), (1, 0)), "blue": ((1, 1),)}
_GAINS = {"red": 1.3, "green": 1.0, "blue": 1.5}  # white balance of a camera in daylight
_CROSS = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
_SQUARE = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4

Noisy = tuple[Sequence420, Sequence420]  # and the clip without noise
Harm = Callable[[Sequence420, np.random.Generator], Noisy]


def demosaiced(clean: Sequence420, rng: np.random.Generator) -> Noisy:
    """Noise of a Bayer sensor after bilinear demosaicing and a slight blur, more in the light."""
    noise = [_demosaiced_noise(clean.luma.shape[1:], rng) for _ in clean.luma]
    light = np.sqrt(0.3 + 0.7 * clean.luma / 128.0).astype(np.float32)
    half = np.stack([_resized(each, each.shape[1] // 2, each.shape[0] // 2) for each in light])
    luma = clean.luma + 22.0 * light * np.stack([each[0] for each in noise])
    chroma = clean.chroma + 22.0 * half[..., None] * np.stack([each[1] for each in noise])
    return Sequence420(_rounded(luma), _rounded(chroma)), clean


def heavy_in_chroma(clean: Sequence420, rng: np.random.Generator) -> Noisy:
    """Fine luma noise of sigma 5 under coarse blotches of colour of sigma 16."""
    luma = rng.normal(0, 5.0, clean.luma.shape)
    white = rng.standard_normal(clean.chroma.shape, dtype=np.float32)
    coarse = np.stack([cv2.GaussianBlur(each, (0, 0), 1.5) for each in white])
    chroma = clean.chroma + 16.0 * coarse / coarse.std()
    return Sequence420(_rounded(clean.luma + luma), _rounded(chroma)), clean


def upscaled_grain(clean: Sequence420, rng: np.random.Generator) -> Noisy:
    """Film grain, strongest in the mid-tones, on a picture that is then scaled up 1.5 times."""
    height, width = clean.luma.shape[1:]
    small = tuple(round(size / 3) * 2 for size in (width, height))
    noisy, truth = [], []
    for luma, chroma in zip(clean.luma, clean.chroma, strict=True):
        planes = _resized(luma, *small), _resized(chroma, small[0] // 2, small[1] // 2)
        grain = cv2.GaussianBlur(rng.standard_normal(planes[0].shape, np.float32), (0, 0), 0.7)
        tone = np.sqrt(np.clip(1 - np.abs(planes[0] / 127.5 - 1), 0.1, 1))
        grained = (
            planes[0] + 12.0 * tone * grain / grain.std(),
            planes[1] + 3.6 * rng.standard_normal(planes[1].shape, np.float32),
        )
        truth.append(_enlarged(planes, width, height))
        noisy.append(_enlarged([_rounded(plane) for plane in grained], width, height))
    return _sequence(noisy), _sequence(truth)


HARMS: dict[str, Harm] = {
    "demosaiced": demosaiced,
    "chroma": heavy_in_chroma,
    "grain": upscaled_grain,
}


def main() -> None:
    """Print a row a clip and kind, and the mean of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--steps", type=int, help="instead of minutes")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--only", action="append", help="names of clips")
    parser.add_argument("--kind", action="append", choices=HARMS, help="kinds of noise")
    options = parser.parse_args()
    keep_memory()  # before TensorFlow starts
    print(machine.describe(), machine.load(), sep="\n", end="\n\n")
    print_table(_rows(options))


def _rows(options: argparse.Namespace) -> Iterator[Row]:
    yield ("noise", "clip", "noisy", "bundled", "tuned", "gain", "gain held out", "steps",
           "minutes", "said")  # fmt: skip
    for kind in options.kind or HARMS:
        gains = []
        for path in find_media([options.clips])[0]:
            if options.only and path.stem not in options.only:
                continue
            gain, row = _row(kind, path, options)
            gains.append(gain)
            yield (kind, path.stem, *row)
        yield kind, f"mean of {len(gains)}", "", "", "", f"{np.mean(gains):+.2f}", *[""] * 4
        yield kind, "worst", "", "", "", f"{min(gains):+.2f}", *[""] * 4


def _row(kind: str, path: Path, options: argparse.Namespace) -> tuple[float, Row]:
    from vdiff_plugin.tuning.restored import restored

    noisy, truth = HARMS[kind](crop(read_video(path), options.frames), np.random.default_rng(5))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "tuned.safetensors"
        began = time.monotonic()
        steps, said = _tune(noisy, out, options)
        minutes = (time.monotonic() - began) / 60
        with Engine() as engine:
            both = [
                restored(engine, noisy, Settings.of(preset=options.preset, weights=weights))
                for weights in (None, out if out.exists() else None)
            ]
    before, bundled, tuned = (_scores(each, truth) for each in (noisy, *both))
    gains = tuned - bundled
    held = gains[-len(gains) // 4 :].mean()
    row = (f"{before.mean():.2f}", f"{bundled.mean():.2f}", f"{tuned.mean():.2f}",
           f"{gains.mean():+.2f}", f"{held:+.2f}", steps, f"{minutes:.1f}", said)  # fmt: skip
    return float(gains.mean()), row


def _tune(noisy: Sequence420, out: Path, options: argparse.Namespace) -> tuple[str, str]:
    """Steps and verdict; `out` is there if the tuning found a gain."""
    from vdiff_plugin.model.quiet import import_tensorflow

    import_tensorflow()
    from vdiff_plugin.errors import VdiffError
    from vdiff_plugin.tuning.loop import Upkeep, tune
    from vdiff_plugin.tuning.recipe import TuneRecipe

    clip = write_lossless(noisy, out.with_name("noisy.mkv"))
    upkeep = Upkeep(minutes=None if options.steps else options.minutes, steps=options.steps)
    recipe = TuneRecipe(preset=options.preset)
    try:
        outcome = tune(recipe, [clip], out.with_name("work"), out, upkeep)
    except VdiffError as error:
        return "", str(error).split("(")[0].split(";")[0]
    return f"{outcome.best_step} of {outcome.steps}", f"{outcome.gain.decibels:+.3f} dB"


def _scores(clip: Sequence420, truth: Sequence420) -> NDArray[np.float64]:
    """PSNR of each frame."""
    planes = [(clip.luma, truth.luma)]
    planes += [(clip.chroma[..., i], truth.chroma[..., i]) for i in (0, 1)]
    errors = [np.square(a.astype(np.float64) - b).mean(axis=(1, 2)) for a, b in planes]
    decibels = 10 * np.log10(255**2 / np.maximum(errors, 255**2 / 1e10))
    weighted: NDArray[np.float64] = (6 * decibels[0] + decibels[1] + decibels[2]) / 8
    return weighted


def _demosaiced_noise(
    shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Y' (H, W) and Cb, Cr (H/2, W/2, 2) of noise that was white with deviation 1 on a sensor."""
    raw = rng.standard_normal(shape, np.float32)
    parts = {}
    for name, sites in _BAYER.items():
        seen = np.zeros(shape, np.float32)
        for y, x in sites:
            seen[y::2, x::2] = raw[y::2, x::2]
        kernel = _CROSS if name == "green" else _SQUARE
        parts[name] = cv2.GaussianBlur(cv2.filter2D(seen, -1, kernel), (0, 0), 0.6) * _GAINS[name]
    luma = 0.2126 * parts["red"] + 0.7152 * parts["green"] + 0.0722 * parts["blue"]
    colours = [(parts["blue"] - luma) / 1.8556, (parts["red"] - luma) / 1.5748]
    half = [_resized(each, shape[1] // 2, shape[0] // 2) for each in colours]
    return luma, np.stack(half, axis=-1)


def _resized(plane: NDArray[np.generic], width: int, height: int) -> NDArray[np.float32]:
    small = cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def _enlarged(planes: object, width: int, height: int) -> list[NDArray[np.uint8]]:
    sizes = ((width, height), (width // 2, height // 2))
    return [
        _rounded(cv2.resize(np.float32(plane), size, interpolation=cv2.INTER_CUBIC))
        for plane, size in zip(planes, sizes, strict=True)  # type: ignore[call-overload]
    ]


def _sequence(frames: list[list[NDArray[np.uint8]]]) -> Sequence420:
    return Sequence420(*(np.stack(part) for part in zip(*frames, strict=True)))


def _rounded(samples: NDArray[np.generic]) -> NDArray[np.uint8]:
    return np.clip(np.rint(samples), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
