"""Times as ffmpeg writes them: `12.5`, `01:02:03.5`, `200ms`, `-3us`."""

from __future__ import annotations

import re
from fractions import Fraction

from vdiff_plugin.errors import UsageError

_CLOCK = re.compile(r"(-?)(?:(\d+):)?(\d+):(\d+(?:\.\d*)?)")
_SECONDS = re.compile(r"(-?)(\d+(?:\.\d*)?|\.\d+)(ms|us|s)?")
_UNITS = {"ms": 1000, "us": 1_000_000, "s": 1}


def seconds(text: str, option: str) -> Fraction:
    """A duration. Raises UsageError where `text` is none."""
    if found := _CLOCK.fullmatch(text):
        hours, minutes, rest = int(found[2] or 0), int(found[3]), Fraction(found[4])
        value = hours * 3600 + minutes * 60 + rest
    elif found := _SECONDS.fullmatch(text):
        value = Fraction(found[2]) / _UNITS[found[3] or "s"]
    else:
        raise UsageError(f"Invalid duration for option {option}: {text}; write 12.5 or 00:00:12.5")
    value = Fraction(round(value * 1_000_000), 1_000_000)
    return -value if found[1] else value


def rate(text: str, option: str) -> Fraction:
    """A frame rate: `25`, `30000/1001`, `ntsc`. Raises UsageError where `text` is none."""
    named = {"ntsc": "30000/1001", "pal": "25", "film": "24", "ntsc-film": "24000/1001"}
    try:
        value = Fraction(named.get(text, text))
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(f"Invalid framerate for option {option}: {text}; write 25") from error
    if value <= 0:
        raise UsageError(f"Invalid framerate for option {option}: {text}; write 25")
    return value
