"""Which frames of a long clip a report shows, and why each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vdiff_plugin.measure.catalogue import Metric
from vdiff_plugin.measure.series import Series


def choose_frames(
    length: int, count: int, metric: Metric | None, named: Mapping[str, Series]
) -> dict[int, str]:
    """Frame numbers in order, each with what it stands for, such as `worst PSNR`.

    The worst frame of every version first, then the best and the middling one of them all,
    then frames evenly spaced, until there are `count`.

    Args:
        length: frames of the clip.
        count: frames wanted; at most `length` are given.
        metric: that decides; None for evenly spaced frames alone.
        named: name of each version -> its series of that metric, `length` numbers.
    """
    found: dict[int, str] = {}
    if metric is not None:
        for n, reason in _remarkable(metric, named):
            found[n] = f"{found[n]}, {reason}" if n in found else reason
    picked = dict(list(found.items())[:count])
    for n in _spread(length, count, list(picked)):
        picked[n] = ""
    return dict(sorted(picked.items()))


def _remarkable(metric: Metric, named: Mapping[str, Series]) -> list[tuple[int, str]]:
    sign = -1.0 if metric.better == "lower" else 1.0
    known = {name: sign * one for name, one in named.items() if np.isfinite(one).any()}
    if not known:
        return []
    of = len(known) > 1
    worst = [
        (int(np.nanargmin(one)), f"worst {metric.title}" + (f" of {name}" if of else ""))
        for name, one in known.items()
    ]
    total = np.mean(list(known.values()), axis=0)
    if not np.isfinite(total).any():
        return worst
    middle = int(np.nanargmin(np.abs(total - np.nanmedian(total))))
    best = int(np.nanargmax(total))
    return [*worst, (best, f"best {metric.title}"), (middle, f"median {metric.title}")]


def _spread(length: int, count: int, taken: Sequence[int]) -> list[int]:
    """Numbers that fill up to `count`, each as far from all others as can be."""
    chosen, added = list(taken), []
    numbers = np.arange(length)
    while len(chosen) < min(count, length):
        if chosen:
            gaps = np.abs(numbers[:, None] - np.array(chosen)).min(axis=1)
            n = int(gaps.argmax())
        else:
            n = length // 2
        chosen.append(n)
        added.append(n)
    return added
