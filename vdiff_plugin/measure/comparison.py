"""Clips in step: every frame of the reference with the frames that belong to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from vdiff_plugin.builtin.flow import open_aligner
from vdiff_plugin.builtin.planes import deepened
from vdiff_plugin.errors import UsageError
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.measure.alignment import NONE, Numbers
from vdiff_plugin.measure.catalogue import Metric, choose
from vdiff_plugin.measure.flicker import ReferenceMotion
from vdiff_plugin.measure.series import Measure, Series

Progress = Callable[[int, int], None]  # frames done, frames in all
_WORKERS = 4  # measures at once; they compute outside Python
_FINEST = "0"  # motion as fine as it can be had: what it misses would count as flicker


class Clip(Protocol):
    """Frames in order, of a file or of anything else."""

    @property
    def info(self) -> ClipInfo:
        """Size and format."""
        ...

    def __len__(self) -> int: ...

    def frames(self, start: int = 0, end: int | None = None) -> Iterator[Frame]:
        """Frames `start` to `end`, both included; to the last one without `end`."""
        ...


@dataclass(frozen=True)
class Version:
    """A clip to be compared.

    Attributes:
        name: what people call it.
        clip: its frames.
        numbers: for each frame of the reference the frame of this clip, or -1.
    """

    name: str
    clip: Clip
    numbers: Numbers


@dataclass
class Result:
    """What was measured of one clip.

    Attributes:
        name: what people call it.
        series: name -> a number for each frame of the reference, NaN where there is none.
    """

    name: str
    series: dict[str, Series] = field(default_factory=dict)


def compare(
    reference: Version,
    versions: Sequence[Version],
    metrics: Sequence[Metric],
    progress: Progress | None = None,
) -> tuple[Result, list[Result]]:
    """Measure `versions` against `reference`, and the reference by itself where that can be.

    Args:
        reference: its `numbers` say which of its frames count, in order.
        versions: what is measured; each has as many numbers as the reference.
        metrics: which.
        progress: called after each frame of the reference.

    Returns:
        What was found of the reference, and of each version.

    Raises:
        VdiffError: a clip that cannot be read, or a metric that does not take it.
    """
    common = _deepest([reference, *versions])
    motion = ReferenceMotion(common, open_aligner(finest_scale=_FINEST))
    alone = [metric for metric in metrics if metric.alone]
    with ExitStack() as opened:
        pool = opened.enter_context(ThreadPoolExecutor(_WORKERS, "vdiff-measure"))
        of_reference = opened.enter_context(_Bench(reference.name, alone, common, motion))
        benches = [
            opened.enter_context(_Bench(one.name, metrics, common, motion)) for one in versions
        ]
        walks = [opened.enter_context(closing(_walk(one, common))) for one in versions]
        total = len(reference.numbers)
        for done, (frame, *others) in enumerate(
            zip(opened.enter_context(closing(_walk(reference, common))), *walks, strict=True), 1
        ):
            if frame is None:
                raise UsageError(f"{reference.name}: a reference has all of its frames")
            jobs = [*of_reference.look_at(pool, frame, frame)]
            for bench, other in zip(benches, others, strict=True):
                jobs += bench.look_at(pool, frame, other)
            for job in jobs:
                job.result()
            if progress:
                progress(done, total)
        return of_reference.result(), [bench.result() for bench in benches]


def measure_pairs(
    pairs: Iterable[tuple[Frame, Frame]], clip: ClipInfo, names: Sequence[str]
) -> dict[str, Series]:
    """Numbers for (reference, distorted) frames of one clip, given in order.

    Args:
        pairs: frames that fit `clip`.
        clip: what they are frames of.
        names: metrics.

    Raises:
        UnknownNameError: no such metric.
    """
    motion = ReferenceMotion(clip, open_aligner(finest_scale=_FINEST))
    with _Bench("", choose(names), clip, motion) as bench, ThreadPoolExecutor(_WORKERS) as pool:
        for reference, distorted in pairs:
            for job in list(bench.look_at(pool, reference, distorted)):
                job.result()
        return bench.result().series


class _Bench(ExitStack):
    """The measures of one clip, and which frames they have seen."""

    def __init__(
        self, name: str, metrics: Sequence[Metric], clip: ClipInfo, motion: ReferenceMotion
    ) -> None:
        super().__init__()
        self._name = name
        self._seen: list[bool] = []
        self._measures: list[Measure] = []
        try:
            for metric in metrics:
                measure = metric.open(clip, motion)
                self.callback(measure.close)
                self._measures.append(measure)
        except BaseException:
            self.close()
            raise

    def look_at(
        self, pool: ThreadPoolExecutor, reference: Frame, frame: Frame | None
    ) -> Iterator[Future[None]]:
        """Have every measure look at the next frame; None where the clip lacks it."""
        self._seen.append(frame is not None)
        if frame is not None:
            for measure in self._measures:
                yield pool.submit(measure.add, reference, frame)

    def result(self) -> Result:
        """The series, with NaN where the clip lacked a frame."""
        found = Result(self._name)
        seen = np.array(self._seen, bool)
        for measure in self._measures:
            for name, values in measure.finish().items():
                series = np.full(len(seen), math.nan)
                series[seen] = values
                found.series[name] = series
        return found


def _deepest(versions: Sequence[Version]) -> ClipInfo:
    """The first clip in the deepest samples of all."""
    first = versions[0].clip.info
    bits = max(one.clip.info.format.bits for one in versions)
    return replace(first, format=replace(first.format, bits=bits, alpha=False))


def _walk(version: Version, common: ClipInfo) -> Generator[Frame | None]:
    """The clip's frames in the order of its numbers, in the common depth, without alpha."""
    wanted = [int(n) for n in version.numbers if n != NONE]
    info = version.clip.info
    colours = info.format.colour_planes
    opaque = replace(info, format=replace(info.format, alpha=False))
    numbered = enumerate(version.clip.frames(wanted[0], wanted[-1]), wanted[0])
    for n in version.numbers:
        if n == NONE:
            yield None
            continue
        frame = next(one for at, one in numbered if at == n)
        yield deepened(Frame(frame.planes[:colours]), opaque, common)
