"""What a setting or an option takes, in words made from its field, for messages."""

from __future__ import annotations

from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo

_WORDS = {bool: "true or false", str: "text", Path: "a file name", tuple: "a list"}


def refusal(wrong: str, field: FieldInfo) -> str:
    """`noise: 'loud' is no good; give auto or a number from 0 to 100 (noise level)`.

    Args:
        wrong: what was given, as it was written.
        field: what it was given for.
    """
    meaning = f" ({field.description})" if field.description else ""
    return f"{wrong} is no good; give {allowed(field)}{meaning}"


def first_refused(error: ValidationError) -> tuple[str, object]:
    """Name and value of the first field that pydantic refused."""
    first = error.errors()[0]
    return str(first["loc"][0]) if first["loc"] else "", first.get("input")


def allowed(field: FieldInfo) -> str:
    """What a field takes: its examples, where it has some, else what its type and range say."""
    if field.examples:
        return _either([str(each) for each in field.examples])
    return _either(_choices(field.annotation, field.metadata))


def _choices(annotation: Any, limits: list[Any]) -> list[str]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *own = get_args(annotation)
        return _choices(inner, [*limits, *own])
    if origin is Literal:
        return [str(each) for each in get_args(annotation)]
    if origin in (Union, UnionType):
        parts = [each for each in get_args(annotation) if each is not type(None)]
        return [choice for part in parts for choice in _choices(part, limits)]
    if annotation in (int, float):
        return [_number(annotation, limits)]
    return [_WORDS.get(origin or annotation, "another value")]


def _number(kind: type, limits: list[Any]) -> str:
    """`a number from 0 to 1`, `a multiple of 16 from 0`."""
    each = [one for limit in limits for one in getattr(limit, "metadata", [limit])]
    low, high, step = (_limit(each, name) for name in ("ge", "le", "multiple_of"))
    what = f"a multiple of {step:g}" if step is not None else "a number"
    what = "a whole number" if kind is int and step is None else what
    start = f" from {low:g}" if low is not None else ""
    end = f" to {high:g}" if high is not None else " up" if start else ""
    return f"{what}{start}{end}"


def _limit(limits: list[Any], name: str) -> float | None:
    return next((getattr(one, name) for one in limits if hasattr(one, name)), None)


def _either(choices: list[str]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last
