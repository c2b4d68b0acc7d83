"""Where the time of one frame goes, by listening at the seams of the core."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, cast

from vdiff_plugin.contracts import Aligner, Network
from vdiff_plugin.engine import Engine
from vdiff_plugin.settings import Settings


class Stopwatch:
    """Seconds spent, by name. For one thread."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, its time counted under `name`."""

        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[name] += time.perf_counter() - start

        return call


class Listener:
    """Stands for `target`; the methods named in `labels` are timed."""

    def __init__(self, target: Any, stopwatch: Stopwatch, labels: dict[str, str]) -> None:
        self._target = target
        for method, label in labels.items():
            setattr(self, method, stopwatch.timed(label, getattr(target, method)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


class TimedEngine(Engine):
    """An engine whose networks and aligners are listened to."""

    def __init__(self) -> None:
        super().__init__()
        self.stopwatch = Stopwatch()

    def network(self, settings: Settings) -> Network:
        labels = {"extract": "features", "restore": "diffusion and restoration"}
        return cast("Network", Listener(super().network(settings), self.stopwatch, labels))

    def aligner(self, name: str) -> Aligner:
        labels = {"prepare": "motion: smoothing", "flow": "motion: optical flow"}
        return cast("Aligner", Listener(super().aligner(name), self.stopwatch, labels))
