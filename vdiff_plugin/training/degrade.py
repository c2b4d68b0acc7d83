"""What footage suffers: noise of several kinds, and real codecs with real GOPs."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.training.footage import Sequence420
from vdiff_plugin.x264 import repeatable_parameters

Degradation = Callable[[Sequence420, np.random.Generator], Sequence420]
_SIGMA = (1.0, 55.0)  # codes, drawn log-uniformly
_GRAIN_SIGMA = (3.0, 25.0)  # codes, drawn log-uniformly
_MOST_CHROMA = 45.0  # codes; deviation of blotches


def gaussian(clean: Sequence420, rng: np.random.Generator) -> Sequence420:
    """White noise, usually as strong in chroma as in luma."""
    sigma = _draw_sigma(rng)
    ratio = 1.0 if rng.random() < 0.7 else rng.uniform(0.4, 1.6)
    return _add(clean, sigma * _white(clean.luma, rng), ratio * sigma * _white(clean.chroma, rng))


def sensor(clean: Sequence420, rng: np.random.Generator) -> Sequence420:
    """Variance rising with brightness, as photons give it, plus a constant part."""
    shot, read = _draw_sigma(rng) / 12, min(_draw_sigma(rng), 20.0) / 2
    luma = np.sqrt(shot**2 * clean.luma + read**2) * _white(clean.luma, rng)
    light = _halved(clean.luma)[..., None]
    chroma = np.sqrt(shot**2 * light + read**2) * _white(clean.chroma, rng)
    return _add(clean, luma, rng.uniform(0.5, 1.5) * chroma)


def correlated(clean: Sequence420, rng: np.random.Generator) -> Sequence420:
    """Noise with a grain size: demosaicing, scaling, film; partly kept from frame to frame."""
    sigma = min(_draw_sigma(rng), 35.0)
    luma = _persist(_blurred(_white(clean.luma, rng), rng.uniform(0.4, 1.6)), rng)
    chroma = _persist(_blurred(_white(clean.chroma, rng), rng.uniform(0.4, 2.5)), rng)
    if rng.random() < 0.3:  # film: strongest in the mid-tones
        luma *= np.sqrt(np.clip(1 - np.abs(clean.luma / 127.5 - 1), 0.1, 1))
    return _add(clean, sigma * luma, sigma * rng.uniform(0.1, 1.2) * chroma)


def film(clean: Sequence420, rng: np.random.Generator) -> Sequence420:
    """Fine grain, new in every frame, mostly strongest in the mid-tones, weaker in chroma."""
    sigma = float(np.exp(rng.uniform(*np.log(_GRAIN_SIGMA))))
    luma = _blurred(_white(clean.luma, rng), rng.uniform(0.35, 0.9))
    chroma = _blurred(_white(clean.chroma, rng), rng.uniform(0.35, 0.9))
    if rng.random() < 0.7:
        luma *= np.sqrt(np.clip(1 - np.abs(clean.luma / 127.5 - 1), 0.1, 1))
    return _add(clean, sigma * luma, sigma * rng.uniform(0.0, 0.8) * chroma)


def blotched(clean: Sequence420, rng: np.random.Generator) -> Sequence420:
    """Chroma noise in coarse blotches, up to four times luma's: what cameras leave in the dark."""
    sigma = min(_draw_sigma(rng), 20.0)
    luma = _persist(_blurred(_white(clean.luma, rng), rng.uniform(0.3, 1.2)), rng)
    chroma = _persist(_blurred(_white(clean.chroma, rng), rng.uniform(0.8, 2.5)), rng)
    return _add(clean, sigma * luma, min(sigma * rng.uniform(1.0, 4.0), _MOST_CHROMA) * chroma)


def h264(clean: Sequence420, rng: np.random.Generator) -> Sequence420:
    """x264 at crf 24 to 42."""
    options = {
        "crf": str(int(rng.integers(24, 43))),
        "preset": str(rng.choice(["veryfast", "fast", "medium"])),
        "g": str(int(rng.choice([12, 50, 250]))),
    }
    return encoded(clean, "libx264", options)


def mpeg(clean: Sequence420, rng: np.random.Generator) -> Sequence420:
    """MPEG-2 or MPEG-4 part 2 at quantisers 3 to 20."""
    codec = str(rng.choice(["mpeg2video", "mpeg4"]))
    quantiser = str(int(rng.integers(3, 21)))
    return encoded(clean, codec, {"qmin": quantiser, "qmax": quantiser, "g": "12", "bf": "2"})


