"""`vdiff frei0r run`: a host with the plug-in at hand, and an exit code that can be trusted."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from host_adapters.frei0r.hosts import search_path
from host_adapters.frei0r.place import place_plugin
from vdiff_plugin.errors import UsageError


def run(words: Sequence[str]) -> int:
    """Run a host's command line; nothing has to be installed for it.

    The plug-in is strict: where a frame cannot be restored the host ends with exit code 1
    instead of taking the source frame. `VDIFF_FREI0R_STRICT=0` undoes that.

    Returns:
        The host's exit code; 128 + N where signal N ended it.

    Raises:
        UsageError: no such program.
    """
    with tempfile.TemporaryDirectory(prefix="vdiff-frei0r-") as folder:
        for _ in place_plugin(Path(folder)):
            pass
        path = ":".join(map(str, (folder, *search_path())))
        env = os.environ | {"FREI0R_PATH": path}
        env.setdefault("VDIFF_FREI0R_STRICT", "1")
        return _wait(words, env)


def _wait(words: Sequence[str], env: dict[str, str]) -> int:
    try:
        host = subprocess.Popen(words, env=env)
    except OSError as error:
        reason = (error.strerror or "cannot be run").lower()
        raise UsageError(f"{words[0]}: {reason}; give a program such as melt or ffmpeg") from error
    # Ctrl-C reaches the host from the terminal; it ends in its own way and we wait for it.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended = signal.signal(signal.SIGTERM, lambda number, _: host.send_signal(number))
    try:
        code = host.wait()
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, ended)
    return code if code >= 0 else 128 - code
