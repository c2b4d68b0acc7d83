"""The bundled weights, offered like anyone's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vdiff_plugin.contracts import WeightsFile
from vdiff_plugin.hookspecs import hookimpl

_FOLDER = Path(__file__).parent / "weights"


@hookimpl
def vdiff_weights() -> Sequence[WeightsFile]:
    """Every `TASK-PRESET.safetensors` in the package."""
    return [
        WeightsFile(path=path, task=task, preset=preset)
        for path in sorted(_FOLDER.glob("*-*.safetensors"))
        for task, _, preset in [path.stem.rpartition("-")]
    ]
