"""What doubles pictures elsewhere: swscale's interpolations, as ffmpeg's `scale` runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import av
import numpy as np
from av.filter import Graph

from tests.benchmarks.clips import Clip, clip_of
from tests.benchmarks.peers.method import Method, Setting
from vdiff_plugin.training.footage import Sequence420

_HALF = frozenset({"half"})
_420 = frozenset({"yuv420"})
# Chroma on the left in both pictures, in 1/256 of a luma sample; swscale would guess the middle.
_LEFT = "in_h_chr_pos=0:in_v_chr_pos=128:out_h_chr_pos=0:out_v_chr_pos=128"


def scalers() -> Iterator[Method]:
    """Bicubic, which is what players and editors do, and Lanczos, which is sharper."""
    for name in ("bicubic", "lanczos"):
        yield Method(
            name=f"swscale {name}", run=_through(name), version=_version(),
            start=0, harms=_HALF, formats=_420,
        )  # fmt: skip


def _through(flag: str) -> Callable[[Clip, Setting, int], Clip]:
    def run(clip: Clip, setting: Setting, threads: int) -> Clip:
        del setting, threads
        return doubled(clip, flag)

    return run


def doubled(clip: Clip, flag: str) -> Clip:
    """`clip` at twice its size, by swscale with a flag such as `lanczos`."""
    width, height = clip.info.width, clip.info.height
    graph = Graph()
    source = graph.add(
        "buffer", f"video_size={width}x{height}:pix_fmt=yuv420p:time_base=1/25:pixel_aspect=1/1"
    )
    flags = f"{flag}+accurate_rnd+full_chroma_int"
    scale = graph.add("scale", f"{2 * width}:{2 * height}:flags={flags}:{_LEFT}")
    sink = graph.add("buffersink")
    source.link_to(scale)
    scale.link_to(sink)
    graph.configure()
    pictures = []
    for n, planes in enumerate(zip(*clip.planes, strict=True)):
        packed = np.concatenate([plane.reshape(-1) for plane in planes]).reshape(-1, width)
        frame = av.VideoFrame.from_ndarray(packed, format="yuv420p")
        frame.pts = n
        source.push(frame)
        pictures.append(sink.pull().to_ndarray(format="yuv420p"))
    whole = np.stack(pictures).astype(np.uint8, copy=False)
    luma, rest = whole[:, : 2 * height], whole[:, 2 * height :]
    chroma = rest.reshape(len(whole), 2, height, width).transpose(0, 2, 3, 1)
    return clip_of(clip.name, Sequence420(luma, np.ascontiguousarray(chroma)))


def _version() -> str:
    return "swscale " + ".".join(map(str, av.library_versions["libswscale"]))
