"""What all tests share: skipping with a reason, and running the real command."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from host_adapters.media.priority import usual_priority
from tests.host_adapters.farm.slurm import lacking_programs
from tests.vdiff_plugin.pages.browser import Page, open_browser

# Whoever starts the tests in the background of a script has them ignore Ctrl-C, and every
# program that they start inherits that. Tests that interrupt programs want the usual.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Vdiff = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, missing in _MISSING.items():
        if item.get_closest_marker(marker) and (reason := missing()):
            pytest.skip(reason)


@pytest.fixture
def vdiff(tmp_path: Path) -> Vdiff:
    """Run `vdiff WORDS...` as a process of its own in `tmp_path`, stdin closed."""

    def run(*words: str | Path, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vdiff_plugin", *map(str, words)],
            cwd=tmp_path,
            env=os.environ | {"COLUMNS": "100"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture(autouse=True)
def _usual_priority() -> Iterator[None]:
    """Tests that open SVT-AV1 with libav alone leave no real-time threads to the others."""
    with usual_priority():
        yield


@pytest.fixture(scope="session")
def chromium() -> Iterator[Page]:
    """One browser for all tests of pages. Tests that take it are marked `browser`."""
    with open_browser() as page:
        yield page


@pytest.fixture
def page(chromium: Page) -> Iterator[Page]:
    """The same, in the state of a new one; and nothing on the console at the end."""
    chromium.driver.get("about:blank")
    chromium.prefer("light")
    chromium.messages()
    yield chromium
    assert chromium.messages() == []


@cache
def _no_ffmpeg() -> str:
    lacking = [name for name in ("ffmpeg", "ffprobe") if shutil.which(name) is None]
    return f"{' and '.join(lacking)} not on the PATH" if lacking else ""


@cache
def _no_melt() -> str:
    return "" if shutil.which("melt") else "melt not on the PATH"


@cache
def _no_gst() -> str:
    if shutil.which("gst-launch-1.0") is None:
        return "gst-launch-1.0 not on the PATH"
    done = subprocess.run(["gst-inspect-1.0", "frei0r"], capture_output=True, check=False)
    return "GStreamer has no frei0r plug-in" if done.returncode else ""


@cache
def _no_browser() -> str:
    lacking = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if lacking:
        return f"{' and '.join(lacking)} not on the PATH"
    return "" if importlib.util.find_spec("selenium") else "selenium is not installed"


@cache
def _no_slurm() -> str:
    lacking = lacking_programs()
    return f"{', '.join(lacking)} not on the PATH (SLURM)" if lacking else ""


@cache
def _no_vapoursynth() -> str:
    found = importlib.util.find_spec("vapoursynth")
    return "" if found else "VapourSynth is not installed; pip install 'vdiff-plugin[vapoursynth]'"


@cache
def _no_gpu() -> str:
    from vdiff_plugin.model.gpus import tensorflow_gpus

    return "" if tensorflow_gpus() else "TensorFlow sees no GPU"


_MISSING: dict[str, Callable[[], str]] = {
    "ffmpeg": _no_ffmpeg,
    "mlt": _no_melt,
    "gst": _no_gst,
    "browser": _no_browser,
    "slurm": _no_slurm,
    "vapoursynth": _no_vapoursynth,
    "gpu": _no_gpu,
}
