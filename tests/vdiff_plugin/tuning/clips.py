"""Clips for tuning tests: a texture that moves, with and without noise, and a file of it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.training.footage import Sequence420

_SIDE = 192


def panned(frames: int, step: int = 2, patch: int = 0) -> Sequence420:
    """A texture that moves `step` pixels a frame; a dark square of `patch` goes over it."""
    rng = np.random.default_rng(0)
    wide = cv2.GaussianBlur(rng.random((_SIDE, _SIDE + step * frames), np.float32), (0, 0), 2.0)
    wide = 40 + 170 * (wide - wide.min()) / np.ptp(wide)
    luma = np.stack([wide[:, step * n : step * n + _SIDE] for n in range(frames)])
    for n in range(frames):
        left = 20 + 14 * n
        luma[n, 80 : 80 + patch, left : left + patch] = 10
    half = np.stack([cv2.resize(each, None, fx=0.5, fy=0.5) for each in luma])
    chroma = np.stack([half, 255 - half], axis=-1)
    return Sequence420(np.rint(luma).astype(np.uint8), np.rint(chroma).astype(np.uint8))


def noisy(clean: Sequence420, sigma: float, keep: float = 0.0) -> Sequence420:
    """White noise that has `keep` of its value in the next frame."""
    rng = np.random.default_rng(3)
    planes = []
    for plane in (clean.luma, clean.chroma):
        noise = rng.standard_normal(plane.shape)
        for n in range(1, len(noise)):
            noise[n] = keep * noise[n - 1] + np.sqrt(1 - keep**2) * noise[n]
        planes.append(np.clip(np.rint(plane + sigma * noise), 0, 255).astype(np.uint8))
    return Sequence420(*planes)


def write_lossless(clip: Sequence420, path: Path) -> Path:
    """`clip` as FFV1."""
    from host_adapters.media import EncodeOptions, write_video

    height, width = clip.luma.shape[1:]
    form = PixelFormat(family="yuv", log2_w=1, log2_h=1)
    info = ClipInfo(width=width, height=height, format=form, length=len(clip))
    frames = (
        Frame((luma, *np.ascontiguousarray(chroma.transpose(2, 0, 1))))
        for luma, chroma in zip(clip.luma, clip.chroma, strict=True)
    )
    return write_video(frames, path, clip=info, encode=EncodeOptions(codec="ffv1"), overwrite=True)
