"""Motion between frames: OpenCV's DIS optical flow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vdiff_plugin.contracts import Aligner, Flow
from vdiff_plugin.errors import ResourceError
from vdiff_plugin.options import Options

_SMOOTHING = 1.0  # sigma in half-size pixels: flow survives noise, edges stay
_PATCH = 8
_SMALLEST = 24  # half-size pixels; DIS needs a few patches a side


def open_aligner(**options: str) -> Aligner:
    """The aligner `dis`; option `finest_scale`, 0 to 3. Raises SettingsError."""
    return DisAligner(DisOptions.read("aligner dis", options).finest_scale)


class DisOptions(Options):
    """Options of the aligner."""

    finest_scale: int = Field(2, ge=0, le=3, description="flow is solved at 1/2**this")


class DisAligner:
    """DIS flow on half-size smoothed luma.

    T. Kroeger et al., "Fast optical flow using dense inverse search", ECCV 2016.
    Gradient descent only, no variational refinement. OpenCV cuts DIS into stripes by
    its thread count; we keep that at one, so that every machine gets the same flow,
    and run pairs side by side instead.
    """

    def __init__(self, finest_scale: int = 2) -> None:
        """Choose the accuracy.

        Args:
            finest_scale: flow is solved down to 1/2**finest_scale of half size;
                2 is quick, 1 costs four times as much and follows smaller things.
        """
        self._finest_scale = finest_scale

    @property
    def fingerprint(self) -> bytes:
        """See `Aligner.fingerprint`."""
        return f"dis/2 {self._finest_scale} {cv2.__version__}".encode()

    def prepare(self, luma: NDArray[Any]) -> NDArray[np.uint8]:
        """(H/2, W/2) smoothed luma from (H, W) 8-bit codes."""
        height, width = luma.shape
        with _lack_of_memory():
            half = cv2.resize(luma, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
            guide: NDArray[np.uint8] = cv2.GaussianBlur(half, (0, 0), _SMOOTHING)
        return guide

    def flow(self, reference: NDArray[np.uint8], other: NDArray[np.uint8]) -> Flow:
        """See `Aligner.flow`; zero flow for pictures too small to track."""
        if min(reference.shape) < _SMALLEST:
            return np.zeros((*reference.shape, 2), np.float32)
        cv2.setNumThreads(1)
        # A solver a call: DIS changes its own parameters when a picture is small.
        solver = _solver(_finest_scale(reference.shape, self._finest_scale))
        with _lack_of_memory():
            flow: Flow = solver.calc(reference, other, None)
        return flow


@contextmanager
def _lack_of_memory() -> Iterator[None]:
    """Turn OpenCV's into ours; let other errors pass."""
    try:
        yield
    except cv2.error as error:
        if error.code != cv2.Error.StsNoMem:
            raise
        raise ResourceError("not enough memory for the optical flow") from error


def _finest_scale(shape: tuple[int, ...], wanted: int) -> int:
    """The wanted scale, or the finest below DIS's coarsest one, which small pictures lack.

    Without this DIS would pick patches and scales of its own, or crash on thin pictures.
    """
    by_width = int(math.log2(max(shape) / (4 * _PATCH)) + 0.5) if max(shape) > _PATCH else 0
    by_height = int(math.log2(min(shape) / _PATCH))
    return max(0, min(wanted, by_width, by_height))


def _solver(finest_scale: int) -> Any:
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    solver.setFinestScale(finest_scale)
    solver.setPatchSize(_PATCH)
    solver.setPatchStride(_PATCH // 2)
    solver.setVariationalRefinementIterations(0)
    return solver
