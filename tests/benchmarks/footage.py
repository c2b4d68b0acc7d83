"""Clips to time with: the demo's scene with noise, in a codec that people have."""

from __future__ import annotations

from pathlib import Path

from host_adapters.media import EncodeOptions, write_video
from vdiff_plugin.cli.scene import Scene

_SIGMA = 6.0  # 8-bit codes: what a camera gives in fair light
_DRAWN = 24  # frames drawn; longer clips go to and fro among them, for drawing is slow


def noisy_clip(path: Path, width: int, height: int, frames: int) -> Path:
    """H.264, 8-bit 4:2:0; the picture moves by one scene frame a frame."""
    scene = Scene(width=width, height=height, length=frames)
    drawn = [scene.noisy(n, _SIGMA) for n in range(min(_DRAWN, frames))]
    there_and_back = drawn + drawn[-2:0:-1]
    stream = (there_and_back[n % len(there_and_back)] for n in range(frames))
    camera = EncodeOptions(codec="h264", crf=23, encoder_options={"preset": "veryfast"})
    return write_video(stream, path, clip=scene.clip, encode=camera, overwrite=True)
