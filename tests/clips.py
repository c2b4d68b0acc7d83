"""Small real files, made on the fly with libav alone: nothing of ours made them."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

_BT709 = 1  # as H.273 numbers matrices


def write_clip(
    path: Path, frames: int = 8, size: tuple[int, int] = (64, 48), codec: str = "ffv1"
) -> Path:
    """A moving gradient, 8-bit 4:2:0, 25 frames a second; the container goes by the name."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = Fraction(1, 25)
        stream.codec_context.colorspace = _BT709
        stream.codec_context.color_range = 1
        container.start_encoding()
        for n in range(frames):
            frame = _gradient(n, size)
            frame.pts = n
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """A quarter of a second of silence, as WAV."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(4000))
    return path


def count_frames(path: Path) -> int:
    """Pictures that libav decodes from a file."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def _gradient(n: int, size: tuple[int, int]) -> av.VideoFrame:
    frame = av.VideoFrame(*size, "yuv420p")
    for plane in frame.planes:
        y, x = np.mgrid[0 : plane.height, 0 : plane.line_size]
        plane.update(((2 * x + 3 * y + 5 * n) % 220 + 16).astype(np.uint8))
    return frame
