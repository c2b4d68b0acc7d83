"""What restoring before encoding saves: `python -m tests.benchmarks.bitrate CLIPS --tune OTHER`.

Clips with noise, with film grain, and as they are, go through x264 at four crfs, with nothing
before it, with vdiff, hqdn3d or nlmeans before it; rate and quality against the *clean* clip
make a curve each, and the distance of two curves a number:

- BD-rate: by how much the rate changes at equal quality, in percent;
- BD-quality: by how much the quality changes at equal rate, in dB or VMAF points.

G. Bjontegaard, "Calculation of average PSNR differences between RD-curves", ITU-T VCEG-M33,
2001, over log10 of the rate; the curves are interpolated by monotone cubics (PCHIP), as later
common test conditions of ITU-T and ISO/IEC do, for cubics of four points swing. Noise costs
rate and lowers quality, so at low crfs an unfiltered curve turns back: points that another
point of the same curve beats in both rate and quality are left out. Where the two curves
share no quality there is no BD-rate, and BD-quality alone is given.

Peers are tuned as in `quality`; what is tuned for clips as they are is tuned at sigma 3. Rows
are kept in FOLDER as soon as they are there. Requires scipy, and what `quality` requires.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.bjontegaard import Curve, quality_change, rate_change
from tests.benchmarks.clips import HARMS, Clip, Harm, film_grain, noise, read_clips
from tests.benchmarks.encoder import through_x264
from tests.benchmarks.measures import MEASURES, measured
from tests.benchmarks.peers.catalogue import peers
from tests.benchmarks.peers.method import AbsentError, Method, Setting
from tests.benchmarks.peers.ours import Choice, ours
from tests.benchmarks.peers.tuning import Tuner
from tests.benchmarks.rows import Row, Rows
from tests.benchmarks.tables import print_table

_CRFS = (27, 32, 37, 42)  # below them noise drowns an unfiltered curve
_FRAMES = 32
_BESIDE = ("ffmpeg hqdn3d", "ffmpeg nlmeans")
_NOTHING = "nothing"


@dataclass(frozen=True)
class Source:
    """What is encoded: a harmed clip, and the harm that filters are tuned for."""

    harm: Harm
    tuned_for: Harm


SOURCES = {
    source.harm.name: source
    for source in (
        Source(noise(10), noise(10)),
        Source(film_grain(8), film_grain(8)),
        Source(HARMS["clean"], noise(3)),
    )
}


class Bench:
    """One session of measuring.

    Args:
        clips: clean ones.
        rows: that are there, and where new ones go.
        tuner: of the peers.
        threads: that a filter may use.
    """

    def __init__(
        self, clips: Sequence[Clip], rows: Rows, tuner: Tuner | None, threads: int
    ) -> None:
        self._clips = clips
        self._rows = rows
        self._tuner = tuner
        self._threads = threads

    def encoded(self, source: Source, method: Method | None, crfs: Sequence[int]) -> None:
        """Rows of a source with a filter, or None, before the encoder."""
        setting = self._setting(source, method)
        for clip in self._clips:
            wanted = [_row(source, method, setting, clip, crf) for crf in crfs]
            if all(self._rows.find(row, "kbps") for row in wanted):
                continue
            before = source.harm.apply(clip)
            if method:
                before = method.run(before, setting, self._threads)
            for crf, row in zip(crfs, wanted, strict=True):
                after, kbps = through_x264(before, crf)
                measures = {"kbps": kbps} | measured(after, clip, MEASURES)
                self._rows.add(row.with_measures(measures))
                shown = ", ".join(f"{name} {value:.2f}" for name, value in measures.items())
                print(f"{row.harm} {row.method} {clip.name}: {shown}", file=sys.stderr)

    def _setting(self, source: Source, method: Method | None) -> Setting:
        if method is None or not method.tunable:
            return Setting(0, 0)
        if self._tuner is None:
            raise AbsentError("it has to be tuned; give --tune")
        return self._tuner.best(method, source.tuned_for, "yuv420")


def main() -> None:
    """Measure what was asked for, then print every table that can be made."""
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="vdiff-bitrate-") as spare:
        folder = given.out or Path(spare)
        folder.mkdir(parents=True, exist_ok=True)
        rows = Rows(folder / "bitrate.jsonl")
        methods = _methods(given)
        if not given.report:
            _measure(given, rows, methods, folder)
        for name in given.source or SOURCES:
            for measure in ("psnr_y", "vmaf"):
                print_table(_table(rows, methods, name, measure))


def _measure(
    given: argparse.Namespace, rows: Rows, methods: Sequence[Method | None], folder: Path
) -> None:
    settings = given.settings or folder / "settings.json"
    tuner = Tuner(given.tune, settings, given.threads) if given.tune else None
    clips = read_clips(given.clips, frames=given.frames, names=given.clip)
    bench = Bench(clips, rows, tuner, given.threads)
    for name in given.source or SOURCES:
        for method in methods:
            try:
                bench.encoded(SOURCES[name], method, given.crf or _CRFS)
            except AbsentError as error:
                print(f"{_name(method)} is left out: {error}", file=sys.stderr)


def _table(
    rows: Iterable[Row], methods: Sequence[Method | None], source: str, measure: str
) -> Iterator[Sequence[str]]:
    """Means over clips; a clip's curve is compared with its own curve without a filter."""
    known = {(_name(one), one.version if one else "") for one in methods}
    own = [row for row in rows if (row.method, row.version) in known and measure in row.measures]
    curves = _curves((row for row in own if row.harm.rpartition(" crf ")[0] == source), measure)
    yield (
        f"{source}, {measure}", "clips", "BD-rate", "clips with one", "BD-quality", "rate",
        "quality"
    )  # fmt: skip
    plain = curves.get(_NOTHING, {})
    for method, by_clip in curves.items():
        pairs = [(plain[clip], curve) for clip, curve in by_clip.items() if clip in plain]
        rates = [change for pair in pairs if (change := rate_change(*pair)) is not None]
        better = [change for pair in pairs if (change := quality_change(*pair)) is not None]
        kbps = [point[0] for curve in by_clip.values() for point in curve]
        quality = [point[1] for curve in by_clip.values() for point in curve]
        yield (
            method,
            str(len(by_clip)),
            f"{100 * np.mean(rates):+.1f} %" if rates else "",
            str(len(rates)),
            f"{np.mean(better):+.2f}" if better else "",
            f"{np.mean(kbps):.0f} kbit/s",
            f"{np.mean(quality):.2f}",
        )


