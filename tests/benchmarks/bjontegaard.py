"""The distance of two rate-quality curves; see `bitrate` for the source of the formula."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Curve = Sequence[tuple[float, float]]  # (rate, quality), in any order
_FEWEST = 2  # points that make a curve


def rate_change(plain: Curve, other: Curve) -> float | None:
    """Mean change of the rate at equal quality: -0.25 is a quarter saved.

    None where the curves share no quality.
    """
    curves = [_front(curve) for curve in (plain, other)]
    log_rates = [(quality, log_rate) for log_rate, quality in curves]
    change = _mean_difference(*log_rates)
    return None if change is None else 10**change - 1


def quality_change(plain: Curve, other: Curve) -> float | None:
    """Mean change of the quality at equal rate; None where the curves share no rate."""
    curves = []
    for curve in (plain, other):
        rates, qualities = np.array(sorted(curve)).T
        curves.append((np.log10(rates), qualities))
    return _mean_difference(*curves)


def _front(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """log10 of rates, and qualities, both rising: beaten points are left out."""
    kept: list[tuple[float, float]] = []
    for rate, quality in sorted(curve):
        if not kept or quality > kept[-1][1]:
            kept.append((rate, quality))
    rates, qualities = np.array(kept).T
    return np.log10(rates), qualities


def _mean_difference(
    plain: tuple[NDArray[np.float64], NDArray[np.float64]],
    other: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> float | None:
    """Mean of other - plain over the abscissae that both have."""
    from scipy.interpolate import PchipInterpolator

    if min(len(plain[0]), len(other[0])) < _FEWEST:
        return None
    low = max(plain[0][0], other[0][0])
    high = min(plain[0][-1], other[0][-1])
    if high <= low:
        return None
    areas = [float(PchipInterpolator(*curve).integrate(low, high)) for curve in (plain, other)]
    return (areas[1] - areas[0]) / (high - low)
