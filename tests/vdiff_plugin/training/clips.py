"""Footage for training tests: textured stills set in motion, and files of them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from vdiff_plugin.training.footage import Sequence420, moving_still


def still(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).random((300, 400, 3), np.float32)
    smooth = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (1.5, 4, 12))
    return np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))


def clip(frames: int = 9, seed: int = 0) -> Sequence420:
    return moving_still(still(seed), frames, np.random.default_rng(1))


def write_video(path: Path, clips: Sequence[Sequence420]) -> None:
    height, width = clips[0].luma.shape[1:]
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("libx264", rate=Fraction(25), options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for each in clips:
            for luma, chroma in zip(each.luma, each.chroma, strict=True):
                planar = np.ascontiguousarray(chroma.transpose(2, 0, 1)).reshape(-1, width)
                frame = av.VideoFrame.from_ndarray(np.concatenate([luma, planar]), format="yuv420p")
                writer.mux(stream.encode(frame))
        writer.mux(stream.encode(None))


def write_stills(folder: Path, count: int) -> None:
    for seed in range(count):
        cv2.imwrite(str(folder / f"still{seed}.png"), still(seed))
