"""The picture of quality against speed: what lies above and to the right is better.

Requires matplotlib.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vdiff_plugin.atomic import whole_file

_OURS = "vdiff"
_COLOURS = {True: "#c0392b", False: "#34495e"}  # ours, and all else
_PANEL = (5.2, 4.6)  # inches
_ROOM = 8.0  # times the fastest, so that its name fits


class Point(NamedTuple):
    """A method: frames a second, dB, name."""

    fps: float
    psnr: float
    name: str


def draw(path: Path, title: str, panels: Mapping[str, Sequence[Point]]) -> None:
    """One panel a harm, side by side, as SVG or PNG by the suffix of `path`."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "vdiff", "font.size": 9}):
        figure = Figure(figsize=(_PANEL[0] * len(panels), _PANEL[1]), layout="constrained")
        figure.suptitle(title)
        for place, (name, points) in enumerate(panels.items(), 1):
            _panel(figure.add_subplot(1, len(panels), place), name, points)
        with whole_file(path, overwrite=True, sources=()) as part:
            figure.savefig(part, metadata={"Date": None} if path.suffix == ".svg" else None)


def front(points: Sequence[Point]) -> list[Point]:
    """Points that no other beats in both, fastest first."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda each: (-each.fps, -each.psnr)):
        if not kept or point.psnr > kept[-1].psnr:
            kept.append(point)
    return kept


def _panel(axes: Any, name: str, points: Sequence[Point]) -> None:
    best = front(points)
    axes.set_xscale("log")
    axes.step(
        [point.fps for point in best],
        [point.psnr for point in best],
        where="post",
        color="#bdc3c7",
        zorder=1,
    )
    for point in points:
        ours = point.name.startswith(_OURS)
        colour, marker = _COLOURS[ours], "D" if ours else "o"
        axes.plot(point.fps, point.psnr, marker, color=colour, markersize=5)
    highest = _label(axes, points)
    axes.set_title(name)
    axes.set_xlabel("frames a second")
    axes.set_ylabel("PSNR, dB")
    axes.margins(0.06, 0.08)
    axes.set_ylim(top=max(highest, axes.get_ylim()[1]))
    axes.set_xlim(right=_ROOM * max(point.fps for point in points))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(visible=True, which="both", alpha=0.2)


def _label(axes: Any, points: Sequence[Point]) -> float:
    """Names beside points, moved up where they would cover each other; how high they reach."""
    lowest = -1e9
    span = max(point.psnr for point in points) - min(point.psnr for point in points) or 1.0
    for point in sorted(points, key=lambda each: each.psnr):
        height = max(point.psnr, lowest + 0.042 * span)
        lowest = height
        axes.annotate(
            point.name,
            (point.fps, point.psnr),
            xytext=(point.fps * 1.15, height),
            color=_COLOURS[point.name.startswith(_OURS)],
            fontsize=7,
            verticalalignment="center",
        )
    return lowest + 0.03 * span
