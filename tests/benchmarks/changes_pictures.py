"""The pictures of docs/changes.md, from clips that vdiff makes itself.

python -m tests.benchmarks.changes_pictures docs/images
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from host_adapters.media import read_clip, write_video
from vdiff_plugin.builtin.matrix import rgb_of
from vdiff_plugin.cli import main as vdiff
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.frame import Frame

_SIGMA = 4.0
_SCENE = Scene(width=480, height=270)
_SHOWN = 176  # a frame in which something crosses the fixed camera's picture


def clip() -> Iterator[Frame]:
    """A pan, a flash, a cut to the same upside down, a cut to a fixed camera that mostly rests."""
    for n in range(50):
        yield _flashed(_SCENE.noisy(n, _SIGMA)) if n in (30, 31) else _SCENE.noisy(n, _SIGMA)
    for n in range(50):
        yield Frame(tuple(255 - plane[::-1] for plane in _SCENE.noisy(60 + n, _SIGMA).planes))
    for n in range(125):
        yield _camera(n)


def _flashed(frame: Frame) -> Frame:
    luma, *chroma = frame.planes
    return Frame((np.maximum(luma, 225).astype(np.uint8), *chroma))


def _camera(n: int) -> Frame:
    rng = np.random.default_rng(n)
    luma, *chroma = (plane.copy() for plane in _SCENE.clean(140).planes)
    if 60 <= n < 100:
        cv2.circle(luma, (20 + 11 * (n - 60), 190), 20, 225, -1, cv2.LINE_AA)
    noisy = (np.rint(plane + rng.normal(0, _SIGMA, plane.shape)) for plane in (luma, *chroma))
    return Frame(tuple(np.clip(plane, 0, 255).astype(np.uint8) for plane in noisy))


def main() -> None:
    images = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        video, heat = Path(folder) / "in.mkv", Path(folder) / "heat.mkv"
        write_video(clip(), video, clip=_SCENE.clip)
        plot = str(images / "changes.png")
        if vdiff.run(
            ["changes", str(video), "-y", "--plot", plot, "--overlay", str(heat), "--gain", "16"]
        ):
            raise SystemExit(1)
        reader = read_clip(heat)
        (frame,) = reader.frames(_SHOWN, _SHOWN)
        picture = np.clip(rgb_of(frame, reader.info) * 255, 0, 255).astype(np.uint8)
        cv2.imwrite(str(images / "changes-heat.jpg"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
