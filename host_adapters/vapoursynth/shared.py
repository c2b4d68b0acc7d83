"""The engine that all filters of a process share."""

from __future__ import annotations

import threading
from functools import partial

import vapoursynth as vs

from vdiff_plugin.engine import Engine


class SharedEngine:
    """Made when the first filter asks for it, closed with the last core that used it.

    Editors keep one process for many scripts, each with a core of its own; their filters
    share networks and cache, and nothing is loaded again when a script is run again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._cores: set[int] = set()

    def get(self) -> Engine:
        """The engine, held for the core of the script that runs now.

        Raises:
            PluginError: an installed plug-in is broken.
        """
        core = vs.get_current_environment().env_id
        with self._lock:
            if self._engine is None:
                self._engine = Engine()
            if core not in self._cores:
                self._cores.add(core)
                vs.register_on_destroy(partial(self._leave, core))
            return self._engine

    def _leave(self, core: int) -> None:
        with self._lock:
            self._cores.discard(core)
            if self._cores:
                return
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()


# State of the process on purpose: filters know nothing of each other, and two engines
# would load every network twice and fill two caches.
ENGINE = SharedEngine()
