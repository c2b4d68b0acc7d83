"""The bundled weights, offered like anyone's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vdiff_plugin.contracts import WeightsFile
from vdiff_plugin.hookspecs import hookimpl

_FOLDER = Path(__file__).parent / "weights"


_LARGEST = "quality"


@hookimpl
def vdiff_weights() -> Sequence[WeightsFile]:
    """Every `TASK-PRESET.safetensors` in the package; `best` is `quality` in four mirrors."""
    found = [
        WeightsFile(path=path, task=task, preset=preset)
        for path in sorted(_FOLDER.glob("*-*.safetensors"))
        for task, _, preset in [path.stem.rpartition("-")]
    ]
    best = [replace(one, preset="best", mirrored=True) for one in found if one.preset == _LARGEST]
    return [*found, *best]
