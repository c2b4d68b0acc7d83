"""The options of vdiff's own filters, which are its settings; errors in ffmpeg's manner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from host_adapters.filtergraph.options import named_options
from host_adapters.filtergraph.timeline import Timeline
from host_adapters.filtergraph.tokens import Filter
from vdiff_plugin.errors import SettingsError, UsageError
from vdiff_plugin.settings import Settings

_CHANGES = ("features", "gain")


@dataclass(frozen=True)
class NodeOptions:
    """What a node of ours does.

    Attributes:
        settings: of its session.
        enable: when it does; None is always.
    """

    settings: Settings
    enable: Timeline | None = None


def read_node(filter_: Filter) -> NodeOptions:
    """The options of a `vdiff` or `vdiff_changes` node.

    Raises:
        UsageError: an option that does not exist, or a value outside its range.
    """
    positional = ("strength",) if filter_.name == "vdiff" else _CHANGES
    found = named_options(filter_.args or "", positional)
    enable = found.pop("enable", None)
    if filter_.name == "vdiff_changes":
        found = {"stages": _changes_stage(found)}
    return NodeOptions(_settings(filter_.name, found), Timeline(enable) if enable else None)


def _changes_stage(given: dict[str, str]) -> str:
    for name in given:
        if name not in _CHANGES:
            raise _unknown("vdiff_changes", name, _CHANGES)
    return ":".join(["changes", *(f"{name}={value}" for name, value in given.items())])


def _settings(node: str, given: dict[str, str]) -> Settings:
    values: dict[str, Any] = {name.replace("-", "_"): value for name, value in given.items()}
    for name in values:
        if name not in Settings.model_fields:
            raise _unknown(node, name, (*Settings.model_fields, "enable"))
    try:
        return Settings.of(**values)
    except SettingsError as error:
        raise _explained(node, error) from error


def _unknown(node: str, name: str, known: tuple[str, ...]) -> UsageError:
    return UsageError(f"[{node}] Option {name!r} not found; have {', '.join(sorted(known))}")


def _explained(node: str, error: SettingsError) -> UsageError:
    """`[vdiff] strength: 3 is outside 0..1; change strength=`."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return SettingsError(f"[{node}] {error}")
    first = cause.errors()[0]
    name = str(first["loc"][0])
    value, limits = first.get("input"), _limits(name)
    bounds = {"less_than_equal", "greater_than_equal"}
    if limits and bounds & {each["type"] for each in cause.errors()}:
        return SettingsError(f"[{node}] {name}: {value} is outside {limits}; change {name}=")
    reason = str(first["msg"]).removeprefix("Input ").removeprefix("Value error, ")
    return SettingsError(f"[{node}] {name}: {value} is no good, it {reason}; change {name}=")


def _limits(name: str) -> str:
    """`0..1` where a setting has bounds."""
    schema = Settings.model_json_schema()["properties"][name]
    both = [schema, *schema.get("anyOf", ())]
    low = next((each["minimum"] for each in both if "minimum" in each), None)
    high = next((each["maximum"] for each in both if "maximum" in each), None)
    if low is None and high is None:
        return ""
    return f"{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"
