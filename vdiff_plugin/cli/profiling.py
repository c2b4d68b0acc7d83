"""Where the time of a run goes: spans at the seams of the core, as a table and as a trace."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from vdiff_plugin.contracts import Aligner, Network, Upscaler
from vdiff_plugin.engine import Engine
from vdiff_plugin.session import Session
from vdiff_plugin.settings import Settings

_PARTS = {
    "network": {"extract": "features", "restore": "diffusion and restoration"},
    "upscaler": {"upscale": "doubling: the network"},
    "aligner": {"prepare": "motion: smoothing", "flow": "motion: optical flow"},
    "session": {"render": "all else in a frame", "prepare": "all else, ahead of a frame"},
}


@dataclass(frozen=True)
class Span:
    """One call: its name, thread, start and length in seconds, and what was spent in it alone."""

    name: str
    thread: int
    start: float
    length: float
    own: float


class Recorder:
    """Collects spans from any thread."""

    def __init__(self) -> None:
        """Start with none."""
        self._spans: list[Span] = []
        self._open = threading.local()

    def take(self) -> list[Span]:
        """The spans since the last call."""
        taken, self._spans = self._spans, []
        return taken

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, each of its calls a span."""

        def call(*args: Any, **kwargs: Any) -> Any:
            inner: list[float] = self._open.__dict__.setdefault("inner", [0.0])
            inner.append(0.0)
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                length = time.perf_counter() - start
                own = length - inner.pop()
                inner[-1] += length
                self._spans.append(Span(name, threading.get_native_id(), start, length, own))

        return call


class ProfiledEngine(Engine):
    """An engine whose sessions, networks and aligners leave spans."""

    def __init__(self) -> None:
        """Start with nothing recorded."""
        super().__init__()
        self.recorder = Recorder()

    def network(self, settings: Settings) -> Network:
        """See `Engine.network`."""
        return cast("Network", self._listened("network", super().network(settings)))

    def upscaler(self, settings: Settings) -> Upscaler:
        """See `Engine.upscaler`."""
        return cast("Upscaler", self._listened("upscaler", super().upscaler(settings)))

    def aligner(self, name: str) -> Aligner:
        """See `Engine.aligner`."""
        return cast("Aligner", self._listened("aligner", super().aligner(name)))

    def listened(self, session: Session) -> Session:
        """`session`, its frames recorded."""
        return cast("Session", self._listened("session", session))

    def _listened(self, part: str, target: Any) -> Any:
        return _Listener(target, self.recorder, _PARTS[part])


class _Listener:
    """Stands for `target`; the methods named in `labels` are recorded."""

    def __init__(self, target: Any, recorder: Recorder, labels: dict[str, str]) -> None:
        self._target = target
        for method, label in labels.items():
            setattr(self, method, recorder.timed(label, getattr(target, method)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


def seconds_by_name(spans: Iterable[Span]) -> dict[str, float]:
    """Seconds spent, nested spans not counted; the longest first."""
    spent: defaultdict[str, float] = defaultdict(float)
    for span in spans:
        spent[span.name] += span.own
    return dict(sorted(spent.items(), key=lambda item: -item[1]))


def profile_rows(spans: Iterable[Span], frames: int, wall: float) -> Iterator[tuple[str, ...]]:
    """Table rows of one run: what, milliseconds of a core a frame, share.

    Args:
        spans: of the run.
        frames: how many were rendered.
        wall: seconds they took.
    """
    spent = seconds_by_name(spans)
    total = sum(spent.values())
    for name, seconds in spent.items():
        yield name, f"{1000 * seconds / frames:.2f}", f"{seconds / total:.0%}"
    yield "threads busy on average", f"{total / wall:.2f}", ""


def trace_file(spans: Iterable[Span]) -> bytes:
    """Spans in the Trace Event Format, which Perfetto and chrome://tracing open."""
    process = os.getpid()
    events = [
        {
            "name": span.name, "ph": "X", "pid": process, "tid": span.thread,
            "ts": 1e6 * span.start, "dur": 1e6 * span.length,
        }
        for span in spans
    ]  # fmt: skip
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}).encode()
