"""Our commands, offered through the same hook as a stranger's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from vdiff_plugin.contracts import Command
from vdiff_plugin.hookspecs import hookimpl

_NAMES = (
    "bench",
    "changes",
    "compare",
    "demo",
    "doctor",
    "enhance",
    "farm",
    "ffmpeg",
    "frei0r",
    "info",
    "pipe",
    "preview",
    "train",
    "tune",
    "verify",
)


@hookimpl
def vdiff_commands() -> Mapping[str, Callable[[], Command]]:
    """One module a command, imported only when its command is wanted."""
    return {name: _importer(name) for name in _NAMES}


def _importer(name: str) -> Callable[[], Command]:
    def load() -> Command:
        command: Command = getattr(import_module(f"vdiff_plugin.cli.{name}"), name)
        return command

    return load
