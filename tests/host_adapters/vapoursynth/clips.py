"""VapourSynth clips of known frames, what a session makes of them, and `vspipe`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import vapoursynth as vs

from host_adapters.vapoursynth.formats import new_frame, pixel_format
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.settings import Settings

core = vs.core
WIDTH, HEIGHT = 44, 36  # no multiples of the network's stride, multiples of 4
HERE = Path(sys.executable).parent


def info_of(form: int = vs.YUV420P8, length: int = 7, **values: Any) -> ClipInfo:
    """What the core must be told of an untagged clip of this format, said here by hand."""
    found = core.get_video_format(form)
    usual: dict[str, Any] = {"matrix": "bt601", "full_range": found.color_family != vs.YUV}
    size = {"width": WIDTH, "height": HEIGHT, "length": length}
    return ClipInfo(**(size | usual | {"format": pixel_format(found)} | values))


def noisy(clip: ClipInfo, seed: int = 0, *, half: bool = False) -> list[Frame]:
    """A texture that drifts by a pixel a frame, with noise; `half` keeps to half floats."""
    rng = np.random.default_rng(seed)
    bases = [rng.integers(40, 200, (h // 4 + 9, w // 4 + 9)).repeat(4, 0).repeat(4, 1)
             for h, w in clip.plane_shapes()]  # fmt: skip
    frames = []
    assert clip.length is not None
    for n in range(clip.length):
        planes = []
        for base, (index, (height, width)) in zip(
            bases, enumerate(clip.plane_shapes()), strict=True
        ):
            view = base[n % 20 : n % 20 + height, n % 20 : n % 20 + width]
            codes = np.clip(view + rng.normal(0, 8, view.shape), 0, 255)
            chroma = clip.format.family == "yuv" and index > 0
            planes.append(_samples(codes, clip, half=half, chroma=chroma))
        frames.append(Frame(tuple(planes)))
    return frames


def clip_of(frames: Sequence[Frame], form: int = vs.YUV420P8, **props: Any) -> vs.VideoNode:
    """A clip of these frames."""
    height, width = frames[0].planes[0].shape
    found = core.get_video_format(form)
    blank = core.std.BlankClip(
        width=width, height=height, format=form, length=len(frames), fpsnum=25, fpsden=1
    )

    def make(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = new_frame(frames[n].planes, found)
        frame.props = f.props
        return frame

    made = core.std.ModifyFrame(blank, blank, make)
    return made.std.SetFrameProps(**props) if props else made


def restored(clip: ClipInfo, frames: Sequence[Frame], **settings: Any) -> list[Frame]:
    """What a session of an engine of its own makes of the frames."""
    numbered = dict(enumerate(frames))
    with Engine() as engine, engine.open(clip, Settings.of(**settings)) as session:
        return [session.render(n, numbered) for n in numbered]


def hashes(frames: Iterable[vs.VideoFrame]) -> list[str]:
    """One hash a frame, of all its samples."""
    return [hash_of([np.asarray(frame[p]) for p in range(len(frame))]) for frame in frames]


def hashes_of(frames: Iterable[Frame]) -> list[str]:
    """The same of the core's frames."""
    return [hash_of(frame.planes) for frame in frames]


def hash_of(planes: Iterable[np.ndarray]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for plane in planes:
        digest.update(f"{plane.dtype} {plane.shape}".encode() + plane.tobytes())
    return digest.hexdigest()


def vspipe(folder: Path, script: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run `vspipe WORDS... job.vpy -` in `folder`, the script written there first."""
    (folder / "job.vpy").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [program("vspipe"), *words, "job.vpy", "-"],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    if b"Python executable and library path couldn't be determined" in done.stderr:
        pytest.skip("vspipe needs a Python with a shared library, and this one has none")
    return done


def program(name: str) -> str:
    """A program that came with the packages of this environment, or one on the PATH."""
    found = shutil.which(name, path=f"{HERE}{os.pathsep}{os.environ['PATH']}")
    assert found, f"{name} is not installed"
    return found


def environment(folder: Path) -> dict[str, str]:
    """For vspipe: it looks for this Python, and notes where it found it."""
    path = f"{HERE}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "XDG_CONFIG_HOME": str(folder / "config")}


def _samples(codes: np.ndarray, clip: ClipInfo, *, half: bool, chroma: bool) -> np.ndarray:
    if not clip.format.is_float:
        return (codes * clip.format.peak / 255).astype(clip.format.dtype)
    samples = (codes / 255 - (0.5 if chroma else 0)).astype(np.float32)
    return samples.astype(np.float16).astype(np.float32) if half else samples
