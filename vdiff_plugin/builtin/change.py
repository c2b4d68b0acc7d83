"""Change between two frames: per position from their features, and as one score for cuts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Features
from vdiff_plugin.errors import FrameError


class AbsoluteChange:
    """The method's detector: sum over channels of the absolute difference."""

    def detect(self, previous: Features, current: Features) -> NDArray[np.float32]:
        """Change map (h, w) of two maps (h, w, channels).

        Raises:
            FrameError: maps of different shapes.
        """
        return _difference(previous, current).sum(axis=2, dtype=np.float64).astype(np.float32)


def _difference(previous: Features, current: Features) -> NDArray[Any]:
    """|current - previous|, exact: unsigned integers stay so and never wrap."""
    if previous.shape != current.shape or current.ndim != 3:
        raise FrameError(
            f"features {previous.shape} and {current.shape} cannot be compared; "
            "give two maps (h, w, channels) of one shape"
        )
    difference: NDArray[Any] = np.maximum(previous, current) - np.minimum(previous, current)
    return difference
