from __future__ import annotations

import inspect
import logging
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from vdiff_plugin.cli.logs import logs_to_stderr
from vdiff_plugin.cli.options import metavar, read_settings, with_settings
from vdiff_plugin.errors import SettingsError, UnknownNameError
from vdiff_plugin.settings import Settings


@pytest.fixture
def seen() -> dict[str, Any]:
    return {}


@pytest.fixture
def app(seen: dict[str, Any]) -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    @with_settings
    def work(path: str, *, settings: Settings) -> None:
        seen.update(path=path, settings=settings)

    return app


def invoke(app: typer.Typer, *words: str) -> None:
    CliRunner().invoke(app, words, catch_exceptions=False, standalone_mode=False)


def test_every_setting_is_an_option_and_its_default_stays(
    app: typer.Typer, seen: dict[str, Any]
) -> None:
    invoke(app, "clip.mp4")
    assert seen == {"path": "clip.mp4", "settings": Settings.of()}
    page = CliRunner().invoke(app, ["--help"]).output
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in page
        assert (field.description or "?").split()[0].lower() in page.lower()


def test_options_are_read_as_settings_read_them(app: typer.Typer, seen: dict[str, Any]) -> None:
    invoke(app, "x", "--cache", "2G", "--noise", "12.5", "--no-scene-cuts", "--dither")
    invoke_settings = seen["settings"]
    assert invoke_settings == Settings.of(cache="2G", noise="12.5", scene_cuts=False, dither=True)
    assert invoke_settings.cache == 2 << 30


def test_a_bad_value_is_the_settings_own_error(app: typer.Typer) -> None:
    with pytest.raises(SettingsError, match="strength"):
        invoke(app, "x", "--strength", "2")


def test_options_win_over_the_file(app: typer.Typer, seen: dict[str, Any], tmp_path: Path) -> None:
    config = tmp_path / "vdiff.toml"
    config.write_text('strength = 0.25\nstages = ["vdiff", "colour:gamma=1.1"]\n')
    invoke(app, "x", "--config", str(config), "--strength", "0.5")
    assert seen["settings"] == Settings.of(strength=0.5, stages="vdiff,colour:gamma=1.1")


def test_an_unknown_name_in_the_file_lists_the_settings(tmp_path: Path) -> None:
    config = tmp_path / "vdiff.toml"
    config.write_text("strenght = 0.25\n")
    with pytest.raises(UnknownNameError, match="strength"):
        read_settings(config, {})


def test_the_signature_keeps_the_commands_own_parameters_first() -> None:
    def work(first: int, second: str = "b", *, settings: Settings) -> None:
        del first, second, settings

    names = list(inspect.signature(with_settings(work)).parameters)
    assert names == ["first", "second", "verbose", "config", *Settings.model_fields]


@pytest.mark.parametrize(("words", "level"), [([], logging.INFO), (["-v"], logging.DEBUG)])
def test_what_is_chosen_is_told_if_asked_for(words: list[str], level: int) -> None:
    levels: list[int] = []

    @with_settings
    def work(*, settings: Settings) -> None:
        levels.append(logging.getLogger("vdiff_plugin").level)

    app = typer.Typer()
    app.command()(work)
    with logs_to_stderr():
        invoke(app, *words)
    assert levels == [level]


def test_metavars_say_how_a_value_is_written() -> None:
    shown = {name: metavar(field.annotation) for name, field in Settings.model_fields.items()}
    assert shown["noise"] == "auto|X"
    assert shown["weights"] == "FILE"
    assert shown["precision"] == "auto|fp32|bf16|fp16"
    assert shown["stages"] == "LIST"
    assert shown["scene_cuts"] == "VALUE"  # never asked for: it becomes a pair of flags
