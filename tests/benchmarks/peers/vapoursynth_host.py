"""Running VapourSynth filters on clips in memory, without files or scripts."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import vapoursynth as vs

from tests.benchmarks.clips import Clip
from tests.benchmarks.peers.method import AbsentError, Setting
from tests.benchmarks.peers.nodes import NodeFilter

_FORMATS = {"yuv420": vs.YUV420P8, "rgb": vs.RGB24}


def through(node_filter: NodeFilter) -> Callable[[Clip, Setting, int], Clip]:
    """`Method.run` of a filter of nodes."""

    def run(clip: Clip, setting: Setting, threads: int) -> Clip:
        vs.core.num_threads = threads
        try:
            node = node_filter(_source(clip), (setting.luma, setting.chroma), setting.variant)
            return clip.holding(_planes(node, threads))
        except (vs.Error, AttributeError) as error:
            raise AbsentError(str(error)) from error

    return run


def version_of(package: str) -> str:
    """Name and version of an installed package, or that it is missing."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} not installed"


def _source(clip: Clip) -> vs.VideoNode:
    blank = vs.core.std.BlankClip(
        width=clip.info.width,
        height=clip.info.height,
        format=_FORMATS[clip.format],
        length=len(clip),
        fpsnum=25,
        keep=True,
    )

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        for index, plane in enumerate(clip.planes):
            np.copyto(np.asarray(out[index]), plane[n])
        return out

    node = vs.core.std.ModifyFrame(blank, blank, fill)
    return node.std.SetFrameProps(_Range=int(clip.info.full_range))


def _planes(node: vs.VideoNode, threads: int) -> list[np.ndarray]:
    frames = [
        [np.array(frame[index]) for index in range(frame.format.num_planes)]
        for frame in node.frames(prefetch=2 * threads, close=True)
    ]
    return [np.stack(planes) for planes in zip(*frames, strict=True)]
