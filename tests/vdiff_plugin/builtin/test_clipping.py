"""Black and white come back from under noise that was cut off at the ends of the range."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vdiff_plugin.builtin import clipping
from vdiff_plugin.builtin.clipping import unclipped
from vdiff_plugin.builtin.planes import apply_change
from vdiff_plugin.contracts import Change
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.native.library import Instructions, available, kernels
from vdiff_plugin.settings import Settings

SIGMA = 12.0


def noisy(truth: NDArray[np.float64], sigma: float = SIGMA, peak: int = 255) -> NDArray[np.uint16]:
    noise = np.random.default_rng(4).normal(0, sigma, truth.shape)
    return np.clip(np.rint(truth + noise), 0, peak).astype(np.uint16)


def corrected(
    plane: NDArray[np.uint16], mean: NDArray[np.float64], sigma: float = SIGMA, unit: float = 1.0
) -> NDArray[np.float64]:
    """What a restoration becomes that finds `mean` codes everywhere."""
    change = (mean - plane / unit).astype(np.float32)
    before = change.copy()
    peak = round(256 * unit) - 1
    for rows, part in unclipped(plane, change, sigma, peak=peak, unit=unit):
        assert rows.start % 8 == 0
        change[rows] = part
    untouched = (plane > 0) & (plane < peak)
    assert np.isfinite(change[untouched]).all()
    assert before.shape == change.shape
    return plane / unit + change.astype(np.float64)


@pytest.mark.parametrize("truth", [0, 4, 9, 16, 30, 90, 240, 247, 252, 255])
def test_flat_areas_come_back(truth: int) -> None:
    plane = noisy(np.full((200, 300), float(truth)))
    mean = np.full(plane.shape, plane.mean())
    before, after = abs(plane.mean() - truth), np.abs(corrected(plane, mean) - truth).mean()
    assert after < 0.08 * SIGMA  # shares are counted in a few hundred samples
    if truth in (0, 255):
        assert before > 0.38 * SIGMA  # phi(0) of it


@pytest.mark.parametrize(("bits", "unit"), [(8, 1.0), (10, 4.0), (12, 16.0)])
def test_deeper_samples_are_judged_alike(bits: int, unit: float) -> None:
    peak = (1 << bits) - 1
    plane = noisy(np.full((96, 96), 0.0), SIGMA * unit, peak)
    after = corrected(plane, np.full(plane.shape, plane.mean() / unit), unit=unit)
    assert after.mean() < 0.05 * SIGMA


def test_noise_that_is_weaker_in_the_dark_is_not_overdone() -> None:
    plane = noisy(np.full((200, 300), 6.0), sigma=4)  # the clip's noise is three times that
    after = corrected(plane, np.full(plane.shape, plane.mean()))
    assert abs(after.mean() - 6.0) < 0.3


def test_what_was_not_cut_off_is_left() -> None:
    flat = np.full((64, 64), 3, np.uint16)  # nearly black, without noise
    assert list(unclipped(flat, np.zeros(flat.shape, np.float32), SIGMA, peak=255, unit=1)) == []
    black = np.zeros((64, 64), np.uint16)
    changes = list(unclipped(black, np.zeros(black.shape, np.float32), 0.5, peak=255, unit=1))
    assert changes == []  # no noise to speak of


def test_black_borders_say_nothing_about_the_picture_beside_them() -> None:
    plane = np.zeros((96, 96), np.uint16)
    plane[24:] = 9
    after = corrected(plane, plane.astype(np.float64))
    np.testing.assert_array_equal(after, plane)


def test_detail_beside_an_area_that_was_cut_off_is_left() -> None:
    truth = np.zeros((96, 96))
    truth[:, 48:50] = 100.0  # a thin line
    plane = noisy(truth)
    mean = np.where(truth > 0, truth, plane[:, :40].mean())
    after = corrected(plane, mean)
    np.testing.assert_allclose(after[:, 48:50], 100.0)
    assert after[:, :40].mean() < 0.05 * SIGMA


def test_bands_do_not_show() -> None:
    truth = np.linspace(0, 20, 400)[:, None] * np.ones((1, 64))
    plane = noisy(truth)
    whole = corrected(plane, truth + 2)
    for top in (40, 120, 136):  # another cut of the picture has other bands
        part = corrected(plane[top:], truth[top:] + 2)
        np.testing.assert_array_equal(part[32:], whole[top + 32 :])


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("dither", [False, True])
def test_strength_takes_the_correction_along(strength: float, dither: bool) -> None:
    clip = ClipInfo(
        width=96, height=160, length=1, format=PixelFormat(family="gray", bits=8), full_range=True
    )
    plane = noisy(np.zeros((160, 96))).astype(np.uint8)
    mean = float(plane.mean())
    change = Change(np.float32(mean) - plane.astype(np.float32), np.zeros((80, 48, 2), np.float32))
    out = apply_change(
        Frame((plane,)), [change], clip=clip, out=clip, strength=strength, dither=dither,
        noise=(SIGMA, 0.0),
    )  # fmt: skip
    wanted = plane * (1 - strength)  # black, mixed with what was there
    assert abs(out.planes[0].astype(float) - wanted).mean() < 0.7


def test_black_and_white_under_noise_come_back_in_rgb() -> None:
    clip = ClipInfo(
        width=128, height=64, length=5, format=PixelFormat(family="rgb", bits=8), full_range=True
    )
    truth = np.zeros((64, 128, 3))
    truth[:, 64:] = 255
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 20, (5, *truth.shape))
    pictures = np.clip(np.rint(truth + noise), 0, 255).astype(np.uint8)
    frames = {
        n: Frame(tuple(np.ascontiguousarray(picture[..., i]) for i in range(3)))
        for n, picture in enumerate(pictures)
    }
    with Engine() as engine, engine.open(clip, Settings.of()) as session:
        out = np.stack(session.render(2, frames).planes, axis=-1).astype(float)
    inside = np.abs(out - truth)[8:-8, [*range(8, 56), *range(72, 120)]]
    assert np.abs(pictures[2] - truth).mean() > 7
    assert inside.mean() < 2


@pytest.mark.skipif(not available(), reason="the native kernels are not built")
@pytest.mark.parametrize("most", Instructions)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("solid", [False, True])
def test_the_kernel_equals_numpy(
    dtype: type, solid: bool, most: Instructions, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(7)
    peak = 255 if dtype == np.uint8 else 1023
    unit = (peak + 1) / 256
    truth = np.linspace(-20, 275, 150 * 92).reshape(150, 92) * unit
    plane = np.clip(np.rint(truth + rng.normal(0, 15 * unit, truth.shape)), 0, peak).astype(dtype)
    if solid:
        plane[:30] = 0
        plane[130:, 40:] = peak
    pairs = rng.normal(0, 9, (150, 92, 2)).astype(np.float32)
    for change in (np.ascontiguousarray(pairs[..., 0]), pairs[..., 1]):
        with kernels().limited(most):
            native = list(unclipped(plane, change, 14.3, peak=peak, unit=unit))
        with monkeypatch.context() as without:
            without.setattr(clipping, "available", lambda: False)
            plain = list(unclipped(plane, change, 14.3, peak=peak, unit=unit))
        assert [rows for rows, _ in native] == [rows for rows, _ in plain] != []
        assert any((part != change[rows]).any() for rows, part in native)
        for (_, got), (_, wanted) in zip(native, plain, strict=True):
            np.testing.assert_array_equal(got, wanted)
