"""The best setting of each peer, found on clips that no table is taken from.

A grid of strengths in geometric steps is walked from its middle until the best of them has
a worse one on both sides. Where luma and chroma have strengths of their own and planes are
filtered apart (4:2:0), one walk finds both; where planes mix (RGB through Y'CbCr), a second
walk follows for chroma.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.benchmarks.clips import Clip, Harm, read_clip
from tests.benchmarks.measures import plane_psnr
from tests.benchmarks.peers.method import Method, Setting
from vdiff_plugin.atomic import write_whole
from vdiff_plugin.training.footage import find_media

CLIPS, FRAMES, SIZE = 4, 7, (144, 240)
_REACH = 9  # steps from the middle, at most
_STRIDES = (2, 1)  # coarse steps first, then fine ones around the best
Scores = tuple[float, float]  # dB: what the strength of luma decides, and that of chroma


class Tuner:
    """Tunes, and remembers in a file.

    Args:
        folder: of clips to tune on.
        cache: JSON file of what was found before; made and added to.
        threads: that a method may use.
    """

    def __init__(self, folder: Path, cache: Path, threads: int) -> None:
        self._paths = _spread(find_media([folder])[0], CLIPS)
        self._cache = cache
        self._threads = threads
        self._pairs: dict[tuple[str, str], list[tuple[Clip, Clip]]] = {}

    def best(self, method: Method, harm: Harm, form: str) -> Setting:
        """The setting of highest mean PSNR.

        Raises:
            AbsentError: the method does not run here.
        """
        if not method.tunable:
            return Setting(0, 0)
        key = " | ".join([method.name, method.version, form, harm.name])
        known = json.loads(self._cache.read_text()) if self._cache.exists() else {}
        if key not in known:
            setting, decibels = self._search(method, harm, form)
            # Another run may have added to the file in the meantime.
            known = json.loads(self._cache.read_text()) if self._cache.exists() else {}
            known[key] = setting.as_fields() | {"psnr": round(decibels, 3)}
            text = json.dumps(known, indent=1, sort_keys=True)
            write_whole(self._cache, text.encode(), overwrite=True)
        found = known[key]
        return Setting(found["luma"], found["chroma"], found["variant"])

    def _search(self, method: Method, harm: Harm, form: str) -> tuple[Setting, float]:
        pairs = self._clips(harm, form)
        tried = [self._variant(method, harm, form, variant, pairs) for variant in method.variants]
        return max(tried, key=lambda each: each[1])

    def _variant(
        self, method: Method, harm: Harm, form: str, variant: str, pairs: list[tuple[Clip, Clip]]
    ) -> tuple[Setting, float]:
        def at(luma: int, chroma: int) -> Setting:
            strengths = (method.strength(harm, step) for step in (luma, chroma))
            return Setting(*strengths, variant)

        known: dict[Setting, Scores] = {}

        def score(setting: Setting) -> Scores:
            if setting not in known:
                known[setting] = self._score(method, setting, pairs, harm.kind)
            return known[setting]

        if form not in method.split:
            step, _ = walk(lambda step: _both(score(at(step, step))))
            return at(step, step), _sum(score(at(step, step)))
        luma, chroma = walk(lambda step: score(at(step, step)))
        if form == "rgb":
            _, chroma = walk(lambda step: score(at(luma, step)), chroma)
            return at(luma, chroma), _sum(score(at(luma, chroma)))
        decibels = _sum((score(at(luma, luma))[0], score(at(chroma, chroma))[1]))
        return at(luma, chroma), decibels

    def _score(
        self, method: Method, setting: Setting, pairs: list[tuple[Clip, Clip]], kind: str
    ) -> Scores:
        """Weighted parts of the PSNR; on codecs luma alone counts."""
        found = []
        for clean, bad in pairs:
            planes = plane_psnr(method.run(bad, setting, self._threads), clean)
            if clean.format == "rgb":
                found.append((planes[0] / 2, planes[0] / 2))
            elif kind == "codec":
                found.append((planes[0], 0.0))
            else:
                found.append((planes[0] * 6 / 8, (planes[1] + planes[2]) / 8))
        luma, chroma = np.mean(found, axis=0)
        return float(luma), float(chroma)

    def _clips(self, harm: Harm, form: str) -> list[tuple[Clip, Clip]]:
        key = (harm.name, form)
        if key not in self._pairs:
            clean = [read_clip(path, form=form, frames=FRAMES, size=SIZE) for path in self._paths]
            self._pairs[key] = [(clip, harm.apply(clip)) for clip in clean]
        return self._pairs[key]


def walk(score: Callable[[int], Scores], start: int = 0) -> tuple[int, int]:
    """Steps of the best luma and of the best chroma, each with worse ones beside it."""
    found = {start: score(start)}
    for stride in _STRIDES:
        while wanted := _around(found, stride):
            found |= {step: score(step) for step in sorted(wanted)}
    luma, chroma = _best(found)
    return luma, chroma


def _around(found: dict[int, Scores], stride: int) -> set[int]:
    """Steps beside the best ones that nothing is known of yet."""
    steps = {step + by for step in _best(found) for by in (-stride, stride)}
    return {step for step in steps - found.keys() if abs(step) <= _REACH}


def _best(found: dict[int, Scores]) -> list[int]:
    return [max(found, key=lambda step: found[step][part]) for part in (0, 1)]


def _both(scores: Scores) -> Scores:
    return _sum(scores), _sum(scores)


def _sum(scores: Scores) -> float:
    return scores[0] + scores[1]


def _spread(paths: Sequence[Path], count: int) -> list[Path]:
    """`count` of them, evenly spaced over the sorted list."""
    if not paths:
        return []
    places = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)
    return [paths[place] for place in sorted(set(places.tolist()))]