def _curves(rows: Iterable[Row], measure: str) -> dict[str, dict[str, Curve]]:
    """(kbit/s, quality) points by method and clip."""
    found: dict[str, dict[str, Curve]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row.method][row.clip].append((row.measures["kbps"], row.measures[measure]))
    return found


def _methods(given: argparse.Namespace) -> list[Method | None]:
    choice = Choice(
        presets=tuple(given.preset or ("fast", "quality")),
        task=given.task,
        weights=given.weights,
        backend=given.backend,
    )
    beside = [one for one in peers() if one.name in _BESIDE] if given.tune or given.report else []
    known: list[Method] = [*ours(choice), *beside]
    words = [word.lower() for word in given.method]
    chosen = [one for one in known if not words or any(w in one.name.lower() for w in words)]
    return [None, *chosen]


def _name(method: Method | None) -> str:
    return method.name if method else _NOTHING


def _row(source: Source, method: Method | None, setting: Setting, clip: Clip, crf: int) -> Row:
    version = method.version if method else ""
    fields = setting.as_fields() if method and method.tunable else {}
    harm = f"{source.harm.name} crf {crf}"
    return Row(_name(method), version, clip.format, harm, clip.name, len(clip), fields)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.bitrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("clips", type=Path, help="folder of clean clips")
    add("--tune", type=Path, help="folder of other clips, to tune peers on")
    add("--out", type=Path, help="folder for rows and settings")
    add("--settings", type=Path, help="file of tuned settings (default OUT/settings.json)")
    add("--source", action="append", choices=list(SOURCES), help="again for more; default all")
    add("--crf", action="append", type=int, help=f"again for more; default {_CRFS}")
    add("--method", action="append", default=[], help="part of a name; again for more")
    add("--clip", action="append", default=[], help="file name without suffix; again for more")
    add("--frames", type=int, default=_FRAMES)
    add("--threads", type=int, default=2, help="that a filter may use (default 2)")
    add("--preset", action="append", help="fast, quality; default both")
    add("--task", default="restore", help="that the weights were trained for")
    add("--weights", type=Path, help="a weights file of the preset given")
    add("--backend", default="auto")
    add("--report", action="store_true", help="only print what is there")
    return parser


if __name__ == "__main__":
    main()
