from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from vdiff_plugin.cli import main
from vdiff_plugin.cli.profiling import Recorder, seconds_by_name


def test_nested_calls_are_counted_once() -> None:
    recorder = Recorder()
    inner = recorder.timed("inner", lambda: time.sleep(0.02))

    def work() -> None:
        inner()
        inner()

    recorder.timed("outer", work)()
    spans = recorder.take()
    assert [span.name for span in spans] == ["inner", "inner", "outer"]
    spent = seconds_by_name(spans)
    assert spent["inner"] >= 0.04
    assert spent["inner"] + spent["outer"] == pytest.approx(spans[-1].length)
    assert recorder.take() == []


def test_a_failing_call_is_recorded_too() -> None:
    recorder = Recorder()
    with pytest.raises(ZeroDivisionError):
        recorder.timed("broken", lambda: 1 // 0)()
    assert [span.name for span in recorder.take()] == ["broken"]


def test_bench_tells_where_the_time_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["bench", "--sizes", "160x96", "--presets", "fast", "--frames", "12"]
    words += ["--profile", "t.json"]
    assert main.run(words) == 0
    out = capsys.readouterr().out
    for part in ("features", "optical flow", "diffusion and restoration", "threads busy"):
        assert part in out
    events = json.loads(Path("t.json").read_text())["traceEvents"]
    rendered = [event for event in events if event["name"] == "all else in a frame"]
    assert len(rendered) == 12
    assert all(event["dur"] >= 0 for event in events)
    assert main.run(words) == 1
    assert "t.json" in capsys.readouterr().err
