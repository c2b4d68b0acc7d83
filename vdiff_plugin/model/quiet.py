"""Importing TensorFlow, which greets on stderr, where progress lines and errors belong."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

_STDERR = 2
_importing = threading.Lock()


def import_tensorflow() -> Any:
    """TensorFlow, imported without a word; failures are raised as usual.

    Its libraries write to the descriptor itself and before any log level of theirs holds,
    so for the seconds of the first import the descriptor leads nowhere.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _importing, nullcontext() if "tensorflow" in sys.modules else _silence():
        import tensorflow
    return tensorflow


@contextmanager
def _silence() -> Iterator[None]:
    try:
        kept = os.dup(_STDERR)
    except OSError:  # nobody listens anyway
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
        os.close(nowhere)


def import_openvino() -> Any:
    """OpenVINO with its opset, imported without the telemetry it would send by itself.

    Where `openvino_telemetry` cannot be imported OpenVINO takes its own silent stub.
    """
    with _importing:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
        import openvino
        import openvino.opset13
    return openvino
