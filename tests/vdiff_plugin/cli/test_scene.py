from __future__ import annotations

import numpy as np

from vdiff_plugin.cli.scene import Scene

SMALL = Scene(width=192, height=108, length=4)


def test_frames_fit_the_clip() -> None:
    for n in range(SMALL.length):
        SMALL.clean(n).require(SMALL.clip)
        SMALL.noisy(n, 20).require(SMALL.clip)


def test_a_frame_depends_on_its_number_alone() -> None:
    again = Scene(width=192, height=108, length=4)
    assert again.noisy(3, 20).key == SMALL.noisy(3, 20).key
    assert SMALL.clean(0).key != SMALL.clean(1).key
    assert Scene(width=192, height=108, seed=8).clean(0).key != SMALL.clean(0).key


def test_noise_has_the_strength_asked_for() -> None:
    noise = SMALL.noisy(0, 10).planes[0].astype(float) - SMALL.clean(0).planes[0]
    assert abs(noise.std() - 10) < 0.3
    assert abs(noise.mean()) < 0.3


def test_the_picture_moves_and_stays_in_range() -> None:
    luma = np.stack([SMALL.clean(n).planes[0] for n in range(SMALL.length)]).astype(int)
    assert luma.min() >= 16
    assert luma.max() <= 235
    assert np.abs(np.diff(luma, axis=0)).mean() > 0.5
