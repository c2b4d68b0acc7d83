from __future__ import annotations

import json
import logging

import pytest

from vdiff_plugin.cli.logs import logs_to_stderr
from vdiff_plugin.cli.progress import JsonLines, open_progress
from vdiff_plugin.errors import UnknownNameError


def test_json_writes_one_object_a_line_and_always_the_last(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = JsonLines("restoring")
    for done in range(1, 6):
        report(done, 5)
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in err.splitlines()]
    assert out == ""
    assert [line["frame"] for line in lines] == [5]
    assert lines[0]["frames"] == 5
    assert lines[0]["eta"] == 0
    assert lines[0]["fps"] > 0


def test_json_does_without_a_length(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    report = JsonLines("restoring")
    monkeypatch.setattr("vdiff_plugin.cli.progress._INTERVAL", 0)
    report(3, None)
    line = json.loads(capsys.readouterr().err)
    assert (line["frame"], line["frames"], line["eta"]) == (3, None, None)


def test_log_lines_become_json_beside_json_progress(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("vdiff_plugin.somewhere")
    with logs_to_stderr():
        logger.warning("plain %d", 1)
        with open_progress("json", "x") as report:
            logger.warning("as an object")
            report(1, 1)
        logger.warning("plain %d", 2)
    first, *middle, last = capsys.readouterr().err.splitlines()
    assert (first, last) == ("vdiff: plain 1", "vdiff: plain 2")
    assert json.loads(middle[0]) == {"log": "warning", "text": "as an object"}
    assert json.loads(middle[1])["frame"] == 1


def test_the_bar_shows_frames_and_speed_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with open_progress("bar", "restoring clip.mp4") as report:
        report(3, 10)
        report(10, 10)
    out, err = capsys.readouterr()
    assert out == ""
    assert "restoring clip.mp4" in err
    assert "10/10" in err
    assert "fps" in err


@pytest.mark.parametrize("kind", ["auto", "none"])
def test_nothing_is_shown_where_nobody_watches(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_progress(kind, "restoring") as report:
        report(1, 1)
    assert capsys.readouterr() == ("", "")


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="bar, json, none"), open_progress("loud", "x"):
        pass
