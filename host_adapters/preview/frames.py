"""The pictures of the page: a frame of the clip, the same restored, and what changed in it."""

from __future__ import annotations

from collections import OrderedDict

import cv2
import numpy as np

from host_adapters.media import ClipReader
from host_adapters.preview.reel import Reel
from vdiff_plugin.builtin.noise import noise_level
from vdiff_plugin.builtin.planes import to_pixels
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.pages.stills import screen
from vdiff_plugin.session import Session
from vdiff_plugin.settings import Settings

_SESSIONS = 6  # open at a time; what is costly, the networks, is the engine's
# As bright as `vdiff changes --mask`: four times the mean of the network's 16 features.
_CHANGE = Settings.of(stages="changes:features=vdiff:gain=0.25")
_STRIDE = 2  # the least that pictures are padded to: chroma has half the size
_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # it travels no further than this machine


class Stills:
    """Makes PNG pictures of frames by number. One thread at a time may call it.

    Args:
        reader: the clip.
        engine: renders; the caller closes it.
    """

    def __init__(self, reader: ClipReader, engine: Engine) -> None:
        self.reader = reader
        self._engine = engine
        self._sessions: OrderedDict[Settings, Session] = OrderedDict()
        self._reel = Reel(reader)

    def before(self, n: int) -> bytes:
        """Frame n as it is. Raises FrameError if there is none."""
        return png(self._frame(n), self.reader.info)

    def after(self, n: int, settings: Settings) -> bytes:
        """Frame n as `vdiff enhance` with these settings makes it.

        Raises:
            FrameError: there is no frame n.
            UsageError: settings that no stage takes.
        """
        session = self.session(settings)
        return png(session.render(n, self._reel.frames(session.needed(n))), session.clip)

    def change(self, n: int) -> bytes:
        """What differs between frame n and the one before; frame 0 has a black one."""
        return self.after(n, _CHANGE)

    def noise(self, n: int) -> float:
        """Noise in the luma of frame n alone, in 8-bit code values.

        `auto` takes the median of the window, and chroma by itself.
        """
        return noise_level(to_pixels(self._frame(n), self.reader.info, _STRIDE)[0])[0]

    def require(self, n: int) -> None:
        """Raise FrameError if there is no frame n."""
        self._reel.require(n)

    def close(self) -> None:
        """Let go of the file; the engine closes the sessions."""
        self._reel.close()

    def session(self, settings: Settings) -> Session:
        """An open session; it is closed when others have been asked for since.

        Raises:
            UsageError: settings that no stage takes.
        """
        if settings not in self._sessions:
            self._sessions[settings] = self._engine.open(self.reader.info, settings)
            if len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)[1].close()
        self._sessions.move_to_end(settings)
        return self._sessions[settings]

    def _frame(self, n: int) -> Frame:
        return self._reel.frames(range(n, n + 1))[n]


def png(frame: Frame, clip: ClipInfo) -> bytes:
    """A frame as a screen of eight bits shows it, in a PNG: nothing is lost beyond that."""
    picture = np.ascontiguousarray(screen(frame, clip)[..., ::-1])
    done, encoded = cv2.imencode(".png", picture, _FAST)
    if not done:
        raise AssertionError("OpenCV wrote no PNG")
    return bytes(encoded)
