"""What a peer is: a filter that people have, with the settings that are tried on it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.clips import Clip, Harm

_BOTH = frozenset({"yuv420", "rgb"})
_NOISE = frozenset({"noise"})


class AbsentError(Exception):
    """A filter that is not installed, or does not run here; says why."""


@dataclass(frozen=True)
class Setting:
    """How strongly, and which of a method's variants.

    Attributes:
        luma: strength on Y, or on R, G and B together.
        chroma: strength on U and V.
        variant: what the method itself makes of it.
    """

    luma: float
    chroma: float
    variant: str = ""

    def as_fields(self) -> dict[str, float | str]:
        """For rows and files."""
        return {"luma": self.luma, "chroma": self.chroma, "variant": self.variant}


@dataclass(frozen=True, kw_only=True)
class Method:
    """A filter and the grid that it is tuned on.

    Attributes:
        name: as in tables.
        run: restores a clip with a setting on so many threads; raises AbsentError.
        version: of what does the work; measured rows belong to it.
        start: strength tried first, per `level ** power` of the harm.
        power: see `start`.
        ratio: from one strength of the grid to the next.
        least: the weakest strength that the filter takes.
        most: the strongest.
        whole: strengths are whole numbers.
        variants: other choices, each tuned by itself.
        split: formats in which luma and chroma (of R'G'B' too, where the filter works on
            Y'CbCr inside) have strengths of their own.
        harms: kinds of harm that people use it against.
        formats: that it can take.
    """

    name: str
    run: Callable[[Clip, Setting, int], Clip]
    version: str
    start: float = 1.0
    power: float = 1.0
    ratio: float = 1.3
    least: float = 0.0
    most: float = math.inf
    whole: bool = False
    variants: tuple[str, ...] = ("",)
    split: frozenset[str] = _BOTH
    harms: frozenset[str] = _NOISE
    formats: frozenset[str] = _BOTH

    @property
    def tunable(self) -> bool:
        """False for what chooses its strength by itself."""
        return self.start > 0

    def suits(self, harm: Harm, form: str) -> bool:
        """True if it is worth a row."""
        return harm.kind in self.harms and form in self.formats

    def strength(self, harm: Harm, step: int) -> float:
        """Strength `step` steps above the one that is tried first."""
        value = self.start * harm.level**self.power * self.ratio**step
        value = min(max(value, self.least), self.most)
        return float(round(value)) if self.whole else float(f"{value:.4g}")
