"""Standard streams that are closed, full or gone: work goes on, and no result is lost unsaid."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from typing import Any, TextIO, cast

_STDIN, _STDOUT, _STDERR = 0, 1, 2
# Opened the wrong way round, so that using them fails; what goes to stderr just vanishes.
_STAND_INS = {_STDIN: os.O_WRONLY, _STDOUT: os.O_RDONLY, _STDERR: os.O_WRONLY}
_REMEDIES = {
    errno.ENOSPC: "make room for it",
    errno.EBADF: "open stdout, or send it to a file",
}


def fill_closed() -> None:
    """Put a stand-in where stdin, stdout or stderr is closed.

    Else the next file to be opened, the output perhaps, gets that number, and libraries
    write their messages into it.
    """
    for number, mode in _STAND_INS.items():
        try:
            os.fstat(number)
        except OSError:
            _take(number, mode)
    if sys.stdin is None:
        sys.stdin = open(_STDIN, closefd=False)  # noqa: SIM115  # no path, and never closed
    if sys.stdout is None:
        sys.stdout = open(_STDOUT, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(_STDERR, "w", closefd=False)  # noqa: SIM115


@contextmanager
def tolerant_stderr() -> Iterator[None]:
    """While it lasts, nothing fails because stderr cannot be written."""
    if sys.stderr is None:
        yield
        return
    with redirect_stderr(cast(TextIO, Tolerant(sys.stderr))):
        yield


class Tolerant:
    """A text stream whose writer need not care whether anybody can read it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text` if that is possible."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):  # full or gone; closed
            abandon(self._stream)
            return len(text)

    def flush(self) -> None:
        """Flush if that is possible."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            abandon(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def abandon(stream: TextIO) -> None:
    """Let the rest of what `stream` gets lead nowhere, its buffer at the end included."""
    with suppress(OSError, ValueError):
        _take(stream.fileno(), os.O_WRONLY)


def explain_lost(error: OSError) -> str:
    """Why stdout could not be written, and what to do about it."""
    reason = (error.strerror or str(error)).lower()
    remedy = _REMEDIES.get(error.errno or 0, "send it to a file")
    return f"the output cannot be written ({reason}); {remedy}"


def _take(number: int, mode: int) -> None:
    """Open nowhere under the descriptor `number`, whatever it was before."""
    opened = os.open(os.devnull, mode)
    if opened == number:
        os.set_inheritable(opened, True)
        return
    os.dup2(opened, number)
    os.close(opened)
