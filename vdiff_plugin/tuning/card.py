"""The card of tuned weights: what they were tuned on, how far, and what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vdiff_plugin.model.weights import Weights
from vdiff_plugin.tuning.outcome import Outcome
from vdiff_plugin.tuning.takes import Take


def write_card(out: Path, weights: Weights, outcome: Outcome, takes: Sequence[Take]) -> str:
    """The card of `out` in Markdown."""
    names = sorted({take.path.name for take in takes})
    frames = sum(len(take.learn) for take in takes)
    judged = sum(len(take.judge) for take in takes)
    gain, noise = outcome.gain, outcome.noise
    return "\n".join(
        [
            f"# {out.stem}",
            "",
            "| | |",
            "|---|---|",
            f"| task, preset | {weights.task}, {weights.preset.name} |",
            f"| tuned on | {', '.join(names)}: {frames} frames in {len(takes)} takes |",
            f"| begun with | weights `{outcome.start.hex()}` |",
            f"| file | content hash `{weights.fingerprint.hex()}` |",
            f"| noise found | {noise.luma:.1f} codes in luma, {noise.chroma:.1f} in chroma; "
            f"{max(0.0, outcome.stays):.0%} of it lasts from one frame to the next |",
            f"| tuning | {outcome.steps:,} steps, the best after {outcome.best_step:,}; kernels "
            f"moved by at most {outcome.distance:.1%} of their norm |",
            f"| gain | {gain.decibels:+.3f} dB, standard error {gain.uncertainty:.3f} |",
            "",
            f"The gain is measured on {judged} held-out frames against their own noisy neighbours,",
            "whose noise hides most of it; the gain of the picture is larger, and cannot be",
            "measured without a clean copy. These weights are for footage like that above.",
            "",
        ]
    )
