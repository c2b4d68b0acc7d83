"""What libav says of its own troubles, for error messages: its error numbers say little."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import av.logging

from vdiff_plugin.descriptors import silenced

_turn = threading.Lock()  # the level of libav's log is one for the process


@dataclass
class Said:
    """Warnings and errors of libav.

    Attributes:
        lines: (part of libav such as `libx264`, text), in order.
    """

    lines: list[tuple[str, str]] = field(default_factory=list)

    def by(self, part: str) -> list[str]:
        """What `part` said."""
        return [text for who, text in self.lines if who == part]


@contextmanager
def overhear() -> Iterator[Said]:
    """Collect what libav says in this thread meanwhile; nothing of it reaches stderr.

    libx264 writes some errors to stderr by itself, past libav's log.
    """
    said = Said()
    with _turn, _wide_open(), silenced(), av.logging.Capture() as logs:
        try:
            yield said
        finally:
            said.lines += [(part, " ".join(text.split()).rstrip(".:")) for _, part, text in logs]


@contextmanager
def _wide_open() -> Iterator[None]:
    level, skips = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_skip_repeated(False)  # else a second try says nothing
    av.logging.set_level(av.logging.WARNING)
    try:
        yield
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips)
