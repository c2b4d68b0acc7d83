"""Progress as render managers read it: lines of Open Job Description."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from vdiff_plugin.cli.progress import KINDS, Report, open_progress
from vdiff_plugin.errors import UnknownNameError, VdiffError

_INTERVAL = 1.0  # seconds between two lines


@contextmanager
def open_farm_progress(kind: str, text: str) -> Iterator[Report]:
    """Like `open_progress`, with the kind `openjd` as well.

    Raises:
        UnknownNameError: no such kind.
    """
    if kind != "openjd":
        if kind not in KINDS:
            raise UnknownNameError("progress", kind, (*KINDS, "openjd"))
        with open_progress(kind, text) as report:
            yield report
        return
    say("status", text)
    try:
        yield _Lines()
    except VdiffError as error:
        say("fail", str(error))
        raise


def say(what: str, text: str) -> None:
    """Write one line for the session that runs us: `openjd_status: ...`, on stderr."""
    sys.stderr.write(f"openjd_{what}: {' '.join(text.split())}\n")
    sys.stderr.flush()


class _Lines:
    """Tells now and then which percentage is done, and that of the last frame always."""

    def __init__(self) -> None:
        self._told = 0.0

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if total and (done == total or now - self._told >= _INTERVAL):
            self._told = now
            say("progress", f"{100 * done / total:.1f}")
