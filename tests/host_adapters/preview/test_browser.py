"""The page is shown in a browser where there is one, and the command does not wait for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from host_adapters.preview import browser

SCREENS = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")


@pytest.mark.parametrize("word", ["--open", "--no-open"])
def test_the_users_browser_gets_the_address(clip: Path, tmp_path: Path, word: str) -> None:
    told = tmp_path / "told"
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {told}.part && mv {told}.part {told}\nsleep 60\n')
    program.chmod(0o755)
    bare = {name: value for name, value in os.environ.items() if name not in SCREENS}
    words = [sys.executable, "-m", "vdiff_plugin", "preview", str(clip), word]
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=bare | {"BROWSER": f"{program} %s"},
    ) as running:
        assert running.stdout
        assert running.stderr
        address = running.stdout.readline()
        hint = running.stderr.readline()
        end = time.monotonic() + 20
        while word == "--open" and not told.exists() and time.monotonic() < end:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130  # though the browser still runs
    assert told.exists() == (word == "--open")
    assert hint.startswith("the page opens" if word == "--open" else "open this address")
    if told.exists():
        assert told.read_text() == address


def test_without_a_screen_there_is_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SCREENS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert not browser.show("http://127.0.0.1:1/")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert browser.has_screen()
