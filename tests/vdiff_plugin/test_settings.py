"""What settings refuse, and that the refusal says what they take instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vdiff_plugin.errors import SettingsError
from vdiff_plugin.settings import Settings, parse_stage, split_stages
from vdiff_plugin.values import allowed


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"noise": "1e9"}, "noise: '1e9' is no good; give auto or a number from 0 to 100 (noise"),
        ({"noise": "nan"}, "give auto or a number from 0 to 100"),
        ({"strength": "nan"}, "strength: 'nan' is no good; give a number from 0 to 1 (0 leaves"),
        ({"strength": "inf"}, "give a number from 0 to 1"),
        ({"device": "foo"}, "device: 'foo' is no good; give auto, cpu or gpu:0 (where"),
        ({"precision": "fp8"}, "give auto, fp32, bf16 or fp16 (arithmetic"),
        ({"tile": "100"}, "tile: '100' is no good; give a multiple of 16 from 0 up"),
        ({"cache": "much"}, "give a size such as 512M"),
        ({"lookahead": -1}, "give a whole number from 0 up"),
        ({"scene_cuts": "perhaps"}, "give true or false"),
        ({"weights": 5}, "give a file name"),
        ({"preset": 4}, "give text"),
        ({"stages": 5}, "give a list"),
        ({"stages": ""}, "stages: none is named; write --stages vdiff or a list of stages"),
        ({"stages": []}, "none is named"),
        ({"stages": "vdiff,,colour"}, "'vdiff,,colour' names no stage between two commas"),
        ({"stages": "vdiff,"}, "or at an end; take the spare comma out"),
        ({"stages": ["vdiff", " "]}, "take the spare comma out"),
    ],
)
def test_a_refusal_says_what_to_give(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.of(**given)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_setting_can_say_what_it_takes() -> None:
    for name, field in Settings.model_fields.items():
        assert allowed(field) != "another value", name


def test_stages_are_split_at_commas_and_options_named_once() -> None:
    assert split_stages("vdiff, colour:hue=3") == ("vdiff", "colour:hue=3")
    assert parse_stage("colour:hue=3:gamma=2") == ("colour", {"hue": "3", "gamma": "2"})
    with pytest.raises(SettingsError, match="stage colour: hue is given twice; give it once"):
        parse_stage("colour:hue=3:hue=4")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no such file or directory; give a readable TOML file"),
        (b"stages = [", "no TOML (Invalid value"),
        (b"\xff\xfe", "no TOML (not text); write lines of NAME = VALUE"),
        (b"strength = 'much'", "strength: 'much' is no good; give a number from 0 to 1"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "vdiff.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as refused:
        Settings.from_toml(path)
    assert told in str(refused.value)
    assert "Errno" not in str(refused.value)
    assert "\n" not in str(refused.value)
