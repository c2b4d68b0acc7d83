"""What samples of a task are, and who makes them; without Keras, which workers do not need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vdiff_plugin.model.presets import UPSCALING
from vdiff_plugin.training.doublings import doubling_dtype, write_doublings
from vdiff_plugin.training.samples import SampleRecipe, sample_dtype, write_samples
from vdiff_plugin.training.survey import Footage


@dataclass(frozen=True)
class SampleKind:
    """One kind of samples.

    Attributes:
        dtype: of one sample, by the side of its patch in pixels.
        write: makes a file of them, as `samples.write_samples` does.
    """

    dtype: Callable[[int], np.dtype[np.void]]
    write: Callable[[Footage, SampleRecipe, Path], None]


def sample_kind(task: str) -> SampleKind:
    """The samples that `task` is trained on."""
    if task == UPSCALING:
        return SampleKind(doubling_dtype, write_doublings)
    return SampleKind(sample_dtype, write_samples)
