"""A filter's arguments, `0.6:task=restore`: the second level of quoting and escaping."""

from __future__ import annotations

import re

from host_adapters.filtergraph.tokens import token
from vdiff_plugin.errors import UsageError

_KEY = re.compile(r"[ \n\t\r]*([A-Za-z0-9_/.\-]+)[ \n\t\r]*=")


def split_options(text: str) -> list[tuple[str, str]]:
    """Keys and values in order; the key of a positional value is empty.

    As libavutil's `av_opt_get_key_value` reads them.
    """
    pairs, at = [], 0
    while at < len(text):
        key = _KEY.match(text, at)
        value, at = token(text, key.end() if key else at, ":")
        pairs.append((key[1] if key else "", value))
        at += 1  # the colon
    return pairs


def named_options(text: str, positional: tuple[str, ...]) -> dict[str, str]:
    """Values by name; those without a key are taken in the order of `positional`.

    Raises:
        UsageError: more positional values than there are names, or one behind a named one.
    """
    found: dict[str, str] = {}
    names = iter(positional)
    for key, value in split_options(text):
        if key:
            names = iter(())
        name = key or next(names, "")
        if not name:
            raise UsageError(f"No option name near {value!r}; write NAME={value}")
        found[name] = value
    return found
