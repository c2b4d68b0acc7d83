"""How well the noise level is found: `python -m tests.benchmarks.noise CLIPS [--out FOLDER]`.

White noise of known strength is added to the centre of every video in CLIPS; the estimate of
one window (five frames in the middle, nothing else) is compared with it. Wanted: within 10 %
or half a code value. Clean clips have no truth: compression has smoothed them, and what they
carry of their own noise counts as error in every row. `sensor` is noise whose variance rises
with brightness; its truth is the square root of the mean variance.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.clips import Clip, read_clips
from tests.benchmarks.tables import print_table
from vdiff_plugin.atomic import write_whole
from vdiff_plugin.builtin.levels import frame_levels, window_levels
from vdiff_plugin.builtin.planes import to_pixels

_SIGMAS = (0.0, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0)
_SENSORS = (0.5, 1.0, 2.0)  # square root of the variance that one code of brightness brings
_READ = 2.0  # codes, the sensor's noise in the dark
_FRAMES, _RADIUS = 7, 2
_STRIDE = 16  # that networks pad to
_SHARE, _CODES = 0.10, 0.5  # what counts as found
_PLANES = ("luma", "chroma")


@dataclass(frozen=True)
class Found:
    """One window's estimate.

    Attributes:
        clip: name of it.
        kind: `white` or `sensor`.
        given: the strength of the noise, as asked for.
        truth: standard deviation in codes, luma and chroma.
        found: the same as estimated.
    """

    clip: str
    kind: str
    given: float
    truth: tuple[float, float]
    found: tuple[float, float]

    def error(self, plane: int) -> float:
        """Codes."""
        return self.found[plane] - self.truth[plane]

    def good(self, plane: int) -> bool:
        """Within a tenth, or half a code."""
        return abs(self.error(plane)) <= max(_SHARE * self.truth[plane], _CODES)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.noise", description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--clip", action="append", default=[], help="again for more; default all")
    parser.add_argument("--out", type=Path, help="folder for noise.json")
    given = parser.parse_args()
    clips = read_clips(given.clips, frames=_FRAMES, names=given.clip)
    found = [each for clip in clips for each in _estimates(clip)]
    for plane in (0, 1):
        print_table(_table(found, plane))
    print_table(_clean(found))
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps([asdict(each) for each in found], indent=1)
        write_whole(given.out / "noise.json", text.encode(), overwrite=True)


def _estimates(clip: Clip) -> Iterator[Found]:
    for sigma in _SIGMAS:
        truth = [np.full(plane.shape, sigma**2) for plane in clip.planes]
        yield _estimate(clip, "white", sigma, truth)
    light = clip.planes[0].astype(np.float64)
    for shot in _SENSORS:
        variances = [shot**2 * part + _READ**2 for part in (light, *[light[:, ::2, ::2]] * 2)]
        yield _estimate(clip, "sensor", shot, variances)


def _estimate(
    clip: Clip, kind: str, given: float, variances: Sequence[NDArray[np.float64]]
) -> Found:
    rng = np.random.default_rng(int(10 * given))
    noisy = clip.holding(
        [
            np.clip(np.rint(plane + np.sqrt(variance) * rng.standard_normal(plane.shape)), 0, 255)
            .astype(np.uint8)
            for plane, variance in zip(clip.planes, variances, strict=True)
        ]
    )  # fmt: skip
    middle = len(clip) // 2
    frames = noisy.frames()[middle - _RADIUS : middle + _RADIUS + 1]
    seen = [to_pixels(frame, clip.info, _STRIDE)[0] for frame in frames]
    luma, chroma, *_ = window_levels([frame_levels(pixels) for pixels in seen])
    deviations = [float(np.sqrt(variance.mean())) for variance in variances]
    return Found(clip.name, kind, given, (deviations[0], deviations[1]), (luma, chroma))


def _table(found: Sequence[Found], plane: int) -> Iterator[Sequence[str]]:
    yield (
        f"noise of {_PLANES[plane]}", "truth", "mean estimate", "median error", "largest error",
        "of the clip", "within 10 % or 0.5"
    )  # fmt: skip
    for kind, given in dict.fromkeys((each.kind, each.given) for each in found):
        own = [each for each in found if (each.kind, each.given) == (kind, given)]
        if given == 0:
            continue
        worst = max(own, key=lambda each: abs(each.error(plane)))
        truth = np.mean([each.truth[plane] for each in own])
        middle = float(np.median([abs(each.error(plane)) / each.truth[plane] for each in own]))
        yield (
            f"{kind} {given:g}",
            f"{truth:.1f}",
            f"{np.mean([each.found[plane] for each in own]):.2f}",
            f"{middle:.1%}",
            f"{worst.error(plane):+.2f} ({worst.error(plane) / worst.truth[plane]:+.0%})",
            worst.clip,
            f"{sum(each.good(plane) for each in own)} of {len(own)}",
        )


def _clean(found: Sequence[Found]) -> Iterator[Sequence[str]]:
    yield "clean clip", *(f"estimate, {plane}" for plane in _PLANES)
    for each in found:
        if each.given == 0:
            yield each.clip, *(f"{value:.2f}" for value in each.found)


if __name__ == "__main__":
    main()
