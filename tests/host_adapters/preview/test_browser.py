"""The page is shown in a browser where that was asked for, and nobody waits for it."""

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
BARE = {name: value for name, value in os.environ.items() if name not in SCREENS}


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """What a browser is told; it stays open for as long as that file is there."""
    told = tmp_path / "told"
    program = tmp_path / "browser"
    program.write_text(
        f"#!/bin/sh\necho \"$1\" > '{told}.part' && mv '{told}.part' '{told}'\n"
        f"while [ -e '{told}' ]; do sleep 0.1; done\n"
    )
    program.chmod(0o755)
    return told


@pytest.mark.parametrize(
    ("words", "screen", "opens"),
    [([], True, False), (["--open"], True, True), (["--open"], False, False)],
)
def test_the_users_browser_gets_the_address(
    clip: Path, told: Path, words: list[str], *, screen: bool, opens: bool
) -> None:
    env = BARE | ({"BROWSER": f"{told.with_name('browser')} %s"} if screen else {})
    with subprocess.Popen(
        [sys.executable, "-m", "vdiff_plugin", "preview", str(clip), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    ) as running:
        try:
            assert running.stdout
            assert running.stderr
            address, hint = running.stdout.readline(), running.stderr.readline()
            end = time.monotonic() + 20
            while opens and not told.exists() and time.monotonic() < end:
                time.sleep(0.02)
            running.send_signal(signal.SIGINT)
            assert running.wait(20) == 130  # though the browser still runs
            assert (told.read_text() if told.exists() else None) == (address if opens else None)
        finally:
            running.kill()
            told.unlink(missing_ok=True)
    assert hint.startswith("the page opens" if opens else "open this address")


def test_without_a_screen_there_is_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SCREENS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert not browser.show("http://127.0.0.1:1/")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert browser.has_screen()
