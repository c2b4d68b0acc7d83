"""VapourSynth: restoration and change maps as functions from clip to clip.

    from host_adapters.vapoursynth import vdiff

    clip = vdiff(clip, strength=0.7)

Names are imported when they are first used, and VapourSynth with them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from host_adapters.vapoursynth.changes import vdiff_changes as vdiff_changes
    from host_adapters.vapoursynth.filter import vdiff as vdiff

__all__ = ["vdiff", "vdiff_changes"]

_HOMES = {"vdiff": "filter", "vdiff_changes": "changes"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _require_vapoursynth()
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def _require_vapoursynth() -> None:
    from host_adapters.vapoursynth.host import VapourSynthHost

    if missing := VapourSynthHost().missing():
        raise ImportError(f"vdiff: {missing}") from None
