"""What a request of the page asks for, read from its query and nothing taken on trust."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from vdiff_plugin.errors import UnknownNameError, UsageError
from vdiff_plugin.settings import Settings

LIVE = ("task", "preset", "strength", "noise")  # what the page changes; never a file's name
_LONGEST = 60  # characters of a value
_DIGITS = 9


@dataclass(frozen=True)
class Wish:
    """A frame and how it is to be processed.

    Attributes:
        n: frame number.
        settings: those the program was started with, the page's in their place.
    """

    n: int
    settings: Settings


def read_wish(query: str, start: Settings) -> Wish:
    """Read `n=12&strength=0.5`.

    Raises:
        UsageError: whatever is not so.
    """
    given = _pairs(query)
    number = given.pop("n", "0")
    if not (number.isascii() and number.isdecimal() and len(number) <= _DIGITS):
        raise UsageError("n: it is no frame number; give digits")
    values = {name: getattr(start, name) for name in Settings.model_fields}
    return Wish(int(number), Settings.of(**{**values, **given}))


def _pairs(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            strict_parsing=bool(query),
            max_num_fields=len(LIVE) + 1,
            errors="strict",
        )
    except ValueError as error:
        raise UsageError("the query cannot be read; write NAME=VALUE&NAME=VALUE") from error
    found = dict(pairs)
    if len(found) < len(pairs):
        raise UsageError("a name is given twice; give it once")
    for name, value in pairs:
        if name not in ("n", *LIVE):
            raise UnknownNameError("name", name[:_LONGEST], ("n", *LIVE))
        if len(value) > _LONGEST:
            raise UsageError(f"{name}: its value is too long; give {_LONGEST} characters at most")
    return found
