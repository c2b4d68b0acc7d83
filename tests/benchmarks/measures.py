"""How good a restored clip is, against what it was before it was harmed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.clips import Clip
from vdiff_plugin.measure import measure_pairs

MEASURES = ("psnr", "ssim", "vmaf", "flicker")
_KEPT = (*MEASURES, "psnr_y")


def measured(clip: Clip, clean: Clip, names: Sequence[str]) -> dict[str, float]:
    """Means over frames of the measures asked for; with PSNR also that of luma."""
    series = _series(clip, clean, names)
    return {name: float(np.nanmean(series[name])) for name in _KEPT if name in series}


def plane_psnr(clip: Clip, clean: Clip) -> list[float]:
    """dB, mean over frames: of Y, U and V, or one value over all of R, G and B."""
    series = _series(clip, clean, ["psnr"])
    names = ["psnr"] if clip.format == "rgb" else ["psnr_y", "psnr_u", "psnr_v"]
    return [float(series[name].mean()) for name in names]


def _series(clip: Clip, clean: Clip, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    pairs = zip(clean.frames(), clip.frames(), strict=True)
    return dict(measure_pairs(pairs, clean.info, names))
