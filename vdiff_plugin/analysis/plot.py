"""Change over time as a picture, with cuts marked. Drawn by Matplotlib, an optional extra."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vdiff_plugin.analysis.envelope import Envelope
from vdiff_plugin.analysis.idle import Span
from vdiff_plugin.analysis.watch import Moment
from vdiff_plugin.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMS = {".png": "png", ".svg": "svg"}
_SIZE = (11, 4.6)  # inches
_DOTS = 120  # an inch
_CURVE, _PEAK, _CUT, _IDLE = "#1f5fa8", "#cfe1f4", "#c8321e", "#dfe8d8"


@dataclass
class Curves:
    """What a plot shows; memory does not grow with the clip, but for cuts and idle spans.

    Attributes:
        features: mean change by features.
        pixels: mean change by pixels.
        feature_peaks: 99th percentile of change by features.
        pixel_peaks: 99th percentile of change by pixels.
        cuts: seconds.
        idle: spans in which nothing happens.
    """

    features: Envelope = field(default_factory=Envelope)
    pixels: Envelope = field(default_factory=Envelope)
    feature_peaks: Envelope = field(default_factory=Envelope)
    pixel_peaks: Envelope = field(default_factory=Envelope)
    cuts: list[float] = field(default_factory=list)
    idle: list[Span] = field(default_factory=list)

    def push(self, moment: Moment) -> None:
        """Take the next frame."""
        seen = moment.seen
        self.features.push(seen.time, seen.features.mean)
        self.feature_peaks.push(seen.time, seen.features.p99)
        self.pixels.push(seen.time, seen.pixels.mean)
        self.pixel_peaks.push(seen.time, seen.pixels.p99)
        if moment.cut.cut:
            self.cuts.append(seen.time)


def require_plottable(path: Path) -> None:
    """Refuse what cannot be drawn, before any work.

    Raises:
        UsageError: neither .png nor .svg, or Matplotlib is missing.
    """
    if path.suffix.lower() not in FORMS:
        raise UsageError(f"{path}: plots are .png or .svg; give such a name")
    if find_spec("matplotlib") is None:
        raise UsageError(
            "Matplotlib is not installed; pip install 'vdiff-plugin[plot]', or leave --plot out"
        )


def draw(curves: Curves, title: str, features: str, form: str) -> bytes:
    """A plot as a file's content.

    Args:
        curves: what it shows.
        title: over it.
        features: name of what was compared.
        form: "png" or "svg".
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # Without these an SVG differs from run to run.
    with rc_context({"svg.hashsalt": "vdiff", "svg.fonttype": "none"}):
        figure = Figure(figsize=_SIZE, dpi=_DOTS, layout="constrained")
        panels = figure.subplots(len(_panels(curves, features)), 1, sharex=True, squeeze=False)[
            :, 0
        ]
        for axes, (label, means, peaks) in zip(panels, _panels(curves, features), strict=True):
            _curve(axes, means, peaks, label)
            _mark(axes, curves.cuts, curves.idle)
        panels[0].set_title(f"{title}: change from the frame before", loc="left", fontsize=11)
        panels[0].legend(
            loc="lower right", bbox_to_anchor=(1, 1), fontsize=8, ncols=4, frameon=False
        )
        panels[-1].set_xlabel("seconds")
        file = io.BytesIO()
        figure.savefig(file, format=form, metadata={"Date": None} if form == "svg" else None)
    return file.getvalue()


def _panels(curves: Curves, features: str) -> list[tuple[str, Envelope, Envelope]]:
    """(label, means, peaks) of each panel; one is enough where the features are pixels."""
    pixels = ("pixels, in code values", curves.pixels, curves.pixel_peaks)
    if features == "pixel":
        return [pixels]
    return [(f"features of {features}", curves.features, curves.feature_peaks), pixels]


def _curve(axes: Axes, curve: Envelope, peaks: Envelope, label: str) -> None:
    times = [each.start for each in curve.bins]
    high = [each.highest for each in peaks.bins]
    axes.fill_between(times, high, color=_PEAK, linewidth=0, label="99th percentile")
    axes.plot(times, [each.mean for each in curve.bins], color=_CURVE, linewidth=1.2, label="mean")
    axes.set_ylabel(label, fontsize=9)
    axes.set_ylim(bottom=0)
    axes.margins(x=0.005)
    axes.spines[["top", "right"]].set_visible(False)


def _mark(axes: Axes, cuts: Sequence[float], idle: Sequence[Span]) -> None:
    options: dict[str, Any] = {"label": "idle"}
    for span in idle:
        axes.axvspan(span.start, span.stop, color=_IDLE, zorder=0, **options)
        options = {}
    options = {"label": "cut"}
    for time in cuts:
        axes.axvline(time, color=_CUT, linewidth=0.9, linestyle=(0, (4, 2)), **options)
        options = {}
