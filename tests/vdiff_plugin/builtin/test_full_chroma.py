"""Chroma of 4:4:4, RGB and 4:2:2 whose phases were restored one by one."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vdiff_plugin.builtin.full_chroma import settled
from vdiff_plugin.contracts import Change, Pixels
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.settings import Settings

FULL = ((0, 0), (0, 1), (1, 0), (1, 1))
TALL = ((0, 0), (1, 0))
ALONE = ((0, 0),)
SIZE = (96, 128)  # of a phase


def _smooth(seed: int, sigma: float, spread: float) -> NDArray[np.float32]:
    """Full chroma about 128, blurred by `sigma` samples."""
    noise = np.random.default_rng(seed).standard_normal((2 * SIZE[0], 2 * SIZE[1], 2))
    blurred = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), sigma)
    return np.asarray(128 + spread * blurred / blurred.std(), np.float32)


def _phases(whole: NDArray[np.float32], offsets: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    rows, columns = (max(offset[axis] for offset in offsets) + 1 for axis in (0, 1))
    return [whole[row::rows, column::columns] for row, column in offsets]


def _whole(phases: Sequence[np.ndarray], offsets: Sequence[tuple[int, int]]) -> np.ndarray:
    rows, columns = (max(offset[axis] for offset in offsets) + 1 for axis in (0, 1))
    height, width = phases[0].shape[:2]
    whole = np.empty((height * rows, width * columns, 2), np.float32)
    for (row, column), phase in zip(offsets, phases, strict=True):
        whole[row::rows, column::columns] = phase
    return whole


def _restored(
    noisy: NDArray[np.float32], wanted: NDArray[np.float32], offsets: Sequence[tuple[int, int]]
) -> tuple[list[Change], list[Pixels]]:
    """Noisy samples in 1/16 codes, and changes that make `wanted` of them."""
    pixels, changes = [], []
    for seen, after in zip(_phases(noisy, offsets), _phases(wanted, offsets), strict=True):
        samples = np.clip(np.rint(seen * 16), 0, 4095).astype(np.uint16)
        luma = np.zeros((2 * seen.shape[0], 2 * seen.shape[1]), np.uint16)
        pixels.append(Pixels(luma, samples, 1 / 16))
        change = np.rint((after - samples / np.float32(16)) * 64) / 64
        changes.append(Change(luma.astype(np.float32), np.asarray(change, np.float32)))
    return changes, pixels


def _after(
    changes: Sequence[Change], pixels: Sequence[Pixels], offsets: Sequence[tuple[int, int]]
) -> np.ndarray:
    parts = [p.chroma.astype(np.float32) * p.scale + c.chroma
             for p, c in zip(pixels, changes, strict=True)]  # fmt: skip
    return _whole(parts, offsets)


@pytest.mark.parametrize("offsets", [FULL, TALL])
@pytest.mark.parametrize("noise", [6.0, 10.0, 40.0])
def test_noise_that_differs_from_phase_to_phase_goes(
    offsets: tuple[tuple[int, int], ...], noise: float
) -> None:
    rng = np.random.default_rng(0)
    clean = _smooth(1, 6.0, 20.0)[:, : SIZE[1] * (2 if offsets == FULL else 1)]
    noisy = clean + noise * rng.standard_normal(clean.shape).astype(np.float32)
    left = clean + 0.12 * noise * rng.standard_normal(clean.shape).astype(np.float32)
    changes, pixels = _restored(noisy, left, offsets)
    made = settled(changes, pixels, offsets, noise)
    before, after = (np.sqrt(np.mean((_after(each, pixels, offsets) - clean) ** 2))
                     for each in (changes, made))  # fmt: skip
    assert after < (0.6 if offsets == FULL else 0.8) * before
    for old, new in zip(changes, made, strict=True):
        assert new.luma is old.luma
        assert new.chroma.dtype == np.float32
        np.testing.assert_array_equal(new.chroma * 64, np.rint(new.chroma * 64))


def test_edges_of_full_chroma_stay() -> None:
    """A line of one sample's width, 60 codes from its surroundings."""
    clean = np.full((2 * SIZE[0], 2 * SIZE[1], 2), 100, np.float32)
    clean[:, 77], clean[31] = 160, 40
    noise = np.random.default_rng(2).standard_normal(clean.shape).astype(np.float32)
    changes, pixels = _restored(clean + 10 * noise, clean + noise, FULL)
    after = _after(settled(changes, pixels, FULL, 10.0), pixels, FULL)
    assert np.abs(after[:, 77] - clean[:, 77]).mean() < 1.3
    assert np.abs(after - clean).mean() < 0.9 * np.abs(noise).mean()


def test_what_needs_nothing_stays() -> None:
    """Clean chroma, a single phase, and samples that the network left alone."""
    clean = _smooth(3, 1.0, 20.0)
    changes, pixels = _restored(clean, clean + 1, FULL)
    assert settled(changes, pixels, FULL, 0.0) == tuple(changes)
    assert settled(changes[:1], pixels[:1], ALONE, 10.0) == tuple(changes[:1])
    for change in changes:
        change.chroma[5:9, 7:60] = 0
    made = settled(changes, pixels, FULL, 10.0)
    for old, new in zip(changes, made, strict=True):
        assert not new.chroma[5:9, 7:60].any()
        assert (new.chroma != old.chroma).any()


@pytest.mark.parametrize(
    "form",
    [PixelFormat(family="rgb"), PixelFormat(family="yuv", log2_w=1, log2_h=0),
     PixelFormat(family="yuv", log2_w=0, log2_h=0, bits=10)],
    ids=str,
)  # fmt: skip
def test_odd_sizes_come_out_alike_from_tiles_and_from_one_piece(form: PixelFormat) -> None:
    height, width = 83, 131
    rng = np.random.default_rng(4)
    info = ClipInfo(width=width, height=height, format=form, length=3)
    shapes = [form.plane_shape(index, width, height) for index in range(3)]
    frames = [
        Frame(tuple(
            np.clip(form.peak / 2 + form.peak / 20 * rng.standard_normal(shape), 0, form.peak)
            .astype(form.dtype) for shape in shapes
        )) for _ in range(3)
    ]  # fmt: skip
    with Engine() as engine:
        made = []
        for edge in (64, 0):
            with engine.open(info, Settings.of(preset="fast", noise=10, tile=edge)) as session:
                made.append(session.render(1, dict(enumerate(frames))))
    for one, other in zip(*(each.planes for each in made), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.std() < frames[1].planes[0].std()
