"""The plug-in as hosts find it, a host of our own in C, and small lossless RGBA clips."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from host_adapters.frei0r.build import HERE as SOURCES
from host_adapters.frei0r.place import place_plugin
from tests.host_adapters.frei0r.clips import write_rgba
from vdiff_plugin.native.build import compiler

HERE = Path(__file__).parent
RunHost = Callable[..., "subprocess.CompletedProcess[str]"]

if compiler() is None:
    collect_ignore_glob = ["test_*.py"]  # nothing to load into a host


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with vdiff.so and vdiff-worker."""
    folder = tmp_path_factory.mktemp("frei0r")
    assert {path.name for path in place_plugin(folder)} == {"vdiff.so", "vdiff-worker"}
    return folder


@pytest.fixture
def hosted(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs started from here find the plug-in, and none that is installed."""
    monkeypatch.setenv("FREI0R_PATH", str(plugin))
    for name in ("VDIFF_FREI0R_WORKER", "VDIFF_FREI0R_STRICT", "VDIFF_FREI0R_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    return plugin


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight noisy frames of 96x64 with a cut after the fifth, 8-bit RGBA."""
    return write_rgba(tmp_path_factory.mktemp("clip") / "in.mkv", frames=8, size=(96, 64), cut=5)


def compiled(folder: Path, name: str, *sources: Path, flags: tuple[str, ...] = ()) -> Path:
    """A program or library made of C files."""
    cc = compiler()
    assert cc is not None
    words = [cc, "-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", f"-I{SOURCES}", *flags]
    out = folder / name
    subprocess.run([*words, "-o", out, *sources, "-ldl", "-lpthread", "-lm"], check=True)
    return out


@pytest.fixture(scope="session")
def run_host(tmp_path_factory: pytest.TempPathFactory, plugin: Path) -> RunHost:
    """Run a scenario of host.c against the plug-in, or against another library."""
    program = compiled(tmp_path_factory.mktemp("host"), "host", HERE / "host.c")

    def run(
        scenario: str, *, library: Path | None = None, host: Path | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        words = [host or program, library or plugin / "vdiff.so", scenario]
        named = {f"VDIFF_FREI0R_{name}": value for name, value in env.items()}
        return subprocess.run(
            words, env=os.environ | named, capture_output=True, text=True, timeout=240, check=False
        )

    return run
