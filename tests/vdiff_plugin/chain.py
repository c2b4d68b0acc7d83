"""A small temporal stage, clips and offers for tests of the core. No TensorFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from pydantic import Field

from vdiff_plugin.builtin import hooks as builtin_hooks
from vdiff_plugin.contracts import Services, StageFactory
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat, Window
from vdiff_plugin.hookspecs import hookimpl
from vdiff_plugin.options import Options
from vdiff_plugin.plugins import Offers, build_manager, collect, register
from vdiff_plugin.settings import Settings

SMALL = ClipInfo(width=6, height=4, format=PixelFormat(family="yuv", log2_w=1, log2_h=1))


class MeanOptions(Options):
    """Options of the stage `mean`."""

    radius: int = Field(1, ge=0, le=5)
    shift: int = Field(0, ge=0, le=9, description="added, so that two stages differ")


class MeanStage:
    """The mean of the window's frames, ends left out: what a temporal filter is at least."""

    def __init__(self, clip: ClipInfo, options: MeanOptions) -> None:
        self.clip = clip
        self.radius = options.radius
        self.shift = options.shift
        self.rendered: Counter[int] = Counter()
        self.closed = 0

    @property
    def fingerprint(self) -> bytes:
        return f"mean {self.radius} {self.shift}".encode()

    def render(self, window: Window) -> Frame:
        self.rendered[window.n] += 1
        return mean_of([frame for frame in window.frames if frame is not None], self.shift)

    def close(self) -> None:
        self.closed += 1


def mean_of(frames: Sequence[Frame], shift: int) -> Frame:
    planes = zip(*(frame.planes for frame in frames), strict=True)
    return Frame(tuple(_mean(plane, shift) for plane in planes))


def _mean(planes: Sequence[Any], shift: int) -> Any:
    total = np.sum([plane.astype(np.int64) for plane in planes], axis=0)
    return ((total + shift) // len(planes) % 256).astype(planes[0].dtype)


def open_mean(
    clip: ClipInfo, settings: Settings, options: Mapping[str, str], services: Services
) -> MeanStage:
    return MeanStage(clip, MeanOptions.read("stage mean", options))


def plugin(**hooks: Callable[[], Any]) -> SimpleNamespace:
    """A plug-in that implements `hooks`: a name each, and a function without arguments."""
    return SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()})


def offers_of(*plugins: object, ours: bool = True) -> Offers:
    """What `plugins` offer, beside the stage `mean` and, where wanted, our own offers."""
    manager = build_manager()
    if ours:
        register(manager, builtin_hooks, "builtin of vdiff-plugin")
    mean: dict[str, StageFactory] = {"mean": open_mean}
    register(manager, plugin(vdiff_stages=lambda: mean), "mean of tests")
    for index, each in enumerate(plugins):
        register(manager, each, f"plug-in {index} of tests")
    return collect(manager)


@contextmanager
def engine_with(*plugins: object) -> Iterator[Engine]:
    with Engine(offers=offers_of(*plugins)) as engine:
        yield engine


def noise_clip(length: int, clip: ClipInfo = SMALL, seed: int = 0) -> list[Frame]:
    """Frames of random 8-bit samples."""
    rng = np.random.default_rng(seed)
    shapes = clip.plane_shapes()
    return [
        Frame(tuple(rng.integers(0, 256, shape, np.uint8) for shape in shapes))
        for _ in range(length)
    ]


def whole_clip_means(frames: list[Frame], stages: Sequence[tuple[int, int]]) -> list[Frame]:
    """What a chain of `mean` stages (radius, shift) gives, computed a whole clip at a time."""
    for radius, shift in stages:
        frames = [
            mean_of(frames[max(0, n - radius) : n + radius + 1], shift) for n in range(len(frames))
        ]
    return frames


def samples(frames: Sequence[Frame]) -> list[bytes]:
    """All samples of each frame, to compare bit for bit."""
    return [b"".join(plane.tobytes() for plane in frame.planes) for frame in frames]
