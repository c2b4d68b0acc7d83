"""The pictures themselves, whatever was asked for before them."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_adapters.media import read_clip
from host_adapters.preview import frames, reel
from host_adapters.preview.frames import Stills
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import FrameError
from vdiff_plugin.settings import Settings


def test_pixels_do_not_depend_on_what_was_shown_before(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strengths = [Settings.of(strength=each / 10) for each in range(frames._SESSIONS + 2)]
    asked = [(n, settings) for n in (6, 0, 3) for settings in strengths]
    with Engine() as engine:
        stills = Stills(read_clip(clip), engine)
        first = {each: stills.after(*each) for each in asked}
    assert len(set(first.values())) == len(asked)
    monkeypatch.setattr(reel, "_HELD", 1)  # byte: every frame is forgotten at once
    with Engine() as engine:
        stills = Stills(read_clip(clip), engine)
        assert all(stills.after(*each) == first[each] for each in reversed(asked))
        assert len(stills._sessions) == frames._SESSIONS
        assert len(stills._reel._held) <= len(stills.session(strengths[1]).needed(3))


def test_there_is_no_frame_beyond_the_last(clip: Path) -> None:
    with Engine() as engine:
        stills = Stills(read_clip(clip), engine)
        with pytest.raises(FrameError):
            stills.before(8)
        with pytest.raises(FrameError):
            stills.after(8, Settings.of())
