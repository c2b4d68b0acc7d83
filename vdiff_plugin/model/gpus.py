"""Graphics processors: whether there are any, told cheaply, and TensorFlow's list of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from ctypes.util import find_library
from pathlib import Path
from typing import Any

from vdiff_plugin.model.quiet import import_tensorflow

_NODES = ("nvidia[0-9]*", "kfd", "dxg")  # in /dev: NVIDIA's, AMD's, Windows's own
# What TensorFlow runs convolutions with, from its own wheels or from the system.
_WHEELS = ("nvidia.cudnn",)
_LIBRARIES = ("cudnn", "MIOpen")


def has_gpu(folder: Path = Path("/dev")) -> bool:
    """Whether the system shows a GPU that networks could run on; drivers may be missing."""
    return any(True for pattern in _NODES for _ in folder.glob(pattern))


def gpu_count(folder: Path = Path("/dev")) -> int:
    """How many GPUs of NVIDIA's the system shows."""
    return len(list(folder.glob("nvidia[0-9]*")))


def tensorflow_gpus() -> Sequence[Any]:
    """The GPUs that TensorFlow can use; each takes memory as it is needed, not all at once.

    TensorFlow, which takes seconds to import, is only asked where there is a GPU and a
    library to drive it: without one it would run networks on the processor after all.
    """
    if not (has_gpu() and _has_library()):
        return ()
    experimental = import_tensorflow().config.experimental
    gpus: Sequence[Any] = experimental.list_physical_devices("GPU")
    for gpu in gpus:
        if not experimental.get_memory_growth(gpu):
            try:
                experimental.set_memory_growth(gpu, True)
            except RuntimeError:  # in use already: whoever began decides
                break
    return gpus


def _has_library() -> bool:
    return any(map(_is_installed, _WHEELS)) or any(map(find_library, _LIBRARIES))


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False
