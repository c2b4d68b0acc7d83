"""Settings as each host wants them written: what the page offers to copy."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from host_adapters.filtergraph.tokens import Filter
from vdiff_plugin.settings import Settings

_TO_ESCAPE = frozenset("\\': \t\r\n")  # within a filter's option


def command_line(path: Path, settings: Settings) -> str:
    """`vdiff enhance IN OUT --strength 0.7` for a shell; OUT lies beside IN."""
    words = ["vdiff", "enhance", _as_file(path), _as_file(restored_name(path))]
    for name, value in _changed(settings).items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words += [f"--{option}", _text(value)]
    return shlex.join(words)


def filter_string(settings: Settings) -> str:
    """`vdiff=strength=0.7`, for `vdiff ffmpeg -vf`."""
    pairs = [f"{name}={_escaped(_text(value))}" for name, value in _changed(settings).items()]
    return Filter("vdiff", args=":".join(pairs) if pairs else None).text()


def vapoursynth_call(settings: Settings) -> str:
    """`clip = vdiff(clip, strength=0.7)`, and where `vdiff` comes from."""
    words = ["clip"]
    for name, value in _changed(settings).items():
        keyword = "sc" if name == "scene_cuts" else name
        words.append(f"{keyword}={_literal(value)!r}")
    return f"from host_adapters.vapoursynth import vdiff\n\nclip = vdiff({', '.join(words)})"


def restored_name(path: Path) -> Path:
    """Where the restored clip goes unless its user knows better: a Matroska file beside it."""
    return path.with_name(f"{path.stem}-restored.mkv")


def _changed(settings: Settings) -> dict[str, Any]:
    """The settings that are not at their defaults, by name."""
    usual = Settings.of()
    values = ((name, getattr(settings, name)) for name in Settings.model_fields)
    return {name: value for name, value in values if value != getattr(usual, name)}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _literal(value: object) -> object:
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value) if isinstance(value, Path) else value


def _escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in _TO_ESCAPE else char for char in text)


def _as_file(path: Path) -> str:
    """A name that no program takes for an option."""
    return f"./{path}" if str(path).startswith("-") else str(path)
