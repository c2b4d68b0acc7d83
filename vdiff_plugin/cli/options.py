"""Options made from the fields of `Settings`, so that they have one definition."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo

from vdiff_plugin.cli.logs import say_more
from vdiff_plugin.settings import Settings

_PANEL = "Processing"
_METAVARS = {Path: "FILE", int: "N", float: "X", tuple: "LIST", str: "NAME"}


def with_settings(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--verbose`, `--config` and one option for each setting.

    The command takes the keyword `settings`, a `Settings`; typer sees the options instead.
    """
    own = _parameters(function)
    settings = [_option(*item) for item in Settings.model_fields.items()]
    options = [_verbose_option(), _config_option(), *settings]

    @functools.wraps(function)
    def command(**values: Any) -> Any:
        given = {name: values.pop(name) for name in Settings.model_fields}
        config = values.pop("config")
        if values.pop("verbose"):
            say_more()
        return function(**values, settings=read_settings(config, given))

    return _signed(command, [*own, *options])


def read_settings(config: Path | None, given: Mapping[str, Any]) -> Settings:
    """Settings from the file `config`, with what was `given` (not None) winning.

    Raises:
        SettingsError: an unreadable file, or a value outside its range.
        UnknownNameError: a name in the file that is no setting.
    """
    values = {name: value for name, value in given.items() if value is not None}
    return Settings.from_toml(config, **values) if config else Settings.of(**values)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    signature = inspect.signature(function, eval_str=True)
    return [one for one in signature.parameters.values() if one.name != "settings"]


def _signed(command: Callable[..., Any], parameters: list[inspect.Parameter]) -> Callable[..., Any]:
    keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    command.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in keywords}
    return command


def _verbose_option() -> inspect.Parameter:
    option = typer.Option("--verbose", "-v", help="Say what is chosen by the memory that is free.")
    return _parameter("verbose", Annotated[bool | None, option])


def _config_option() -> inspect.Parameter:
    option = typer.Option(
        help="TOML file with any of these settings; options win.",
        metavar="FILE",
        readable=False,  # Settings says so in its own words
        rich_help_panel=_PANEL,
    )
    return _parameter("config", Annotated[Path | None, option])


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    flag = field.annotation is bool
    option = typer.Option(
        help=f"{_sentence(field.description or name)}{_default(field, name)}",
        metavar=None if flag else metavar(field.annotation),
        show_default=False,
        rich_help_panel=_PANEL,
    )
    annotation: Any = bool if flag else str
    return _parameter(name, Annotated[annotation | None, option])


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=None, annotation=annotation)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _default(field: FieldInfo, name: str) -> str:
    if field.default is None:
        return ""
    shown = field.default
    if isinstance(shown, bool):
        shown = f"{'' if shown else 'no-'}{name.replace('_', '-')}"
    elif isinstance(shown, tuple):
        shown = ",".join(shown)
    return f" Default: {shown}."


def metavar(annotation: Any) -> str:
    """How a value of a setting is written: `auto|X`, `FILE`, `N`."""
    origin = get_origin(annotation)
    if origin is Literal:
        return "|".join(map(str, get_args(annotation)))
    if origin in (Union, UnionType):
        parts = [one for one in get_args(annotation) if one is not type(None)]
        return "|".join(metavar(one) for one in parts)
    if origin is Annotated:
        return metavar(get_args(annotation)[0])
    return _METAVARS.get(origin or annotation, "VALUE")
