"""Motion is found, and warping undoes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from vdiff_plugin.builtin.flow import DisAligner, open_aligner
from vdiff_plugin.errors import SettingsError

SHIFT = (6, 4)  # pixels, x and y


def _texture(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).random((240, 320), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))


def _moved(picture: np.ndarray) -> np.ndarray:
    return np.roll(picture, SHIFT[::-1], axis=(0, 1))


@pytest.mark.parametrize("finest_scale", [1, 2])
@pytest.mark.parametrize("sigma", [0, 20])
def test_a_shift_is_found(finest_scale: int, sigma: float) -> None:
    rng = np.random.default_rng(1)
    aligner = DisAligner(finest_scale)
    first = _texture()
    noisy = [
        np.clip(each + rng.normal(0, sigma, each.shape), 0, 255).astype(np.uint8)
        for each in (first, _moved(first))
    ]
    flow = aligner.flow(*(aligner.prepare(each) for each in noisy))
    assert flow.shape == (120, 160, 2)
    inner = np.median(flow[20:-20, 20:-20], axis=(0, 1)) * 2
    np.testing.assert_allclose(inner, SHIFT, atol=0.5)


def test_flow_does_not_depend_on_threads_or_what_came_before() -> None:
    pairs = [(_texture(seed), _moved(_texture(seed))) for seed in range(6)]

    def solve(pair: tuple[np.ndarray, np.ndarray]) -> bytes:
        return shared.flow(*(shared.prepare(each) for each in pair)).tobytes()

    shared = DisAligner(1)
    alone = []
    for first, second in pairs:
        own = DisAligner(1)
        alone.append(own.flow(own.prepare(first), own.prepare(second)).tobytes())
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(solve, pairs)) == alone
    cv2.setNumThreads(4)
    assert [solve(pair) for pair in reversed(pairs)] == alone[::-1]


def test_small_and_thin_pictures_leave_no_trace() -> None:
    """DIS tunes itself to small pictures; the next flow must not see that, nor crash."""
    rng = np.random.default_rng(0)
    sizes = [(24, 24), (30, 40), (60, 80), (66, 88), (69, 92), (30, 320), (24, 900), (500, 26)]
    sizes += [tuple(int(each) for each in rng.integers(24, 400, 2)) for _ in range(20)]
    for finest_scale in (1, 2):
        aligner = DisAligner(finest_scale)
        first, second = (aligner.prepare(each) for each in (_texture(), _moved(_texture())))
        expected = aligner.flow(first, second).tobytes()
        for size in sizes:
            one = cv2.resize(first, size[::-1])
            flow = aligner.flow(one, np.roll(one, 1, axis=1))
            assert np.isfinite(flow).all()
            assert aligner.flow(one, np.roll(one, 1, axis=1)).tobytes() == flow.tobytes()
            assert aligner.flow(first, second).tobytes() == expected


def test_pictures_too_small_to_track_stay_put() -> None:
    aligner = DisAligner()
    tiny = aligner.prepare(np.random.default_rng(0).integers(0, 256, (16, 16)).astype(np.uint8))
    assert not aligner.flow(tiny, tiny[::-1].copy()).any()


def test_options_are_checked() -> None:
    assert open_aligner(finest_scale="1").fingerprint != open_aligner().fingerprint
    with pytest.raises(SettingsError, match="finest_scale=9"):
        open_aligner(finest_scale="9")
