"""Expressions of `enable=`: libavutil's arithmetic, as far as timelines use it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from vdiff_plugin.errors import UsageError

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|([A-Za-z_]\w*)|(.))")
_ON = 0.5  # as libavfilter has it
_VARIABLES = ("t", "n", "w", "h", "pos")
_CONSTANTS = {"PI": math.pi, "E": math.e, "PHI": (1 + math.sqrt(5)) / 2, "NAN": math.nan}

Number = Callable[[Mapping[str, float]], float]
_FUNCTIONS: dict[str, tuple[range, Callable[..., float]]] = {
    "between": (range(3, 4), lambda x, a, b: float(a <= x <= b)),
    "gt": (range(2, 3), lambda a, b: float(a > b)),
    "gte": (range(2, 3), lambda a, b: float(a >= b)),
    "lt": (range(2, 3), lambda a, b: float(a < b)),
    "lte": (range(2, 3), lambda a, b: float(a <= b)),
    "eq": (range(2, 3), lambda a, b: float(a == b)),
    "not": (range(1, 2), lambda a: float(a == 0)),
    "if": (range(2, 4), lambda c, a, b=0.0: a if c else b),
    "ifnot": (range(2, 4), lambda c, a, b=0.0: b if c else a),
    "min": (range(2, 3), min),
    "max": (range(2, 3), max),
    "mod": (range(2, 3), lambda a, b: a - math.floor(a / b) * b if b else math.nan),
    "abs": (range(1, 2), abs),
    "floor": (range(1, 2), math.floor),
    "ceil": (range(1, 2), math.ceil),
    "trunc": (range(1, 2), math.trunc),
    "sin": (range(1, 2), math.sin),
    "cos": (range(1, 2), math.cos),
}


class Timeline:
    """When a filter is on.

    Args:
        text: an expression of `t` (seconds), `n` (frame), `w` and `h`; 0.5 and more is on.

    Raises:
        UsageError: it is none.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [found.groups() for found in _TOKEN.finditer(text.strip())]
        self._at = 0
        self._value = self._sequence()
        if self._at < len(self._tokens):
            raise self._broken()

    def is_on(self, *, t: float, n: int, w: int, h: int) -> bool:
        """Whether the filter is on at a frame."""
        value = self._value({"t": t, "n": n, "w": w, "h": h, "pos": math.nan})
        return abs(value) >= _ON  # which is false where there is no number

    def _sequence(self) -> Number:
        value = self._sum()
        while self._take(";"):
            value = self._sum()
        return value

    def _sum(self) -> Number:
        value = self._product()
        while sign := self._take("+", "-"):
            value = _both(value, self._product(), sign)
        return value

    def _product(self) -> Number:
        value = self._power()
        while sign := self._take("*", "/"):
            value = _both(value, self._power(), sign)
        return value

    def _power(self) -> Number:
        value = self._signed()
        while self._take("^"):
            value = _both(value, self._signed(), "^")
        return value

    def _signed(self) -> Number:
        if self._take("-"):
            value = self._signed()
            return lambda known: -value(known)
        self._take("+")
        return self._primary()

    def _primary(self) -> Number:
        if self._at >= len(self._tokens):
            raise self._broken()
        number, name, sign = self._tokens[self._at]
        self._at += 1
        if number:
            constant = float(number)
            return lambda _known: constant
        if name:
            return self._call(name) if self._take("(") else self._named(name)
        if sign == "(":
            value = self._sequence()
            self._need(")")
            return value
        raise self._broken()

    def _named(self, name: str) -> Number:
        if name in _CONSTANTS:
            constant = _CONSTANTS[name]
            return lambda _known: constant
        if name in _VARIABLES:
            return lambda known: float(known[name])
        raise self._broken(f"Undefined constant {name!r}")

    def _call(self, name: str) -> Number:
        arguments = [self._sum()]
        while self._take(","):
            arguments.append(self._sum())
        self._need(")")
        counts, function = _FUNCTIONS.get(name, (range(0), min))
        if len(arguments) not in counts:
            raise self._broken(f"No function {name}() of {len(arguments)} arguments")
        return lambda known: float(function(*(each(known) for each in arguments)))

    def _take(self, *signs: str) -> str:
        if self._at < len(self._tokens) and (sign := self._tokens[self._at][2]) in signs:
            self._at += 1
            return str(sign)
        return ""

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise self._broken(f"Missing {sign!r}")

    def _broken(self, what: str = "Syntax error") -> UsageError:
        return UsageError(
            f"[vdiff] enable: {what} in {self._text!r}; write such as enable='between(t,1,2)'"
        )


def _both(a: Number, b: Number, sign: str) -> Number:
    return {
        "+": lambda known: a(known) + b(known),
        "-": lambda known: a(known) - b(known),
        "*": lambda known: a(known) * b(known),
        "/": lambda known: _quotient(a(known), b(known)),
        "^": lambda known: a(known) ** b(known),
    }[sign]


def _quotient(a: float, b: float) -> float:
    """Division as processors do it: nothing is an error."""
    if b:
        return a / b
    return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a)
