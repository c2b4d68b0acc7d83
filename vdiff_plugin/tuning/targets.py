"""Targets: a neighbour brought to frame n, which shows the same things under other noise.

The network sees frame n and never frame t. What noise frame t has it cannot know, so the
best it can do is what both frames share: the picture (J. Lehtinen et al., "Noise2Noise",
ICML 2018; T. Ehret et al., CVPR 2019, for one video). That holds where frame t shows the
same, to a fraction of a pixel, and only there a position counts. Alignment and judgement
go by frames that the bundled network has restored: on noisy ones flow wanders, and a
mask that looks at the target's own noise would pick it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Flow
from vdiff_plugin.training.footage import Sequence420

_SMOOTHING = 0.8  # pixels; of the luma that flow compares
_WINDOW = 9  # pixels; differences are judged by their root mean square over such squares
_USUAL, _ALLOWED = 1.6, 1.0  # a difference may be so many times the median, and codes more
_CYCLE = 0.5  # pixels that flow there and back may miss by
_SLOPE_SMOOTHING = 4.0  # pixels; of the luma whose slope says what a miss is worth
_WORTH = 1.0  # codes that it may be
_RIM = 3  # pixels at the border that interpolation reaches over
_GROWTH = 5  # pixels; what is left out grows by half of it


@dataclass(frozen=True)
class Target:
    """Frame t as frame n would look with its noise.

    Attributes:
        luma: (H, W) uint8.
        chroma: (H/2, W/2, 2) uint8.
        weight: (H/2, W/2) uint8, 1 where it shows what frame n shows.
    """

    luma: NDArray[np.uint8]
    chroma: NDArray[np.uint8]
    weight: NDArray[np.uint8]


def make_target(noisy: Sequence420, restored: Sequence420, n: int, t: int) -> Target:
    """Bring frame `t` of `noisy` to frame `n`, led by the same frames of `restored`."""
    flow = _flow(restored.luma[n], restored.luma[t])
    back = _flow(restored.luma[t], restored.luma[n])
    half = _halved(flow)
    weight = _seen_in_both(flow, back, restored.luma[n]) & _unchanged(restored, n, t, flow, half)
    weight = cv2.erode(weight.astype(np.uint8), np.ones((_GROWTH, _GROWTH), np.uint8))
    rows, columns = (size // 2 for size in weight.shape)
    return Target(
        luma=moved(noisy.luma[t], flow),
        chroma=_moved_planes(noisy.chroma[t], half),
        weight=weight.reshape(rows, 2, columns, 2).min(axis=(1, 3)),
    )


def moved(plane: NDArray[Any], flow: Flow) -> NDArray[Any]:
    """`plane` at the places that `flow` leads to.

    Lanczos keeps more detail than the network's own linear warps: a soft target would
    teach it to blur.
    """
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    result: NDArray[Any] = cv2.remap(
        plane, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return result


def _moved_planes(chroma: NDArray[Any], half: Flow) -> NDArray[Any]:
    planes = [moved(np.ascontiguousarray(chroma[..., i]), half) for i in (0, 1)]
    return np.stack(planes, axis=-1)


def _flow(reference: NDArray[np.uint8], other: NDArray[np.uint8]) -> Flow:
    """Flow at full size with variational refinement, one thread: the same everywhere."""
    cv2.setNumThreads(1)
    solver: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    solver.setFinestScale(0)
    first, second = (cv2.GaussianBlur(each, (0, 0), _SMOOTHING) for each in (reference, other))
    flow: Flow = solver.calc(first, second, None)
    return flow


def _halved(flow: Flow) -> Flow:
    height, width = flow.shape[:2]
    half: Flow = cv2.resize(flow, (width // 2, height // 2), interpolation=cv2.INTER_AREA) / 2
    return half


def _seen_in_both(flow: Flow, back: Flow, luma: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Inside both pictures, and flow comes back to where it left: nothing moved over it.

    Where the picture is flat flow wanders, and it does not matter. Left out, such places are
    not learnt from: networks came to leave noise in skies and snow, and nobody saw it.
    """
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width] + np.moveaxis(flow, -1, 0)[::-1]
    inside = (x >= _RIM) & (y >= _RIM) & (x < width - _RIM) & (y < height - _RIM)
    miss = np.linalg.norm(flow + moved(back, flow), axis=-1)
    worth = _root_mean_square(miss * _slope(luma))
    seen: NDArray[np.bool_] = inside & ((miss < _CYCLE) | (worth < _WORTH))
    return seen


def _slope(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Codes a pixel by which a smoothed picture rises."""
    smooth = cv2.GaussianBlur(luma.astype(np.float32), (0, 0), _SLOPE_SMOOTHING)
    down, across = np.gradient(smooth)
    slope: NDArray[np.float32] = np.hypot(down, across)
    return slope


def _unchanged(restored: Sequence420, n: int, t: int, flow: Flow, half: Flow) -> NDArray[np.bool_]:
    """The change map between both restored frames, (H, W): True where it is small."""
    luma = restored.luma[n] - moved(restored.luma[t].astype(np.float32), flow)
    chroma = restored.chroma[n] - _moved_planes(restored.chroma[t].astype(np.float32), half)
    square = cv2.resize(np.square(chroma).mean(axis=-1), flow.shape[1::-1])
    kept = [_small(luma), _small(np.sqrt(square))]
    unchanged: NDArray[np.bool_] = np.logical_and(*kept)
    return unchanged


def _small(difference: NDArray[np.float32]) -> NDArray[np.bool_]:
    change = _root_mean_square(difference)
    small: NDArray[np.bool_] = change < _USUAL * np.median(change) + _ALLOWED
    return small


def _root_mean_square(values: NDArray[Any]) -> NDArray[np.float64]:
    means = cv2.boxFilter(np.square(values), cv2.CV_64F, (_WINDOW, _WINDOW))
    root: NDArray[np.float64] = np.sqrt(np.maximum(means, 0))  # running sums go a little below
    return root
