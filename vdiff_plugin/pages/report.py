"""The report of a comparison: one HTML file with pictures, plots and numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from vdiff_plugin.measure.catalogue import Metric, main_metric
from vdiff_plugin.measure.comparison import Result, Version
from vdiff_plugin.measure.series import Series, summary
from vdiff_plugin.pages.assets import VIEWER_SCRIPTS, VIEWER_STYLES, page
from vdiff_plugin.pages.selection import choose_frames
from vdiff_plugin.pages.stills import (
    CHANGE,
    REFERENCE,
    Shots,
    Studio,
    distance_name,
    layer_name,
)

LIMIT = 4_800_000  # bytes of a report: below 5 MB with room for what is not pictures
_POINTS = 2000  # of a line in a plot; longer series are told as means with low and high


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One clip of a report.

    Attributes:
        version: its frames.
        result: what was measured of it.
        facts: what is to be said of the file: `{"Size": "1.2 MB"}`.
    """

    version: Version
    result: Result
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.version.name


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a report tells.

    Attributes:
        title: plain text.
        reference: the clip compared with.
        versions: the clips compared.
        metrics: that were measured.
        times: seconds at which frames of the reference are shown.
        settings: what was asked for, name -> value.
        notes: sentences for the reader.
        left: index of the version that the viewer shows at the left; -1 is the reference.
        right: the same at the right.
    """

    title: str
    reference: Subject
    versions: Sequence[Subject]
    metrics: Sequence[Metric]
    times: Sequence[float]
    settings: Mapping[str, str]
    notes: Sequence[str] = ()
    left: int = -1
    right: int = 0


def render(report: Report, studio: Studio, limit: int = LIMIT) -> str:
    """The report as HTML of at most about `limit` bytes.

    Args:
        report: what to tell.
        studio: takes the stills.
        limit: bytes.
    """
    plots = _plots(report)
    ranked = main_metric(report.metrics)
    named = {one.name: one.result.series[ranked.name] for one in report.versions if ranked}
    reasons: dict[int, str] = {}

    def choose(count: int) -> Mapping[int, str]:
        reasons.clear()
        reasons.update(choose_frames(len(report.times), count, ranked, named))
        return reasons

    bare = _page(report, plots, {}, "")
    shots = studio.shots(choose, limit - len(bare.encode()) - 4096)
    return _page(report, plots, _viewer(report, shots, reasons), _told(report, shots))


def _page(report: Report, plots: Any, viewer: Any, told: str) -> str:
    body = f"""
<header class="top">
  <div><p class="brand">vdiff report</p><h1>{escape(report.title)}</h1></div>
  <button type="button" data-theme-toggle>Dark</button>
</header>
<main>
<section aria-label="Numbers">{_table(report)}{_notes(report)}</section>
<section aria-label="Pictures">
  <vdiff-viewer></vdiff-viewer>
  <p class="told">{escape(told)}</p>
</section>
<section aria-labelledby="plots-title">
  <h2 id="plots-title">Frame by frame</h2>
  <div id="plots"></div>
</section>
<section aria-labelledby="settings-title">
  <h2 id="settings-title">Files and settings</h2>
  <div class="pair">{_facts(report)}{_settings(report)}</div>
