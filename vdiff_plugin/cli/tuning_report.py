"""The page that `vdiff tune --report` writes: held-out frames before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from vdiff_plugin.cli.judging import Telling, as_page, judge
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import Frame
from vdiff_plugin.measure import choose
from vdiff_plugin.settings import Settings
from vdiff_plugin.training.footage import Sequence420
from vdiff_plugin.tuning.outcome import Outcome
from vdiff_plugin.tuning.recipe import TuneRecipe
from vdiff_plugin.tuning.restored import frames_of, info_of, restored
from vdiff_plugin.tuning.takes import find_takes

_RATE = 25  # frames a second on the page; footage of several files has no rate of its own
_METRICS = ("flicker", "sharpness")  # distance from the noisy frames would tell nothing


class HeldOut:
    """Held-out frames as a clip of a report."""

    weight = None

    def __init__(self, name: str, clip: Sequence420) -> None:
        """Show `clip` as `name`."""
        self.name = name
        self._clip = clip
        self.info = info_of(clip)
        self.times = [Fraction(n, _RATE) for n in range(len(clip))]
        size = f"{self.info.width}x{self.info.height}"
        self.facts: Mapping[str, str] = {"Picture": size, "Frames": str(len(clip))}

    def __len__(self) -> int:
        return len(self._clip)

    def frames(self, start: int = 0, end: int | None = None) -> Iterator[Frame]:
        """See `Clip.frames`."""
        return iter(frames_of(self._clip)[start : None if end is None else end + 1])


def tuning_page(
    recipe: TuneRecipe, footage: Sequence[Path], weights: Path, outcome: Outcome
) -> str:
    """The report of a tuning that has gained, as HTML."""
    take = find_takes(footage, recipe.seed)[0][0]
    shared = {"task": recipe.task, "preset": recipe.preset}
    with Engine() as engine:
        before = restored(engine, take.judge, Settings.of(**shared))
        after = restored(engine, take.judge, Settings.of(**shared, weights=weights))
        shown = [HeldOut(take.path.name, take.judge), HeldOut("bundled weights", before)]
        shown.append(HeldOut("tuned weights", after))
        numbers = [np.arange(len(take.judge), dtype=np.int64)] * len(shown)
        found = judge(shown, numbers, choose(_METRICS), lambda _done, _total: None)
        return as_page(found, _telling(recipe, weights, outcome), engine)


def _telling(recipe: TuneRecipe, weights: Path, outcome: Outcome) -> Telling:
    gain = outcome.gain
    return Telling(
        title=f"{weights.name}: before and after",
        settings={name: str(value) for name, value in recipe.model_dump().items()},
        notes=(
            f"Held-out frames came out {gain.decibels:+.3f} dB better (standard error "
            f"{gain.uncertainty:.3f}) against their noisy neighbours, whose noise hides most of "
            "the gain.",
            f"{outcome.steps} steps, the best after {outcome.best_step}; kernels moved by at most "
            f"{outcome.distance:.1%} of their norm.",
        ),
        left=0,
        right=1,
    )
