"""Importing TensorFlow, which greets on stderr, where progress lines and errors belong."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import nullcontext
from typing import Any

from vdiff_plugin.descriptors import silenced

_importing = threading.Lock()
_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_OF_JAX = "1"  # JAX leaves it to all that a process imports or starts after it


def import_tensorflow() -> Any:
    """TensorFlow, imported without a word; failures are raised as usual.

    Its libraries write to the descriptor itself and before any log level of theirs holds,
    so for the seconds of the first import the descriptor leads nowhere.
    """
    if os.environ.get(_LEVEL, _OF_JAX) == _OF_JAX:
        os.environ[_LEVEL] = "3"  # failures are raised all the same
    _forbid_telemetry()  # Keras imports OpenVINO on some of its ways
    with _importing, nullcontext() if "tensorflow" in sys.modules else silenced():
        import tensorflow
    return tensorflow


def import_openvino() -> Any:
    """OpenVINO with its opset, imported without the telemetry it would send by itself.

    Where `openvino_telemetry` cannot be imported OpenVINO takes its own silent stub.
    """
    with _importing:
        _forbid_telemetry()
        import openvino
        import openvino.opset13
    return openvino


def _forbid_telemetry() -> None:
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
