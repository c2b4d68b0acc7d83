"""What a tuning came to."""

from __future__ import annotations

from dataclasses import dataclass

from vdiff_plugin.tuning.judge import Gain
from vdiff_plugin.tuning.noise import Noise


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Figures of a finished tuning.

    Attributes:
        start: content hash of the weights it began with.
        noise: of the footage.
        stays: share of the noise that lasts for a frame.
        steps, best_step: done, and those after which the held-out frames came out best.
        gain: of the best against the weights it began with.
        distance: the longest way of a kernel, in units of its norm.
    """

    start: bytes
    noise: Noise
    stays: float
    steps: int
    best_step: int
    gain: Gain
    distance: float
