"""Who is rendering what, and how far: for people, and to say where a process was killed.

A renderer holds a lock on its beacon, which the system drops when it dies; so whether it
lives is known without comparing clocks.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.spans import Span

_NAME = re.compile(r"(\d+)-(\d+)\.(.+)-(\d+)")
_WIDTH = 12  # digits of a frame number in a beacon


@dataclass(frozen=True)
class Beacon:
    """A renderer that is at work, or was when it died.

    Attributes:
        span: what it renders.
        host: on which machine.
        frame: the frame it is at.
        alive: whether it still runs.
    """

    span: Span
    host: str
    frame: int
    alive: bool


@contextmanager
def light(job: JobFolder, span: Span) -> Iterator[_Light]:
    """Show that `span` is being rendered here; where that cannot be written, do not."""
    own = _Light(job, span)
    try:
        own.at(span.first)
        yield own
    except Exception:
        own.remove()  # a failure tells its own tale; only a killed process leaves a beacon
        raise
    else:
        own.remove()
    finally:
        own.close()


def beacons(job: JobFolder) -> list[Beacon]:
    """All beacons of a job, in the order of their frames."""
    found = []
    for path in sorted(_folder(job).glob("[0-9]*-*")):
        name = _NAME.fullmatch(path.name)
        with suppress(OSError, ValueError):
            text = path.read_text(encoding="ascii")
            if name and text:
                span = Span(int(name[1]), int(name[2]))
                found.append(Beacon(span, name[3], int(text), _is_held(path)))
    return found


def died_at(job: JobFolder, span: Span) -> int | None:
    """The frame at which a renderer of `span` was killed, if one was."""
    frames = [each.frame for each in beacons(job) if each.span == span and not each.alive]
    return max(frames, default=None)


def clear(job: JobFolder) -> None:
    """Remove the beacons of the dead."""
    for path in _folder(job).glob("[0-9]*-*"):
        with suppress(OSError):
            if not _is_held(path):
                path.unlink()


class _Light:
    """The beacon of this process."""

    def __init__(self, job: JobFolder, span: Span) -> None:
        name = f"{span.first:08}-{span.last:08}.{socket.gethostname()}-{os.getpid()}"
        self._path = _folder(job) / name
        self._handle: int | None = None
        with suppress(OSError):
            self._path.parent.mkdir(exist_ok=True)
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def at(self, frame: int) -> None:
        """Tell which frame is next."""
        if self._handle is not None:
            with suppress(OSError):
                os.pwrite(self._handle, f"{frame:0{_WIDTH}}\n".encode(), 0)

    def remove(self) -> None:
        """The work is over, one way or the other."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _folder(job: JobFolder) -> Path:
    return job.path / "running"


def _is_held(path: Path) -> bool:
    handle = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
