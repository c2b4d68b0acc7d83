"""Which metrics there are, and what is to be known of each before it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from vdiff_plugin.errors import UnknownNameError, UsageError
from vdiff_plugin.frame import ClipInfo
from vdiff_plugin.measure.flicker import Flicker, ReferenceMotion
from vdiff_plugin.measure.psnr import Psnr
from vdiff_plugin.measure.series import Measure
from vdiff_plugin.measure.sharpness import Sharpness
from vdiff_plugin.measure.ssim import Ssim
from vdiff_plugin.measure.vmaf import Vmaf

Open = Callable[[ClipInfo, ReferenceMotion], Measure]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric on offer.

    Attributes:
        name: also that of its main series.
        title: as people write it.
        unit: of its numbers; empty where they have none.
        digits: after the point, that are worth printing.
        better: which way is good; empty where neither is.
        meaning: one sentence for whoever reads a report.
        open: makes a measure.
        alone: True if it looks at a clip without its reference.
    """

    name: str
    title: str
    unit: str
    digits: int
    better: Literal["higher", "lower", ""]
    meaning: str
    open: Open
    alone: bool = False


_ALL = (
    Metric(
        name="psnr",
        title="PSNR",
        unit="dB",
        digits=2,
        better="higher",
        meaning="how small the error is; Y, U and V weighted 6:1:1",
        open=lambda clip, _: Psnr(clip),
    ),
    Metric(
        name="ssim",
        title="SSIM",
        unit="",
        digits=4,
        better="higher",
        meaning="how alike structures are, 1 is equal; as FFmpeg computes it",
        open=lambda clip, _: Ssim(clip),
    ),
    Metric(
        name="vmaf",
        title="VMAF",
        unit="",
        digits=2,
        better="higher",
        meaning="what people would say of it, 0 to 100; model vmaf_v0.6.1, luma only",
        open=lambda clip, _: Vmaf(clip),
    ),
    Metric(
        name="flicker",
        title="Flicker",
        unit="codes",
        digits=2,
        better="lower",
        meaning="change in time that motion does not explain, in 8-bit codes",
        open=Flicker,
        alone=True,
    ),
    Metric(
        name="sharpness",
        title="Sharpness",
        unit="codes/px",
        digits=2,
        better="",
        meaning="how steep the picture is, noise included",
        open=lambda clip, _: Sharpness(clip),
        alone=True,
    ),
)
METRICS = {metric.name: metric for metric in _ALL}


def choose(names: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics of these names, each once, in the order of the catalogue.

    Raises:
        UnknownNameError: a name that is no metric.
        UsageError: no name at all.
    """
    for name in names:
        if name not in METRICS:
            raise UnknownNameError("metric", name, METRICS)
    if not names:
        raise UsageError(f"no metric is named; give some of {', '.join(METRICS)}")
    return tuple(metric for metric in METRICS.values() if metric.name in names)


def main_metric(metrics: Sequence[Metric]) -> Metric | None:
    """The one by which frames are called best and worst; None where none can tell."""
    ranked = [METRICS[name] for name in ("vmaf", "psnr", "ssim", "flicker")]
    return next((one for one in ranked if one in metrics), None)
