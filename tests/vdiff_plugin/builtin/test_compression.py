from __future__ import annotations

import io
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vdiff_plugin.builtin.compression import compression_level
from vdiff_plugin.builtin.levels import frame_levels
from vdiff_plugin.contracts import Pixels

_SIZE = (288, 352)


@pytest.fixture(scope="module")
def footage() -> list[NDArray[np.uint8]]:
    """A textured picture that moves a little from frame to frame."""
    rng = np.random.default_rng(4)
    sizes, gains = (0.5, 1, 3, 9, 30), (2, 3, 8, 14, 25)
    layers = [cv2.GaussianBlur(rng.normal(0, 1, (320, 400)), (0, 0), size) for size in sizes]
    picture = sum(layer / layer.std() * gain for layer, gain in zip(layers, gains, strict=True))
    picture[100:200, 100:220] += 40
    codes = np.clip(np.rint(picture + 120), 0, 255).astype(np.uint8)
    return [np.ascontiguousarray(codes[n : n + _SIZE[0], n : n + _SIZE[1]]) for n in range(12)]


def _level(luma: NDArray[np.uint8]) -> float:
    chroma = np.full((_SIZE[0] // 2, _SIZE[1] // 2, 2), 128, np.uint8)
    return frame_levels(Pixels(luma, chroma, 1.0))[2]


def _encoded(frames: list[NDArray[np.uint8]], crf: int) -> list[NDArray[np.uint8]]:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as writer:
        stream = writer.add_stream("libx264", rate=Fraction(25), options={"crf": str(crf)})
        stream.height, stream.width = _SIZE
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            grey = np.full((_SIZE[0] // 2, _SIZE[1]), 128, np.uint8)
            planes = np.concatenate([frame, grey])
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
        writer.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as reader:
        return [
            np.asarray(frame.to_ndarray(format="yuv420p")[: _SIZE[0]], np.uint8)
            for frame in reader.decode(video=0)
        ]


def test_what_no_encoder_touched_is_told_so(footage: list[NDArray[np.uint8]]) -> None:
    assert max(_level(frame) for frame in footage) < 1.0


def test_noise_is_no_compression(footage: list[NDArray[np.uint8]]) -> None:
    rng = np.random.default_rng(0)
    noisy = [
        np.clip(np.rint(frame + rng.normal(0, 12, frame.shape)), 0, 255).astype(np.uint8)
        for frame in footage
    ]
    assert max(_level(frame) for frame in noisy) < 0.5


def test_strong_compression_is_seen(footage: list[NDArray[np.uint8]]) -> None:
    weak, strong = (_encoded(footage, crf)[6] for crf in (20, 42))
    error = float(np.sqrt(np.mean((strong.astype(float) - footage[6]) ** 2)))
    assert _level(weak) < _level(strong) / 2
    assert error / 2 < _level(strong) < 2 * error


def test_it_is_the_same_whichever_way_the_rows_lie_in_memory(
    footage: list[NDArray[np.uint8]],
) -> None:
    frame = footage[0]
    wide = np.zeros((_SIZE[0], _SIZE[1] + 40), np.uint8)
    wide[:, : _SIZE[1]] = frame
    level = compression_level(frame, 1.0)
    assert compression_level(wide[:, : _SIZE[1]], 1.0) == level


@pytest.mark.parametrize("size", [(16, 16), (16, 640), (2, 2)])
def test_tiny_pictures_are_taken_for_clean(size: tuple[int, int]) -> None:
    assert compression_level(np.full(size, 90, np.uint8), 0.0) == 0.0


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_empty_picture_has_a_finite_level(value: int) -> None:
    level = compression_level(np.full((64, 96), value, np.uint8), 0.0)
    assert 0 <= level <= 16
