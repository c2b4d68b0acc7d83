"""How far the work is, told on stderr: a bar, one JSON object a line, or nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from vdiff_plugin.cli.logs import logs_as_json
from vdiff_plugin.errors import UnknownNameError

Report = Callable[[int, int | None], None]  # frames done, frames in all where known
KINDS = ("auto", "bar", "json", "none")
_INTERVAL = 0.5  # seconds between two JSON lines


@contextmanager
def open_progress(kind: str, text: str) -> Iterator[Report]:
    """Give a function to call after every frame.

    Args:
        kind: one of `KINDS`; auto is a bar on a terminal and nothing elsewhere.
        text: what is being done.

    Raises:
        UnknownNameError: no such kind.
    """
    if kind not in KINDS:
        raise UnknownNameError("progress", kind, KINDS)
    if kind == "auto":
        kind = "bar" if sys.stderr.isatty() else "none"
    if kind == "bar":
        with _bar(text) as report:
            yield report
    elif kind == "json":
        with logs_as_json():
            yield JsonLines(text)
    else:
        yield lambda _done, _total: None


class JsonLines:
    """Writes `{"task", "frame", "frames", "seconds", "fps", "eta"}` now and then.

    `frames` and `eta` (seconds) are null where the clip's length is unknown. The line of
    the last frame is always written.
    """

    def __init__(self, task: str) -> None:
        self._task = task
        self._start = time.monotonic()
        self._told = self._start

    def __call__(self, done: int, total: int | None) -> None:
        """Tell that `done` of `total` frames are finished, if it is time to."""
        now = time.monotonic()
        if done != total and now - self._told < _INTERVAL:
            return
        self._told = now
        sys.stderr.write(json.dumps(self._line(done, total, now - self._start)) + "\n")
        sys.stderr.flush()

    def _line(self, done: int, total: int | None, seconds: float) -> dict[str, Any]:
        fps = done / max(seconds, 1e-9)
        eta = None if total is None or not done else round((total - done) / fps, 1)
        return {
            "task": self._task,
            "frame": done,
            "frames": total,
            "seconds": round(seconds, 2),
            "fps": round(fps, 2),
            "eta": eta,
        }


@contextmanager
def _bar(text: str) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[fps]:.1f} fps"),
        TimeRemainingColumn(),
    )
    start = time.monotonic()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(text, total=None, fps=0.0)

        def report(done: int, total: int | None) -> None:
            fps = done / max(time.monotonic() - start, 1e-9)
            progress.update(task, completed=done, total=total, fps=fps)

        yield report
