"""Tables and the plot of what `quality` has measured."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.clips import HARMS
from tests.benchmarks.halves import HALVES
from tests.benchmarks.pareto import Point, draw
from tests.benchmarks.peers.method import Method
from tests.benchmarks.rows import Row, Rows
from tests.benchmarks.tables import print_table
from vdiff_plugin.atomic import write_whole

_FORMS = {"yuv420": "8-bit 4:2:0", "rgb": "RGB"}
_COLUMNS = {"psnr": "PSNR", "psnr_y": "luma", "psnr_c": "chroma", "ssim": "SSIM", "vmaf": "VMAF",
            "flicker": "flicker", "fps": "fps"}  # fmt: skip
_DIGITS = {"ssim": 4, "vmaf": 1, "fps": 1}
_AS_IT_IS = "as it is"
_DRAWN = ("sigma 10", "sigma 20", "sigma 40")


@dataclass(frozen=True)
class Line:
    """A method's means over clips.

    Attributes:
        method: its name.
        setting: as it was tuned.
        means: by measure.
        clips: values by clip, by measure.
    """

    method: str
    setting: str
    means: dict[str, float]
    clips: dict[str, dict[str, float]]


def report(rows: Rows, methods: Sequence[Method], folder: Path | None, *, each: bool) -> None:
    """Print tables; with a folder, also keep them as JSON and draw the plot."""
    tables = _gathered(rows, methods)
    for (form, harm), table in tables.items():
        if len(table) > 1:
            print_table(_table(form, harm, table))
            _say_flicker(tables.get((form, "clean"), []))
            if each:
                print_table(_by_clip(harm, table))
    for form in dict.fromkeys(form for form, _ in tables):
        by_harm = {harm: table for (other, harm), table in tables.items() if other == form}
        print_table(_overview(form, by_harm))
        _draw(folder, form, by_harm)
    if folder:
        _keep(folder, tables)


def _gathered(rows: Rows, methods: Sequence[Method]) -> dict[tuple[str, str], list[Line]]:
    """Lines by format and harm, of the methods as they are now."""
    known = {(one.name, one.version) for one in methods} | {("", "")}
    current = [row for row in rows if (row.method, row.version) in known]
    tables = {
        (form, harm): list(_lines(row for row in current if (row.form, row.harm) == (form, harm)))
        for form in _FORMS
        for harm in (*HARMS, *HALVES)
    }
    return {place: table for place, table in tables.items() if table}


def _lines(rows: Iterable[Row]) -> Iterator[Line]:
    """Rows of one harm, by method."""
    by_method: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_method[row.method].append(row)
    for method, own in by_method.items():
        setting = own[-1].setting
        own = [row for row in own if row.setting == setting]
        clips: dict[str, dict[str, float]] = defaultdict(dict)
        for row in own:
            for name, value in row.measures.items():
                clips[name][row.clip] = value
        means = {name: float(np.mean(list(values.values()))) for name, values in clips.items()}
        if "psnr_y" in means:  # planes weigh 6:1:1
            means["psnr_c"] = (8 * means["psnr"] - 6 * means["psnr_y"]) / 2
        yield Line(method or _AS_IT_IS, _words(setting), means, dict(clips))


def _words(setting: object) -> str:
    if not isinstance(setting, dict) or not setting:
        return ""
    strengths = dict.fromkeys(f"{setting[part]:g}" for part in ("luma", "chroma"))
    return " ".join(["/".join(strengths), str(setting["variant"])]).strip()


def _table(form: str, harm: str, lines: Sequence[Line]) -> Iterator[Sequence[str]]:
    before = next((line for line in lines if line.method == _AS_IT_IS), None)
    columns = [name for name in _COLUMNS if any(name in line.means for line in lines)]
    yield f"{_FORMS[form]}, {harm}", *(_COLUMNS[name] for name in columns), "worst clip", "setting"
    order = _order(harm)
    for line in sorted(lines, key=lambda line: -line.means.get(order, 0.0)):
        shown = (_number(name, line.means.get(name)) for name in columns)
        yield _title(line, before), *shown, _worst(line, before, harm), line.setting


def _say_flicker(clean: Sequence[Line]) -> None:
    """Motion that is not found exactly counts as flicker, so clean clips have some too."""
    line = _line(clean, _AS_IT_IS)
    if line and "flicker" in line.means:
        print(f"Flicker of the clean clips: {line.means['flicker']:.2f}.\n")


def _title(line: Line, before: Line | None) -> str:
    """The name; how many clips, where some are still missing."""
    have = len(line.clips.get("psnr", ()))
    want = len(before.clips["psnr"]) if before else have
    return line.method if have == want else f"{line.method} ({have} of {want} clips)"


def _worst(line: Line, before: Line | None, harm: str) -> str:
    """The clip that gained least; of clean clips, the one that lost most."""
    if before is None or line is before:
        return ""
    was, now = (each.clips.get(_order(harm), {}) for each in (before, line))
    if harm == "clean":
        return "{:.2f} {}".format(*min((value, clip) for clip, value in now.items()))
    gains = [(now[clip] - was[clip], clip) for clip in now.keys() & was.keys()]
    return "{:+.2f} {}".format(*min(gains)) if gains else ""


def _by_clip(harm: str, lines: Sequence[Line]) -> Iterator[Sequence[str]]:
    clips = sorted({clip for line in lines for clip in line.clips.get("psnr", {})})
    yield f"{harm}, PSNR", *clips
    for line in lines:
        values = line.clips.get("psnr", {})
        yield line.method, *(_number("psnr", values.get(clip)) for clip in clips)


def _overview(form: str, tables: dict[str, list[Line]]) -> Iterator[Sequence[str]]:
    """Methods by harms: luma PSNR for codecs, PSNR for all else."""
    methods = list(dict.fromkeys(line.method for table in tables.values() for line in table))
    yield f"{_FORMS[form]}, PSNR (luma for H.264)", *tables, "fps"
    paces = _paces(tables)
    for method in methods:
        found = {harm: _line(table, method) for harm, table in tables.items()}
        cells = [
            _number("psnr", line.means.get(_order(harm))) if line else ""
            for harm, line in found.items()
        ]
        yield method, *cells, _number("fps", paces.get(method))


def _paces(tables: dict[str, list[Line]]) -> dict[str, float]:
    """Frames a second by method, of whichever harm they were taken on."""
    lines = [line for table in tables.values() for line in table]
    return {line.method: line.means["fps"] for line in lines if "fps" in line.means}


def _line(table: Sequence[Line], method: str) -> Line | None:
    return next((line for line in table if line.method == method), None)


def _order(harm: str) -> str:
    return "psnr_y" if harm.startswith("H.264") else "psnr"


def _draw(folder: Path | None, form: str, tables: dict[str, list[Line]]) -> None:
    """PSNR against frames a second of what has both, on all clips."""
    paces = _paces(tables)
    panels: dict[str, list[Point]] = {}
    for harm in _DRAWN:
        table = tables.get(harm, [])
        want = max((len(line.clips.get("psnr", ())) for line in table), default=0)
        points = [
            Point(paces[line.method], line.means["psnr"], line.method)
            for line in table
            if line.method in paces and want and len(line.clips.get("psnr", ())) == want
        ]
        if points:
            panels[f"noise of {harm}"] = points
    if folder and panels:
        draw(folder / f"psnr-fps-{form}.svg", _FORMS[form], panels)


def _number(name: str, value: float | None) -> str:
    return "" if value is None else f"{value:.{_DIGITS.get(name, 2)}f}"


def _keep(folder: Path, lines: dict[tuple[str, str], list[Line]]) -> None:
    results = [
        {"form": form, "harm": harm, "method": line.method, "setting": line.setting,
         "means": line.means, "clips": line.clips}
        for (form, harm), table in lines.items()
        for line in table
    ]  # fmt: skip
    text = json.dumps(results, indent=1, sort_keys=True)
    write_whole(folder / "results.json", text.encode(), overwrite=True)
