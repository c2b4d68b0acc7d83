"""The frames that the plug-in and its worker share."""

from __future__ import annotations

import fcntl
import mmap
import os
from contextlib import suppress

import cv2
import numpy as np
from numpy.typing import NDArray

from host_adapters.frei0r.protocol import Geometry, ProtocolError
from vdiff_plugin.frame import Frame

Picture = NDArray[np.uint8]  # (height, width, 4) R G B A

_F_GET_SEALS = 1034
_F_SEAL_SHRINK = 2


class SharedFrames:
    """Slots for source frames and one for the answer.

    Args:
        file: descriptor of a sealed memory file; closed when this returns or raises.
        geometry: what lies where.

    Raises:
        ProtocolError: the file is smaller than that, or can still be made so.
    """

    def __init__(self, file: int, geometry: Geometry) -> None:
        self._geometry = geometry
        try:
            _require_steady(file, geometry.total_bytes)
            self._memory = mmap.mmap(file, geometry.total_bytes)
        finally:
            os.close(file)
        self.answer = self._slot(geometry.slots)

    def source(self, slot: int) -> Picture:
        """A view of a source frame; the plug-in does not write while a request runs."""
        view = self._slot(slot)
        view.flags.writeable = False
        return view

    def close(self) -> None:
        """Let go of the memory."""
        del self.answer
        with suppress(BufferError):  # a view is left in a traceback; it goes with that
            self._memory.close()

    def _slot(self, index: int) -> Picture:
        shape = (self._geometry.height, self._geometry.width, 4)
        return np.ndarray(shape, np.uint8, self._memory, index * self._geometry.slot_bytes)


def frame_of(picture: Picture) -> Frame:
    """A frame with planes of its own."""
    return Frame(tuple(np.ascontiguousarray(plane) for plane in cv2.split(picture)))


def write_frame(frame: Frame, into: Picture) -> None:
    """Interleave the planes R, G, B, A of a frame."""
    cv2.merge([np.ascontiguousarray(plane) for plane in frame.planes], into)


def _require_steady(file: int, size: int) -> None:
    """A file that shrinks under a mapping would end the process."""
    try:
        seals = fcntl.fcntl(file, _F_GET_SEALS)
    except OSError as error:
        raise ProtocolError("the frames do not come in a memory file") from error
    if not seals & _F_SEAL_SHRINK or os.fstat(file).st_size < size:
        raise ProtocolError("the memory for frames is too small, or not sealed")
