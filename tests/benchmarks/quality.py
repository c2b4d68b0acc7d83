"""What the bundled models are worth: `python -m tests.benchmarks.quality CLIPS`.

Every video in the folder CLIPS is cut to its centre and degraded with seeds, restored with
`--noise auto` through the same engine as `vdiff enhance`, and compared with what it was.
PSNR of 8-bit 4:2:0, planes weighted 6:1:1; for encoded clips luma alone is given too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.settings import Settings
from vdiff_plugin.stream import render_clip
from vdiff_plugin.training.degrade import encoded
from vdiff_plugin.training.footage import Sequence420, find_media, read_video

FRAMES = 16
SIZE = (272, 480)  # rows and columns of the centre crop, smaller for smaller clips
Harm = Callable[[Sequence420], Sequence420]


def _noise(sigma: float) -> Harm:
    def add(clean: Sequence420) -> Sequence420:
        rng = np.random.default_rng(int(sigma))

        def noisy(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
            codes = plane + rng.normal(0, sigma, plane.shape)
            return np.clip(np.rint(codes), 0, 255).astype(np.uint8)

        return Sequence420(noisy(clean.luma), noisy(clean.chroma))

    return add


def _h264(crf: int) -> Harm:
    def add(clean: Sequence420) -> Sequence420:
        return encoded(clean, "libx264", {"crf": str(crf), "preset": "medium"})

    return add


HARMS: dict[str, Harm] = {
    "clean": lambda clean: clean,
    "sigma 3": _noise(3),
    "sigma 10": _noise(10),
    "sigma 20": _noise(20),
    "sigma 40": _noise(40),
    "H.264 crf 32": _h264(32),
    "H.264 crf 37": _h264(37),
}


@dataclass(frozen=True)
class Score:
    """PSNR in dB, mean over frames."""

    luma: float
    weighted: float


def main() -> None:
    """Print a table a preset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--preset", action="append", help="fast, quality; default both")
    parser.add_argument("--weights", type=Path, help="a weights file of that preset")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--each", action="store_true", help="a line a clip as well")
    options = parser.parse_args()
    clips = {path.stem: crop(clip, options.frames)
             for path in find_media([options.clips])[0] if (clip := read_video(path))}  # fmt: skip
    for preset in options.preset or ["fast", "quality"]:
        settings = Settings.of(preset=preset, weights=options.weights, backend=options.backend)
        print(f"\n{preset}: {len(clips)} clips, {options.frames} frames each\n")
        print("| input | before | after | gain | luma gain | worst clip | fps |")
        print("|---|---|---|---|---|---|---|")
        for name, harm in HARMS.items():
            _row(name, harm, clips, settings, each=options.each)


def _row(
    name: str, harm: Harm, clips: dict[str, Sequence420], settings: Settings, *, each: bool
) -> None:
    befores, afters, seconds, count = [], [], 0.0, 0
    for clip in clips.values():
        bad = harm(clip)
        start = time.perf_counter()
        good = restore(bad, settings)
        seconds += time.perf_counter() - start
        count += len(clip)
        befores.append(score(bad, clip))
        afters.append(score(good, clip))
    gains = [
        after.weighted - before.weighted for before, after in zip(befores, afters, strict=True)
    ]
    luma = np.mean([a.luma - b.luma for b, a in zip(befores, afters, strict=True)])
    if name == "clean":
        worst = min(zip([after.weighted for after in afters], clips, strict=True))
    else:
        worst = min(zip(gains, clips, strict=True))
    before, after = (np.mean([s.weighted for s in part]) for part in (befores, afters))
    print(
        f"| {name} | {before:.2f} | {after:.2f} | {after - before:+.2f} | {luma:+.2f} "
        f"| {worst[0]:+.2f} {worst[1]} | {count / seconds:.1f} |",
        flush=True,
    )
    if each:
        for clip_name, gain, result in zip(clips, gains, afters, strict=True):
            print(f"    {clip_name}: {result.weighted:.2f} ({gain:+.2f})")


def crop(clip: Sequence420, frames: int) -> Sequence420:
    """The centre of the first `frames` frames."""
    height, width = (min(a, b // 16 * 16) for a, b in zip(SIZE, clip.luma.shape[1:], strict=True))
    y, x = ((b - a) // 32 * 16 for a, b in zip((height, width), clip.luma.shape[1:], strict=True))
    return Sequence420(
        clip.luma[:frames, y : y + height, x : x + width],
        clip.chroma[:frames, y // 2 : (y + height) // 2, x // 2 : (x + width) // 2],
    )


def restore(clip: Sequence420, settings: Settings) -> Sequence420:
    """The clip after `vdiff`."""
    height, width = clip.luma.shape[1:]
    form = PixelFormat(family="yuv", log2_w=1, log2_h=1)
    info = ClipInfo(width=width, height=height, format=form, length=len(clip))
    frames = [
        Frame((luma, *np.ascontiguousarray(chroma.transpose(2, 0, 1))))
        for luma, chroma in zip(clip.luma, clip.chroma, strict=True)
    ]
    with _ENGINE.open(info, settings) as session:
        out = list(render_clip(session, frames, 2))
    return Sequence420(
        np.stack([frame.planes[0] for frame in out]),
        np.stack([np.stack(frame.planes[1:], axis=-1) for frame in out]),
    )


def score(clip: Sequence420, reference: Sequence420) -> Score:
    """PSNR of luma, and of all planes weighted 6:1:1; at most 100 dB a frame."""
    luma = _psnr(clip.luma, reference.luma)
    chroma = [_psnr(clip.chroma[..., i], reference.chroma[..., i]) for i in (0, 1)]
    weighted = (6 * np.array(luma) + chroma[0] + chroma[1]) / 8
    return Score(float(np.mean(luma)), float(np.mean(weighted)))


def _psnr(one: NDArray[np.uint8], two: NDArray[np.uint8]) -> NDArray[np.float64]:
    errors = np.square(one.astype(np.float64) - two).mean(axis=(1, 2))
    return 10 * np.log10(255**2 / np.maximum(errors, 255**2 / 1e10))


if __name__ == "__main__":
    with Engine() as _ENGINE:
        main()
