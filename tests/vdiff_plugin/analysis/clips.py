"""Frames with known changes: a fixed camera, things that move, shots that are unlike."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.analysis.watch import Comparison, Moment, watch
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import Frame

SCENE = Scene(width=192, height=112)
CLIP = SCENE.clip
RATE = 25
Planes = tuple[NDArray[np.uint8], ...]


@cache
def still() -> Planes:
    """What a fixed camera looks at."""
    return tuple(np.asarray(plane, np.uint8) for plane in SCENE.clean(0).planes)


@cache
def shot(kind: int) -> Planes:
    """One of several pictures that have nothing in common."""
    rng = np.random.default_rng(kind)
    shapes = ((112, 192), (56, 96), (56, 96))
    return tuple(_cloud(rng, shape, kind) for shape in shapes)


def framed(planes: Planes, sigma: float = 0, seed: int = 0) -> Frame:
    """A frame of these planes with white noise of `sigma` codes."""
    if not sigma:
        return Frame(planes)
    rng = np.random.default_rng(seed)
    noisy = (np.rint(plane + rng.normal(0, sigma, plane.shape)) for plane in planes)
    return Frame(tuple(np.clip(plane, 0, 255).astype(np.uint8) for plane in noisy))


def with_disc(planes: Planes, x: int, y: int, radius: int = 12) -> Planes:
    """The same with a bright disc about (x, y)."""
    luma = planes[0].copy()
    cv2.circle(luma, (x, y), radius, 235, -1)
    return (luma, *planes[1:])


def panned(planes: Planes, by: int) -> Planes:
    """The picture moved sideways, what leaves coming in again; `by` even."""
    steps = (by, by // 2, by // 2)
    return tuple(np.roll(plane, step, axis=1) for plane, step in zip(planes, steps, strict=True))


def watched(frames: list[Frame], features: str = "pixel") -> list[Moment]:
    """What `watch` says of 25 frames a second."""
    with Engine() as engine:
        timed = ((n / RATE, frame) for n, frame in enumerate(frames))
        return list(watch(timed, CLIP, Comparison.of(engine, features)))


def _cloud(rng: np.random.Generator, shape: tuple[int, int], kind: int) -> NDArray[np.uint8]:
    """Smooth patches and finer grain, about a brightness of its own."""
    total = np.full(shape, 20 + 30 * (kind % 4), np.float32)
    for cells, codes in (((5, 8), 90), ((28, 48), 40)):
        small = rng.random(cells, np.float32) * np.float32(codes)
        total += cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(total, 16, 235).astype(np.uint8)
