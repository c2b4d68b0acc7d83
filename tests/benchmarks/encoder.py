"""x264 in memory: what comes back, and what it took."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from tests.benchmarks.clips import Clip

_RATE = 25  # frames a second, for the rate in kbit/s


def through_x264(clip: Clip, crf: int, preset: str = "medium") -> tuple[Clip, float]:
    """The decoded clip, and kbit/s of the stream without a container."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = clip.info.width, clip.info.height, "yuv420p"
    encoder.time_base = Fraction(1, _RATE)
    encoder.framerate = Fraction(_RATE)
    encoder.thread_count = 1  # the stream depends on it
    encoder.options = {"crf": str(crf), "preset": preset}
    packets = [packet for frame in _frames(clip) for packet in encoder.encode(frame)]
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoded = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    size = sum(packet.size for packet in packets)
    return clip.holding(_planes(decoded)), size * 8 * _RATE / len(clip) / 1000


def _frames(clip: Clip) -> list[av.VideoFrame]:
    frames = []
    for n, frame in enumerate(clip.frames()):
        packed = np.concatenate([plane.reshape(-1) for plane in frame.planes])
        picture = packed.reshape(-1, clip.info.width)
        video = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        video.pts, video.time_base = n, Fraction(1, _RATE)
        frames.append(video)
    return frames


def _planes(frames: list[av.VideoFrame]) -> list[np.ndarray]:
    height = frames[0].height
    packed = np.stack([frame.to_ndarray(format="yuv420p") for frame in frames])
    chroma = packed[:, height:].reshape(len(frames), 2, height // 2, -1)
    return [packed[:, :height].copy(), chroma[:, 0].copy(), chroma[:, 1].copy()]
