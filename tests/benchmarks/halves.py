"""Clips at half their size, clean or harmed after that: what upscale2x has to bring back.

Halving is Keys's cubic, widened to the small picture's samples; chroma stays on the left.
"""

from __future__ import annotations

from tests.benchmarks.clips import Clip, Harm, clip_of, h264, noise, sequence_of
from vdiff_plugin.training.halving import halved

_CURVE = "cubic"


def _half(harm: Harm | None = None) -> Harm:
    def apply(clip: Clip) -> Clip:
        small = clip_of(clip.name, halved(sequence_of(clip), _CURVE))
        return harm.apply(small) if harm else small

    if harm is None:
        return Harm("half", "half", 0, apply)
    return Harm(f"half, {harm.name}", "half", harm.level, apply)


HALVES: dict[str, Harm] = {
    harm.name: harm for harm in (_half(), _half(noise(10)), _half(h264(28, 3)))
}
