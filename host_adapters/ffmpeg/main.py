"""`vdiff ffmpeg`: reads the command line, chooses the way, runs it, speaks as ffmpeg does."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from host_adapters.ffmpeg.commandline import CommandLine, read_command_line
from host_adapters.ffmpeg.progress import Progress
from host_adapters.ffmpeg.reach import beyond
from host_adapters.ffmpeg.transcode import Inside
from host_adapters.filtergraph.model import MissingFilterError
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import UsageError, VdiffError

_INTERRUPTED = 130
_LEVELS = {"quiet": -8, "panic": 0, "fatal": 8, "error": 16, "warning": 24, "info": 32} | {
    "verbose": 40,
    "debug": 48,
    "trace": 56,
}
_VERBOSE, _ERROR, _WARNING = 40, 16, 24


def run(words: Sequence[str]) -> int:
    """Run a command line and return its exit code.

    Raises:
        BrokenPipeError: nobody reads the output any more.
        KeyboardInterrupt: interrupted twice.
    """
    try:
        line = read_command_line(words)
        level = _level(line)
        with _quietened(level):
            return _run(line, level)
    except VdiffError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _run(line: CommandLine, level: int) -> int:
    with ExitStack() as opened:
        reason = beyond(line)
        plan = None
        if not reason:
            try:
                plan = Inside(line, opened)
            except MissingFilterError as error:
                reason = f"the bundled libraries have no filter {error.name!r}"
        if not reason and plan:
            reason = plan.beyond()
        if level >= _VERBOSE:
            way = f"through the ffmpeg program: {reason}" if reason else "within this process"
            sys.stderr.write(f"[vdiff] {way}\n")
        with Engine() as engine, Progress(line, shown=level >= _LEVELS["info"]) as progress:
            if reason or plan is None:
                opened.close()
                from host_adapters.ffmpeg.program import run_program  # not often wanted

                return run_program(line, reason, engine)
            whole = plan.run(engine, progress)
    return 0 if whole else _INTERRUPTED


def _level(line: CommandLine) -> int:
    text = (line.globals.value("v") or "info").rpartition("+")[2]
    number = _LEVELS.get(text, int(text) if text.lstrip("-").isdecimal() else None)
    if number is None:
        raise UsageError(f"Invalid loglevel {text!r}; have {', '.join(_LEVELS)}")
    return number


@contextmanager
def _quietened(level: int) -> Iterator[None]:
    """Our own log goes by -v too, as long as the command runs."""
    ours = logging.getLogger("host_adapters")
    before = ours.level
    if level < _WARNING:
        ours.setLevel(logging.ERROR if level >= _ERROR else logging.CRITICAL)
    try:
        yield
    finally:
        ours.setLevel(before)
