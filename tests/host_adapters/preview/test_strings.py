"""What is offered to copy is read back by the hosts' own parsers as the same settings."""

from __future__ import annotations

import ast
import shlex
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from host_adapters.filtergraph.tokens import parse
from host_adapters.filtergraph.vdiff_options import read_node
from host_adapters.preview.strings import command_line, filter_string, vapoursynth_call
from vdiff_plugin.cli.options import with_settings
from vdiff_plugin.settings import Settings

SETTINGS = [
    Settings.of(),
    Settings.of(strength=0.7),
    Settings.of(strength=0, noise=12.25, preset="quality", task="denoise"),
    Settings.of(scene_cuts=False, dither=True, tile=64, lookahead=0, cache="1G"),
    Settings.of(stages="vdiff,colour:saturation=1.1:gamma=0.9", device="gpu:0"),
    Settings.of(weights=Path("it's [my], own; w:1\\2.safetensors")),
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_filter_is_read_back(settings: Settings) -> None:
    ((node,),) = parse(filter_string(settings)).chains
    assert node.name == "vdiff"
    assert read_node(node).settings == settings


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_command_line_is_read_back(settings: Settings) -> None:
    found: list[tuple[str, str, Settings]] = []
    app = typer.Typer()

    @app.command()
    @with_settings
    def enhance(
        path_in: Annotated[str, typer.Argument()],
        path_out: Annotated[str, typer.Argument()],
        *,
        settings: Settings,
    ) -> None:
        found.append((path_in, path_out, settings))

    words = shlex.split(command_line(Path("a b/it's.mp4"), settings))
    assert words[:2] == ["vdiff", "enhance"]
    done = CliRunner().invoke(app, words[2:], catch_exceptions=False)
    assert (done.exit_code, found) == (0, [("a b/it's.mp4", "a b/it's-restored.mkv", settings)])


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_call_is_read_back(settings: Settings) -> None:
    tree = ast.parse(vapoursynth_call(settings))
    (call,) = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    values = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    if "sc" in values:
        values["scene_cuts"] = values.pop("sc")
    assert Settings.of(**values) == settings


@pytest.mark.vapoursynth
def test_the_call_has_only_keywords_that_the_filter_takes() -> None:
    import inspect

    from host_adapters.vapoursynth import vdiff

    known = inspect.signature(vdiff).parameters
    assert {"sc", *Settings.model_fields} - {"scene_cuts"} <= set(known)


def test_a_file_is_never_taken_for_an_option() -> None:
    words = shlex.split(command_line(Path("-y.mkv"), Settings.of()))
    assert words == ["vdiff", "enhance", "./-y.mkv", "./-y-restored.mkv"]
