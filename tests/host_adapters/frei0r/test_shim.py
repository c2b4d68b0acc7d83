"""The C side in a host of our own: orders, threads, workers that fail, sanitizers, valgrind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from host_adapters.frei0r import build as plugin_build
from host_adapters.frei0r.build import HERE as SOURCES
from host_adapters.frei0r.build import build
from tests.host_adapters.frei0r.conftest import HERE, RunHost, compiled

Worker = Callable[..., str]
_SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O1")


@pytest.fixture
def bad_worker(tmp_path: Path) -> Worker:
    """The path of a worker that misbehaves in a given way."""

    def make(*how: str | int) -> str:
        script = tmp_path / f"worker-{'-'.join(map(str, how))}"
        root = Path(plugin_build.__file__).parents[2]
        words = " ".join(map(str, how))
        script.write_text(
            "#!/bin/sh\nunset LD_PRELOAD\n"
            f"PYTHONPATH={root} exec {sys.executable} {HERE / 'bad_worker.py'} {words}\n",
            encoding="utf-8",
        )
        script.chmod(0o755)
        return str(script)

    return make


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The host and the plug-in with AddressSanitizer and UBSan."""
    folder = tmp_path_factory.mktemp("sanitized")
    host = compiled(folder, "host", HERE / "host.c", flags=_SANITIZED)
    shared = (*_SANITIZED, "-fPIC", "-shared", "-fvisibility=hidden")
    sources = [SOURCES / name for name in plugin_build.SOURCES]
    return host, compiled(folder, "vdiff.so", *sources, flags=shared)


def passes(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("scenario", ["threads", "bands"])
def test_threads(run_host: RunHost, scenario: str) -> None:
    said = passes(run_host(scenario))
    assert ("bands of the picture; leave threads= out" in said) == (scenario == "bands")


def test_any_order_of_calls_is_clean_under_sanitizers(
    run_host: RunHost, plugin: Path, sanitized: tuple[Path, Path]
) -> None:
    host, library = sanitized
    worker = str(plugin / "vdiff-worker")
    said = passes(run_host("lives", library=library, host=host, WORKER=worker))
    assert "no weights" in said or "a name that is far longer" in said


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("quits", "the worker ended unexpectedly while it started; see vdiff frei0r doctor"),
        ("mute", "the worker does not answer in time while it started"),
        ("strange", "the worker sent a message that is none while it started"),
        ("stalls", "the worker does not answer in time"),
        ("dies", "the worker ended unexpectedly"),
    ],
)
def test_a_failing_worker_costs_the_effect_and_nothing_else(
    run_host: RunHost, bad_worker: Worker, sanitized: tuple[Path, Path], how: str, said: str
) -> None:
    host, library = sanitized
    worker = bad_worker(how)
    limits = {"TIMEOUT": "1", "START_TIMEOUT": "1" if how == "mute" else "30"}
    start = time.monotonic()
    done = run_host("9", library=library, host=host, WORKER=worker, **limits)
    assert time.monotonic() - start < 60
    assert f"vdiff: {said}" in passes(done)
    restored = int(done.stdout)
    assert restored == (5 if how == "dies" else 0)  # every other frame, from a new worker each
    strict = run_host("9", WORKER=worker, STRICT="1", **limits)
    assert (strict.returncode, strict.stdout) == (1, "")
    assert f"vdiff: {said}" in strict.stderr


def test_three_workers_lost_in_a_row_are_enough(run_host: RunHost, bad_worker: Worker) -> None:
    said = passes(run_host("9", WORKER=bad_worker("quits")))
    assert said.count("ended unexpectedly while it started") == 1  # said once
    assert "the worker failed 3 times; nothing is restored any more" in said


def test_no_worker_is_said_with_what_to_do(run_host: RunHost) -> None:
    said = passes(run_host("2", WORKER="/nowhere/vdiff-worker"))
    assert "/nowhere/vdiff-worker: No such file or directory; run vdiff frei0r install" in said


def test_memory_that_the_worker_scribbles_on_stays_where_it_is(
    run_host: RunHost, bad_worker: Worker, sanitized: tuple[Path, Path]
) -> None:
    host, library = sanitized
    done = run_host("4", library=library, host=host, WORKER=bad_worker("lies"))
    passes(done)
    assert int(done.stdout) == 4  # white pictures, as long as they should be


def _babble(run: RunHost, worker: Worker, sanitized: tuple[Path, Path], seeds: range) -> None:
    host, library = sanitized
    for seed in seeds:
        limits = {"WORKER": worker("babbles", seed), "TIMEOUT": "2"}
        passes(run("6", library=library, host=host, **limits))


def test_nonsense_from_the_worker_is_harmless(
    run_host: RunHost, bad_worker: Worker, sanitized: tuple[Path, Path]
) -> None:
    _babble(run_host, bad_worker, sanitized, range(3))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_much_nonsense_from_the_worker_is_harmless(
    run_host: RunHost, bad_worker: Worker, sanitized: tuple[Path, Path]
) -> None:
    _babble(run_host, bad_worker, sanitized, range(100, 200))


def _fuzz(folder: Path, seed: int, count: int) -> int:
    sources = (HERE / "fuzz.c", SOURCES / "vdiff_link.c")
    program = compiled(folder, "fuzz", *sources, flags=_SANITIZED)
    words = [program, str(seed), str(count)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return int(passes(done) or done.stdout)


def test_the_receiver_takes_what_is_right_and_nothing_else(tmp_path: Path) -> None:
    assert _fuzz(tmp_path, 1, 20_000) > 1000


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_receiver_stands_millions_of_messages(tmp_path: Path) -> None:
    assert _fuzz(tmp_path, int(time.time()), 5_000_000) > 100_000


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind not on the PATH")
def test_valgrind_finds_nothing(plugin: Path, tmp_path: Path) -> None:
    host = compiled(tmp_path, "host", HERE / "host.c")
    check = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full"]
    done = subprocess.run(
        [*check, host, plugin / "vdiff.so", "lives"],
        env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    passes(done)
    assert "definitely lost" not in done.stderr


def test_it_compiles_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_build, "FLAGS", (*plugin_build.FLAGS, "-Werror", "-pedantic"))
    library = build(tmp_path / "vdiff.so")
    needed = subprocess.run(["ldd", library], capture_output=True, text=True, check=True).stdout
    names = {line.split()[0].rpartition("/")[2].partition(".")[0] for line in needed.splitlines()}
    assert names <= {"linux-vdso", "libc", "libdl", "libpthread", "ld-linux-x86-64"} or not names