def noisy_h264(clean: Sequence420, rng: np.random.Generator) -> Sequence420:
    """Noise that went through an encoder, as in most phone and web footage."""
    noise = [gaussian, sensor, correlated, blotched][int(rng.integers(4))]
    return h264(noise(clean, rng), rng)


def jpeg(clean: Sequence420, rng: np.random.Generator) -> Sequence420:
    """Motion JPEG at qualities 15 to 80: each plane of each frame by itself."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 81))]
    luma = np.stack([_through_jpeg(plane, quality) for plane in clean.luma])
    chroma = np.stack(
        [
            np.stack([_through_jpeg(frame[..., i], quality) for i in (0, 1)], axis=-1)
            for frame in clean.chroma
        ]
    )
    return Sequence420(luma, chroma)


def _through_jpeg(plane: NDArray[np.uint8], quality: list[int]) -> NDArray[np.uint8]:
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(plane), quality)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def untouched(clean: Sequence420, rng: np.random.Generator) -> Sequence420:
    """Clean footage, which has to come out as it went in."""
    del rng
    return clean


DEGRADATIONS: dict[str, Degradation] = {
    "gaussian": gaussian,
    "sensor": sensor,
    "correlated": correlated,
    "h264": h264,
    "mpeg": mpeg,
    "noisy_h264": noisy_h264,
    "jpeg": jpeg,
    "untouched": untouched,
    "blotched": blotched,
    "film": film,
}
ENCODED = frozenset({"h264", "mpeg", "noisy_h264"})  # worth longer cuts: a GOP has to form


def encoded(clean: Sequence420, codec: str, options: dict[str, str]) -> Sequence420:
    """`clean` after an encoder and its decoder, frame for frame."""
    buffer = io.BytesIO()
    height, width = clean.luma.shape[1:]
    with av.open(buffer, "w", format="matroska") as writer:
        options = _repeatable(codec) | options
        stream = writer.add_stream(codec, rate=Fraction(25), options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1
        for luma, chroma in zip(clean.luma, clean.chroma, strict=True):
            writer.mux(stream.encode(_video_frame(luma, chroma)))
        writer.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as reader:
        frames = [frame.to_ndarray(format="yuv420p") for frame in reader.decode(video=0)]
    packed = np.stack(frames).astype(np.uint8, copy=False)
    chromas = packed[:, height:].reshape(len(packed), 2, height // 2, width // 2)
    return Sequence420(packed[:, :height], np.ascontiguousarray(chromas.transpose(0, 2, 3, 1)))


def _repeatable(codec: str) -> dict[str, str]:
    parts = [f"{k}={v}" for k, v in repeatable_parameters(codec).items()]
    return {"x264-params": ":".join(parts)} if parts else {}


def _video_frame(luma: NDArray[np.uint8], chroma: NDArray[np.uint8]) -> av.VideoFrame:
    height, width = luma.shape
    planar = np.ascontiguousarray(chroma.transpose(2, 0, 1)).reshape(height // 2, width)
    return av.VideoFrame.from_ndarray(np.concatenate([luma, planar]), format="yuv420p")


def _draw_sigma(rng: np.random.Generator) -> float:
    low, high = np.log(_SIGMA)
    return float(np.exp(rng.uniform(low, high)))


def _white(like: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    return rng.standard_normal(like.shape, dtype=np.float32)


def _blurred(noise: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Blur each frame, then bring the deviation back to 1."""
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in noise])
    return (blurred / blurred.std()).astype(np.float32)


def _persist(noise: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """First-order recursion in time with a coefficient of 0 to 0.3."""
    keep = np.float32(rng.uniform(0, 0.3) * (rng.random() < 0.5))
    for n in range(1, len(noise)):
        noise[n] = keep * noise[n - 1] + np.sqrt(1 - keep**2) * noise[n]
    return noise


def _halved(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    return luma.astype(np.float32)[:, ::2, ::2]


def _add(clean: Sequence420, luma: NDArray[np.float32], chroma: NDArray[np.float32]) -> Sequence420:
    return Sequence420(_rounded(clean.luma + luma), _rounded(clean.chroma + chroma))


def _rounded(samples: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.clip(np.rint(samples), 0, 255).astype(np.uint8)
