"""VMAF: what people would say of a picture, 0 to 100, by Netflix's libvmaf.

The library is the one inside PyAV's FFmpeg, so no program and no model file is needed. It
looks at luma only; its model is the library's default, vmaf_v0.6.1, made for pictures of
1080 lines seen from three times their height.
"""

from __future__ import annotations

import csv
import gc
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.filter import Graph, filters_available

from vdiff_plugin.errors import ResourceError, UsageError
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.measure.luma import luma_codes

MODEL = "vmaf_v0.6.1"
_FILTER = "libvmaf"
_LEAST = 16  # pixels: its coarsest scale has a pixel then
_BASE = Fraction(1, 25)
_DRAINED = (av.error.BlockingIOError, av.error.EOFError)


def missing() -> str:
    """Empty if VMAF can be computed here, else what is missing and how to get it."""
    if _FILTER in filters_available:
        return ""
    return "VMAF needs libvmaf, which this build of PyAV lacks; pip install av brings one with it"


class Vmaf:
    """`vmaf` of each frame."""

    def __init__(self, clip: ClipInfo) -> None:
        """Compare frames of `clip`.

        Raises:
            UsageError: no libvmaf here, or pictures that it does not take.
        """
        if reason := missing():
            raise UsageError(reason)
        if min(clip.width, clip.height) < _LEAST:
            size = f"{clip.width}x{clip.height}"
            raise UsageError(f"VMAF does not take pictures of {size}; leave vmaf out of --metrics")
        self._clip = clip
        self._deep = clip.format.bits > 8
        self._format = "yuv420p10le" if self._deep else "yuv420p"
        self._folder = tempfile.TemporaryDirectory(prefix="vdiff-vmaf-")
        self._log = Path(self._folder.name) / "log.csv"
        self._count = 0
        self._distorted, self._reference, self._sink = self._open()

    def add(self, reference: Frame, distorted: Frame) -> None:
        """See `Measure.add`."""
        self._distorted.push(self._picture(distorted))
        self._reference.push(self._picture(reference))
        self._count += 1
        self._drain()

    def finish(self) -> Mapping[str, Sequence[float]]:
        """See `Measure.finish`."""
        self._distorted.push(None)
        self._reference.push(None)
        self._drain()
        self._let_go()
        return {"vmaf": self._read()}

    def close(self) -> None:
        """Remove what libvmaf wrote."""
        self._let_go()
        self._folder.cleanup()

    def _open(self) -> tuple[Any, Any, Any]:
        graph = Graph()
        sources = [self._source(graph, name) for name in ("distorted", "reference")]
        judge = graph.add(_FILTER, log_fmt="csv", log_path=str(self._log), n_threads="1")
        sink = graph.add("buffersink")
        for pad, source in enumerate(sources):
            source.link_to(judge, 0, pad)
        judge.link_to(sink)
        graph.configure()
        return sources[0], sources[1], sink

    def _source(self, graph: Graph, name: str) -> Any:
        width, height = self._clip.width, self._clip.height
        return graph.add_buffer(
            width=width, height=height, format=self._format, time_base=_BASE, name=name
        )

    def _picture(self, frame: Frame) -> av.VideoFrame:
        """Luma as the clip has it, in 8 or 10 bits, and no colour, which VMAF does not see."""
        clip = self._clip
        picture = av.VideoFrame(clip.width, clip.height, self._format)
        dtype = np.dtype("<u2") if self._deep else np.dtype("u1")
        for index, plane in enumerate(picture.planes):
            rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)
            if index:
                rows[:] = 512 if self._deep else 128
            else:
                rows[:, : clip.width] = self._luma(frame)
        picture.pts, picture.time_base = self._count, _BASE
        return picture

    def _luma(self, frame: Frame) -> np.ndarray[Any, Any]:
        form = self._clip.format
        if form.family != "rgb" and form.bits in (8, 10):
            return frame.planes[0]
        unit, top = (4, 1023) if self._deep else (1, 255)
        return np.clip(np.rint(luma_codes(frame, self._clip) * unit), 0, top)

    def _drain(self) -> None:
        with suppress(*_DRAINED):
            while True:
                self._sink.pull()

    def _let_go(self) -> None:
        """Free the graph: that is when libvmaf writes its log."""
        self._distorted = self._reference = self._sink = None
        gc.collect()

    def _read(self) -> list[float]:
        try:
            with self._log.open(newline="") as file:
                found = [float(row["vmaf"]) for row in csv.DictReader(file)]
        except (OSError, KeyError, ValueError) as error:
            raise ResourceError(f"libvmaf gave no scores ({error}); leave vmaf out") from error
        if len(found) != self._count:
            raise ResourceError(
                f"libvmaf scored {len(found)} of {self._count} frames; leave vmaf out"
            )
        return found
