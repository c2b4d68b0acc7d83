"""How far a command line is: ffmpeg's `-progress` blocks and its line on stderr."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from typing import Self, TextIO

from host_adapters.ffmpeg.commandline import CommandLine
from host_adapters.ffmpeg.output import Output
from vdiff_plugin.errors import UsageError

_PERIOD = 0.5  # seconds between two reports


class Progress:
    """Called with the outputs after every packet; reports now and then, and at the end.

    Args:
        line: has -progress, -stats and -nostats.
        shown: whether the level lets the line on stderr through.
    """

    def __init__(self, line: CommandLine, *, shown: bool) -> None:
        names = {each.name for each in line.globals.options}
        self._line = (shown and sys.stderr.isatty() and "nostats" not in names) or "stats" in names
        self._url = line.globals.value("progress")
        self._opened = ExitStack()
        self._file: TextIO | None = None
        self._begun = self._told = time.monotonic()
        self._outputs: list[Output] = []

    def __enter__(self) -> Self:
        if self._url in ("-", "pipe:1"):
            self._file = sys.stdout
        elif self._url == "pipe:2":
            self._file = sys.stderr
        elif self._url:
            try:
                self._file = self._opened.enter_context(open(self._url, "w"))  # noqa: PTH123
            except OSError as error:
                raise UsageError(
                    f"Failed to open progress URL {self._url!r}: {error.strerror}; give a file or -"
                ) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._outputs:
            self._report(self._outputs, "end")
        self._opened.close()

    def __call__(self, outputs: list[Output]) -> None:
        """Note how far they are, and say so if it is time to."""
        self._outputs = outputs
        now = time.monotonic()
        if now - self._told >= _PERIOD:
            self._told = now
            self._report(outputs, "continue")

    def _report(self, outputs: list[Output], state: str) -> None:
        tracks = [track for output in outputs for track in output.tracks.values()]
        frames = max((track.frames for track in tracks), default=0)
        spent = max(time.monotonic() - self._begun, 1e-9)
        size = sum(output.written for output in outputs)
        if self._file:
            self._file.write(
                f"frame={frames}\nfps={frames / spent:.2f}\ntotal_size={size}\nprogress={state}\n"
            )
            self._file.flush()
        if self._line:
            end = "\n" if state == "end" else "\r"
            sys.stderr.write(f"frame={frames:5d} fps={frames / spent:3.0f} size={size}B{end}")
            sys.stderr.flush()