</section>
</main>
<footer>One file, no network: it can be kept, mailed and opened anywhere.</footer>
<noscript><p class="told">Pictures and plots need JavaScript; the numbers do not.</p></noscript>"""
    return page(
        f"{report.title} - vdiff report",
        body,
        styles=(*VIEWER_STYLES, "report.css"),
        scripts=(*VIEWER_SCRIPTS, "plots.js", "report.js"),
        data={"plots-data": plots, "viewer-data": viewer},
    )


# ---- numbers


def _table(report: Report) -> str:
    head = "".join(
        f'<th scope="col"><abbr title="{escape(metric.meaning)}">{escape(metric.title)}</abbr>'
        f"<small>{escape(' '.join(filter(None, (metric.unit, _arrow(metric)))))}</small></th>"
        for metric in report.metrics
    )
    subjects = [report.reference, *report.versions]
    rows = "".join(_row(report, one, index) for index, one in enumerate(subjects, -1))
    return (
        f'<div class="scroll"><table class="numbers"><thead><tr><th scope="col">Clip</th>{head}'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(report: Report, subject: Subject, index: int) -> str:
    cells = "".join(_cell(report, subject, metric) for metric in report.metrics)
    kind = '<small class="kind">reference</small>' if index < 0 else ""
    name = f'<span class="swatch" data-version="{index}"></span>{escape(subject.name)}{kind}'
    return f'<tr><th scope="row">{name}</th>{cells}</tr>'


def _cell(report: Report, subject: Subject, metric: Metric) -> str:
    series = subject.result.series.get(metric.name)
    found = None if series is None else summary(series)
    if found is None or series is None:
        return '<td class="none">&ndash;</td>'
    best = ' class="best"' if _is_best(report, found.mean, metric) else ""
    worst = found.high if metric.better == "lower" else found.low
    at = int(np.nanargmax(series) if metric.better == "lower" else np.nanargmin(series))
    word = "worst" if metric.better else "least"
    return (
        f"<td{best}><b>{_number(found.mean, metric)}</b>"
        f"<small>{word} {_number(worst, metric)}, frame {at}</small></td>"
    )


def _is_best(report: Report, mean: float, metric: Metric) -> bool:
    found = [summary(one.result.series[metric.name]) for one in report.versions]
    means = [one.mean for one in found if one]
    if len(means) < 2 or not metric.better:
        return False
    return mean == (max(means) if metric.better == "higher" else min(means))


def _arrow(metric: Metric) -> str:
    return {"higher": "↑", "lower": "↓", "": ""}[metric.better]


def _number(value: float, metric: Metric) -> str:
    return f"{value:.{metric.digits}f}"


def _notes(report: Report) -> str:
    if not report.notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    return f'<ul class="notes">{items}</ul>'


def _facts(report: Report) -> str:
    subjects = [report.reference, *report.versions]
    names = list(dict.fromkeys(name for one in subjects for name in one.facts))
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{escape(one.name)}</th>'
        + "".join(f"<td>{escape(one.facts.get(name, ''))}</td>" for name in names)
        + "</tr>"
        for one in subjects
    )
    return (
        f'<div class="scroll card"><table><thead><tr><th scope="col">File</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _settings(report: Report) -> str:
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in report.settings.items()
    )
    return f'<dl class="card">{items}</dl>'


# ---- pictures


def _viewer(report: Report, shots: Shots, reasons: Mapping[int, str]) -> dict[str, Any]:
    names = {REFERENCE: report.reference.name}
    names |= {layer_name(i): one.name for i, one in enumerate(report.versions)}
    maps = {CHANGE: "Change in time"}
    far = "Distance"
    maps |= {
        distance_name(i): f"{far}: {one.name}" if len(report.versions) > 1 else far
        for i, one in enumerate(report.versions)
    }
    frames = [
        {
            "n": n,
            "title": f"frame {n}" + (f": {reasons[n]}" if reasons[n] else ""),
            "note": clock(report.times[n]),
            "layers": layers,
            "maps": shots.maps.get(n, {}),
        }
        for n, layers in shots.layers.items()
    ]
    left, right = (REFERENCE if i < 0 else layer_name(i) for i in (report.left, report.right))
    first = next((i for i, n in enumerate(shots.layers) if "median" in reasons[n]), 0)
    return {
        "names": names,
        "mapNames": maps,
        "frames": frames,
        "left": left,
        "right": right,
        "index": first,
    }


def _told(report: Report, shots: Shots) -> str:
    count, length = len(shots.layers), len(report.times)
    which = "All frames are" if count == length else f"{count} of {length} frames are"
    kind = f"WebP of quality {shots.rung.quality}"
    size = "" if shots.scale == 1 else f", at {100 * shots.scale:.0f} % of their size"
    chosen = (
        "" if count == length else " The worst, best and median ones come first, then even steps."
    )
    return f"{which} shown, as {kind}{size}; numbers and plots come from the clips.{chosen}"


def clock(seconds: float) -> str:
    """Minutes, seconds and thousandths: `1:02.040`."""
    whole, rest = divmod(round(abs(seconds) * 1000), 60_000)
    return f"{'-' if seconds < 0 else ''}{whole}:{rest // 1000:02d}.{rest % 1000:03d}"


# ---- plots


def _plots(report: Report) -> dict[str, Any]:
    subjects = [report.reference, *report.versions]
    length = len(report.times)
    step = max(1, math.ceil(length / _POINTS))
    return {
        "length": length,
        "step": step,
        "times": [round(one, 3) for one in report.times[::step]],
        "names": [one.name for one in subjects],
        "metrics": [
            {
                "title": metric.title,
                "unit": metric.unit,
                "digits": metric.digits,
                "meaning": metric.meaning,
                "better": metric.better,
                "lines": [
                    _line(one.result.series[metric.name], step, metric.digits + 1)
                    if metric.name in one.result.series
                    else None
                    for one in subjects
                ],
            }
            for metric in report.metrics
        ],
    }


def _line(series: Series, step: int, digits: int) -> dict[str, list[float | None]]:
    """Means over `step` frames; and their lowest and highest, where there are several."""
    parts = [series[at : at + step] for at in range(0, len(series), step)]
    found = [summary(part) for part in parts]
    rounded = [[round(x, digits) for x in one[:3]] if one else [None] * 3 for one in found]
    line = {"mean": [one[0] for one in rounded]}
    if step > 1:
        line |= {"low": [one[1] for one in rounded], "high": [one[2] for one in rounded]}
    return line
