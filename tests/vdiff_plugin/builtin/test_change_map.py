from __future__ import annotations

import numpy as np
import pytest

from tests.vdiff_plugin.chain import SMALL, engine_with, noise_clip
from vdiff_plugin.errors import SettingsError
from vdiff_plugin.settings import Settings


def test_the_map_is_the_difference_to_the_frame_before() -> None:
    frames = noise_clip(3)
    chosen = Settings.of(stages="changes:gain=0.5")
    with engine_with() as engine, engine.open(SMALL, chosen) as session:
        held = dict(enumerate(frames))
        maps = [session.render(n, held, length=3).planes[0] for n in range(3)]
        assert session.clip.format.family == "gray"
    luma = [frame.planes[0].astype(int) for frame in frames]
    assert not maps[0].any()
    expected = np.rint(np.abs(luma[2] - luma[1]) * 0.5)
    np.testing.assert_array_equal(maps[2], expected)


def test_bad_options_are_refused() -> None:
    with engine_with() as engine, pytest.raises(SettingsError, match="gain"):
        engine.open(SMALL, Settings.of(stages="changes:gain=-1"))
