"""What the plug-in declares, asked of the library itself."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import NamedTuple


class Parameter(NamedTuple):
    """As a host sees it; type 0 is a switch, 1 a number from 0 to 1, 4 a text."""

    name: str
    type: int
    explanation: str


class _Info(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("explanation", ctypes.c_char_p),
    )


class _Plugin(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("author", ctypes.c_char_p),
        ("numbers", ctypes.c_int * 6),
        ("explanation", ctypes.c_char_p),
    )


def declared(plugin: Path) -> list[Parameter]:
    """All parameters of the plug-in in a folder."""
    library = ctypes.CDLL(str(plugin / "vdiff.so"))
    about = _Plugin()
    library.f0r_get_plugin_info(ctypes.byref(about))
    assert about.name == b"vdiff"
    assert list(about.numbers[:3]) == [0, 1, 1]  # a filter of RGBA, for frei0r 1
    return [_parameter(library, index) for index in range(about.numbers[5])]


def _parameter(library: ctypes.CDLL, index: int) -> Parameter:
    info = _Info()
    library.f0r_get_param_info(ctypes.byref(info), index)
    return Parameter(info.name.decode(), info.type, info.explanation.decode())
