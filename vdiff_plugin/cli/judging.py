"""Measuring clips and telling what was found: as a table, as JSON, and as a page."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vdiff_plugin.atomic import require_writable, write_whole
from vdiff_plugin.cli.footage import Footage, human_size
from vdiff_plugin.cli.progress import Report as Progress
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import UsageError
from vdiff_plugin.measure import Metric, Result, Version, compare, summary
from vdiff_plugin.measure.alignment import NONE, Numbers
from vdiff_plugin.pages.report import Report, Subject, render
from vdiff_plugin.pages.stills import Studio
from vdiff_plugin.settings import Settings

_FEATURES, _DETECTOR = "vdiff", "absolute"  # of the heat map: what the networks see


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was found of some clips.

    Attributes:
        footage: the reference, then what was compared with it.
        numbers: of each, the frame for every frame compared, or -1.
        results: of each.
        metrics: that were measured.
    """

    footage: Sequence[Footage]
    numbers: Sequence[Numbers]
    results: Sequence[Result]
    metrics: Sequence[Metric]

    @property
    def versions(self) -> list[Version]:
        """What was compared, the reference first."""
        return _versions(self.footage, self.numbers)

    @property
    def times(self) -> list[float]:
        """Seconds at which the frames compared are shown in the reference."""
        shown = self.footage[0].times
        return [float(shown[int(n)]) for n in self.numbers[0]]


def judge(
    footage: Sequence[Footage],
    numbers: Sequence[Numbers],
    metrics: Sequence[Metric],
    progress: Progress,
) -> Judgement:
    """Measure clips.

    Args:
        footage: the reference, then what is compared with it.
        numbers: of each, the frame for every frame to be compared, or -1.
        metrics: to measure.
        progress: called after every frame.
    """
    reference, *versions = _versions(footage, numbers)
    mine, theirs = compare(reference, versions, metrics, progress)
    return Judgement(footage=footage, numbers=numbers, results=[mine, *theirs], metrics=metrics)


def _versions(footage: Sequence[Footage], numbers: Sequence[Numbers]) -> list[Version]:
    names = _names(footage)
    return [Version(*each) for each in zip(names, footage, numbers, strict=True)]


def _names(footage: Sequence[Footage]) -> list[str]:
    """Names of the clips; with their folders, then with numbers, where two are the same."""
    names = [one.name for one in footage]
    if len(set(names)) < len(names):
        names = [str(getattr(one, "path", one.name)) for one in footage]
    return [
        name if names.count(name) == 1 else f"{name} ({index})" for index, name in enumerate(names)
    ]


# ---- a table


def table(judgement: Judgement) -> list[list[str]]:
    """Rows for stdout: means over the frames, size and bitrate."""
    head = ["clip", *(one.name for one in judgement.metrics), "size", "kbit/s"]
    rows = [
        [one.name, *_means(judgement, result), *_weight(one)]
        for one, result in zip(judgement.footage, judgement.results, strict=True)
    ]
    for row, version_ in zip(rows, judgement.versions, strict=True):
        row[0] = version_.name
    return [head, *rows]


def _means(judgement: Judgement, result: Result) -> list[str]:
    found = [
        summary(result.series[one.name]) if one.name in result.series else None
        for one in judgement.metrics
    ]
    return [
        "-" if each is None else f"{each.mean:.{metric.digits}f}"
        for each, metric in zip(found, judgement.metrics, strict=True)
    ]


def _weight(one: Footage) -> list[str]:
    weight = one.weight
    return ["-", "-"] if weight is None else [human_size(weight.size), _kbits(weight.bitrate)]


def _kbits(bitrate: int) -> str:
    return f"{bitrate / 1000:.0f}"


# ---- JSON


def as_json(judgement: Judgement, align: str) -> bytes:
    """Everything that was measured; NaN is null."""
    first, *others = [
        _entry(name, one, numbers, result)
        for name, one, numbers, result in zip(
            (each.name for each in judgement.versions),
            judgement.footage,
            judgement.numbers,
            judgement.results,
            strict=True,
        )
    ]
    whole = {
        "vdiff": version("vdiff-plugin"),
        "align": align,
        "metrics": {
            one.name: {"unit": one.unit, "better": one.better} for one in judgement.metrics
        },
        "reference": first,
        "distorted": others,
    }
    return (json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _entry(name: str, one: Footage, numbers: Numbers, result: Result) -> dict[str, Any]:
    weight = one.weight
    found = {key: summary(series) for key, series in result.series.items()}
    return {
        "name": name,
        "width": one.info.width,
        "height": one.info.height,
        "frames": len(one),
        "bytes": weight and weight.size,
        "bitrate": weight and weight.bitrate,
        "compared": [None if n == NONE else int(n) for n in numbers],
        "summary": {
            key: dict(zip(("mean", "min", "max", "frames"), each, strict=True)) if each else None
            for key, each in found.items()
        },
        "values": {
            key: [round(x, 6) if math.isfinite(x) else None for x in series.tolist()]
            for key, series in result.series.items()
        },
    }


# ---- a page


@dataclass(frozen=True, kw_only=True)
class Telling:
    """How a report tells what was found.

    Attributes:
        title: plain text.
        settings: what was asked for.
        notes: for the reader.
        left: index of the version at the viewer's left, -1 for the reference.
        right: the same at its right.
    """

    title: str
    settings: Mapping[str, str]
    notes: Sequence[str] = ()
    left: int = -1
    right: int = 0


def as_page(judgement: Judgement, telling: Telling, engine: Engine) -> str:
    """The report as HTML."""
    first, *others = (
        Subject(version=each, result=result, facts=one.facts)
        for each, result, one in zip(
            judgement.versions, judgement.results, judgement.footage, strict=True
        )
    )
    engine.reserve(Settings.of().cache)
    studio = Studio(
        first.version,
        [one.version for one in others],
        engine.extractor(_FEATURES),
        engine.change_detector(_DETECTOR),
    )
    report = Report(
        title=telling.title,
        reference=first,
        versions=others,
        metrics=judgement.metrics,
        times=judgement.times,
        settings=telling.settings,
        notes=telling.notes,
        left=telling.left,
        right=telling.right,
    )
    return render(report, studio)


def require_results(
    paths: Sequence[Path | None], *, overwrite: bool, sources: tuple[Path, ...]
) -> None:
    """Refuse before any work what could not be written after it.

    Raises:
        OutputError: a file that may not or cannot be written.
        UsageError: one name for two results.
    """
    given = [path for path in paths if path is not None]
    for path in given:
        require_writable(path, overwrite=overwrite, sources=sources)
    if len({path.resolve() for path in given}) < len(given):
        raise UsageError(f"{given[0]}: one name for two results; give each its own")


def write_report(path: Path, text: str, *, overwrite: bool, sources: tuple[Path, ...]) -> None:
    """Write a page; see `write_whole`."""
    write_whole(path, text.encode(), overwrite=overwrite, sources=sources)


def shown_settings(settings: Settings) -> dict[str, str]:
    """Settings as the reader of a report would write them."""
    shown = {}
    for name, value in settings:
        if value is None:
            continue
        if isinstance(value, tuple):
            value = ",".join(map(str, value))
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        elif name == "cache":
            value = human_size(value)
        shown[name] = str(value)
    return shown
