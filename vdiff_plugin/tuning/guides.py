"""Guides: restored frames that alignment and change maps of targets go by.

The noise that tuning is for is noise that the network misjudges, and what it leaves leads
flow astray: with film grain that was scaled up a tenth of the picture could be followed, and
a quarter when the network was told of more noise. So a few levels are tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vdiff_plugin.engine import Engine
from vdiff_plugin.settings import Settings
from vdiff_plugin.training.footage import Sequence420
from vdiff_plugin.tuning.restored import restored
from vdiff_plugin.tuning.targets import make_target

Level = float | Literal["auto"]

_LEVELS: tuple[Level, ...] = ("auto", 12.0, 28.0)  # codes
_LOOKS = 3  # frames of each clip


@dataclass(frozen=True)
class Guided:
    """Noisy frames, and the same restored."""

    noisy: Sequence420
    guide: Sequence420

    def followed(self) -> float:
        """Share of positions that a target counts at, 0..1, in a few frames."""
        numbers = np.linspace(0, len(self.noisy) - 2, _LOOKS).astype(int)
        targets = [make_target(self.noisy, self.guide, int(n), int(n) + 1) for n in numbers]
        return float(np.mean([target.weight.mean() for target in targets]))


def guide(
    engine: Engine, clips: Sequence[Sequence420], others: Sequence[Sequence420], preset: Settings
) -> tuple[list[Guided], list[Guided]]:
    """`clips` and `others` with guides of the level by which `clips` can be followed best."""
    tried = {level: _guided(engine, clips, preset, level) for level in _LEVELS}
    best = max(tried, key=lambda level: np.mean([each.followed() for each in tried[level]]))
    return tried[best], _guided(engine, others, preset, best)


def _guided(
    engine: Engine, clips: Sequence[Sequence420], preset: Settings, level: Level
) -> list[Guided]:
    settings = preset.model_copy(update={"noise": level})
    return [Guided(clip, restored(engine, clip, settings)) for clip in clips]
