"""vdiff: temporal video restoration, the same pixels in every host.

    import vdiff_plugin as vdiff

    vdiff.enhance("in.mkv", "out.mkv", strength=0.7)

    with vdiff.open_clip(info, settings) as session:
        out = session.render(n, {m: frames[m] for m in session.needed(n)})

Names are imported when they are first used: importing the package itself costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vdiff_plugin.engine import Engine as Engine
    from vdiff_plugin.engine import open_clip as open_clip
    from vdiff_plugin.errors import VdiffError as VdiffError
    from vdiff_plugin.files import enhance as enhance
    from vdiff_plugin.files import write_video as write_video
    from vdiff_plugin.frame import ClipInfo as ClipInfo
    from vdiff_plugin.frame import Frame as Frame
    from vdiff_plugin.frame import PixelFormat as PixelFormat
    from vdiff_plugin.frame import Window as Window
    from vdiff_plugin.hookspecs import hookimpl as hookimpl
    from vdiff_plugin.method import detect_changes as detect_changes
    from vdiff_plugin.method import diffuse as diffuse
    from vdiff_plugin.method import extract_features as extract_features
    from vdiff_plugin.method import train as train
    from vdiff_plugin.options import Options as Options
    from vdiff_plugin.session import Session as Session
    from vdiff_plugin.settings import Settings as Settings
    from vdiff_plugin.stream import Stream as Stream
    from vdiff_plugin.stream import render_clip as render_clip
    from vdiff_plugin.training.descent import optimize as optimize
    from vdiff_plugin.training.descent import train_model as train_model

_HOMES = {
    "ClipInfo": "vdiff_plugin.frame",
    "Engine": "vdiff_plugin.engine",
    "Frame": "vdiff_plugin.frame",
    "Options": "vdiff_plugin.options",
    "PixelFormat": "vdiff_plugin.frame",
    "Session": "vdiff_plugin.session",
    "Settings": "vdiff_plugin.settings",
    "Stream": "vdiff_plugin.stream",
    "VdiffError": "vdiff_plugin.errors",
    "Window": "vdiff_plugin.frame",
    "detect_changes": "vdiff_plugin.method",
    "diffuse": "vdiff_plugin.method",
    "enhance": "vdiff_plugin.files",
    "extract_features": "vdiff_plugin.method",
    "hookimpl": "vdiff_plugin.hookspecs",
    "open_clip": "vdiff_plugin.engine",
    "optimize": "vdiff_plugin.training.descent",
    "render_clip": "vdiff_plugin.stream",
    "train": "vdiff_plugin.method",
    "train_model": "vdiff_plugin.training.descent",
    "write_video": "vdiff_plugin.files",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
