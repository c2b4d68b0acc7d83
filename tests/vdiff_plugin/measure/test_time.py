"""Flicker and sharpness on pictures of which the answer is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.measure import measure_pairs

CLIP = ClipInfo(width=128, height=96, format=PixelFormat(family="gray"))


def scene(steps: int) -> list[NDArray[np.float32]]:
    """A smooth texture that moves two pixels a frame."""
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, (96, 128 + 2 * steps)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    smooth = 120 + 40 * smooth / smooth.std()
    return [smooth[:, 2 * n : 2 * n + 128] for n in range(steps)]


def frames(pictures: list[NDArray[np.float32]]) -> list[Frame]:
    return [Frame((np.clip(np.rint(one), 0, 255).astype(np.uint8),)) for one in pictures]


def flicker(reference: list[Frame], other: list[Frame]) -> NDArray[np.float64]:
    return measure_pairs(zip(reference, other, strict=True), CLIP, ["flicker"])["flicker"]


def test_motion_alone_is_no_flicker_and_a_pulse_is_measured_in_codes() -> None:
    still = scene(6)
    clean = frames(still)
    steady = flicker(clean, clean)
    assert np.isnan(steady[0])
    assert (steady[1:] < 1.5).all()
    pulsing = frames([one + (8 if n % 2 else 0) for n, one in enumerate(still)])
    assert flicker(clean, pulsing)[1:] == pytest.approx(8, abs=0.6)


def test_noise_that_stays_is_steadier_than_noise_that_changes() -> None:
    rng = np.random.default_rng(2)
    at_rest = [scene(1)[0]] * 5
    fixed = rng.normal(0, 6, at_rest[0].shape)
    staying = frames([one + fixed for one in at_rest])
    changing = frames([one + rng.normal(0, 6, one.shape) for one in at_rest])
    clean = frames(at_rest)
    assert flicker(clean, staying)[1:] == pytest.approx(0, abs=1e-6)
    assert flicker(clean, changing)[1:] == pytest.approx(6 * 2**0.5, rel=0.05)


def test_a_cut_has_no_number_or_a_large_one_and_never_a_small_one() -> None:
    one, other = scene(1)[0], 255 - scene(2)[1][::-1]
    found = flicker(frames([one, other]), frames([one, other]))
    assert np.isnan(found[1]) or found[1] > 8


def test_sharpness_of_a_ramp_is_its_slope_and_blur_lowers_it() -> None:
    ramp = np.tile(np.arange(128, dtype=np.float32), (96, 1))
    texture = scene(1)[0]
    blurred = cv2.GaussianBlur(texture, (0, 0), 3)
    given = frames([ramp, texture, np.asarray(blurred)])
    slope, sharp, soft = measure_pairs([(one, one) for one in given], CLIP, ["sharpness"])[
        "sharpness"
    ]
    assert slope == pytest.approx(1, abs=0.02)
    assert soft < 0.8 * sharp
