"""Denoisers and deblockers of ffmpeg, run by the program as its users run them.

Requires imageio-ffmpeg from PyPI, a whole ffmpeg in a wheel: PyAV's build lacks hqdn3d, spp,
uspp and pp7. Pictures go through pipes, raw.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import cache

import numpy as np

from tests.benchmarks.clips import Clip
from tests.benchmarks.peers.method import AbsentError, Setting

GraphOf = Callable[[Setting], str]
_PIX_FMT = {"yuv420": "yuv420p", "rgb": "gbrp"}
_ORDER = {"yuv420": (0, 1, 2), "rgb": (1, 2, 0)}  # of our planes in ffmpeg's frames


def nlmeans(setting: Setting) -> str:
    """Variant: patch and search window; one strength for all planes."""
    return f"nlmeans=s={setting.luma}{_more(setting)}"


def bm3d(setting: Setting) -> str:
    """Variant: block matching."""
    more = _more(setting)
    return f"bm3d=sigma={setting.luma}:planes=1{more},bm3d=sigma={setting.chroma}:planes=6{more}"


def fftdnoiz(setting: Setting) -> str:
    """Variant: neighbours."""
    more = _more(setting)
    first = f"fftdnoiz=sigma={setting.luma}:planes=1{more}"
    return f"{first},fftdnoiz=sigma={setting.chroma}:planes=6{more}"


def hqdn3d(setting: Setting) -> str:
    """Variant: temporal strength by the spatial one."""
    luma, chroma, times = setting.luma, setting.chroma, float(setting.variant)
    return f"hqdn3d={luma}:{chroma}:{luma * times}:{chroma * times}"


def atadenoise(setting: Setting) -> str:
    """Variant: frames, and threshold B by threshold A."""
    count, times = setting.variant.split("/")
    luma, chroma = setting.luma, setting.chroma
    parts = [
        f"{plane}a={a}:{plane}b={a * float(times)}"
        for plane, a in enumerate((luma, chroma, chroma))
    ]
    return f"atadenoise=s={count}:{':'.join(parts)}"


def vaguedenoiser(setting: Setting) -> str:
    """Variant: how wavelets are thresholded."""
    more = _more(setting)
    first = f"vaguedenoiser=threshold={setting.luma}:percent=100:planes=1{more}"
    return f"{first},vaguedenoiser=threshold={setting.chroma}:percent=100:planes=6{more}"


def owdenoise(setting: Setting) -> str:
    """Wavelets at every place."""
    return f"owdenoise=ls={setting.luma}:cs={setting.chroma}{_more(setting)}"


def deblock(setting: Setting) -> str:
    """Variant: filter and block; all four thresholds go together."""
    kind, block = setting.variant.split("/")
    near = min(1.0, setting.luma)
    far = near / 2
    thresholds = f"alpha={near}:beta={far}:gamma={far}:delta={far}"
    return f"deblock=filter={kind}:block={block}:{thresholds}"


def spp(setting: Setting) -> str:
    """Variant: quality."""
    return f"spp=quality={setting.variant}:qp={setting.luma:.0f}"


def uspp(setting: Setting) -> str:
    """Variant: quality."""
    return f"uspp=quality={setting.variant}:qp={setting.luma:.0f}"


def pp7(setting: Setting) -> str:
    """Variant: mode."""
    return f"pp7=mode={setting.variant}:qp={setting.luma:.0f}"


def through(graph_of: GraphOf, *, yuv: bool = False) -> Callable[[Clip, Setting, int], Clip]:
    """`Method.run` of a filter graph; `yuv`: RGB goes through 10-bit 4:4:4."""

    def run(clip: Clip, setting: Setting, threads: int) -> Clip:
        graph = graph_of(setting)
        if yuv and clip.format == "rgb":
            graph = f"format=yuv444p10,{graph}"
        return filtered(clip, graph, threads)

    return run


def filtered(clip: Clip, graph: str, threads: int) -> Clip:
    """The clip after one run of ffmpeg.

    Raises:
        AbsentError: there is no ffmpeg, or it does not take this graph.
    """
    form = _PIX_FMT[clip.format]
    raw = ["-f", "rawvideo", "-pix_fmt", form]
    size = f"{clip.info.width}x{clip.info.height}"
    words = [_program(), "-v", "error", "-nostdin", "-filter_threads", str(threads)]
    words += [*raw, "-s", size, "-r", "25", "-i", "-", "-vf", graph]
    words += [*raw, "-fps_mode", "passthrough", "-"]
    done = subprocess.run(words, input=_packed(clip), capture_output=True, check=False)
    if done.returncode:
        raise AbsentError(done.stderr.decode(errors="replace").strip()[-200:])
    return _unpacked(done.stdout, clip)


@cache
def version() -> str:
    """Of the program, as it says itself."""
    try:
        said = subprocess.run([_program(), "-version"], capture_output=True, text=True, check=True)
    except AbsentError as error:
        return str(error)
    return " ".join(said.stdout.split()[:3:2])


def _more(setting: Setting) -> str:
    return f":{setting.variant}" if setting.variant else ""


def _packed(clip: Clip) -> bytes:
    planes = [clip.planes[index] for index in _ORDER[clip.format]]
    flat = [plane.reshape(len(clip), -1) for plane in planes]
    return np.concatenate(flat, axis=1).tobytes()


def _unpacked(data: bytes, like: Clip) -> Clip:
    order = _ORDER[like.format]
    shapes = [like.planes[index].shape[1:] for index in order]
    sizes = [height * width for height, width in shapes]
    rows = np.frombuffer(data, np.uint8).reshape(-1, sum(sizes))
    if len(rows) != len(like):
        raise AbsentError(f"{len(rows)} frames came back of {len(like)}")
    parts = np.split(rows, np.cumsum(sizes)[:-1], axis=1)
    pictures = dict(zip(order, zip(parts, shapes, strict=True), strict=True))
    return like.holding([
        np.ascontiguousarray(part.reshape(-1, *shape))
        for part, shape in (pictures[index] for index in range(3))
    ])  # fmt: skip


@cache
def _program() -> str:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise AbsentError("imageio-ffmpeg is not installed") from error
    return str(imageio_ffmpeg.get_ffmpeg_exe())
