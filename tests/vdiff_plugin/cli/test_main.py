"""The program as a process: help, exit codes, one-line errors, streams."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
import typer

from tests.conftest import Vdiff
from vdiff_plugin import __main__
from vdiff_plugin.cli import main
from vdiff_plugin.cli.hooks import vdiff_commands
from vdiff_plugin.plugins import Catalogue

COMMANDS = sorted(vdiff_commands())


def offered(**commands: object) -> Catalogue[object]:
    catalogue = Catalogue[object]("command")
    for name, command in commands.items():
        catalogue.add(name, lambda command=command: command, "tests")
    return catalogue


def test_help_lists_every_command_and_loads_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "vdiff_plugin", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "vdiff_plugin.cli.main" in imported
    assert not imported & {"tensorflow", "keras", "cv2", "av", "scipy", "rich.progress"}
    for name in COMMANDS:
        assert f"  {name} " in done.stdout


def test_the_installed_program_is_the_module() -> None:
    (script,) = entry_points(group="console_scripts", name="vdiff")
    assert script.load() is __main__.main


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"Usage: vdiff {command}")
    assert err == ""


@pytest.mark.parametrize("words", [[], ["--help"]])
def test_without_a_command_there_is_help(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(words) == 0
    assert "enhance" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0
    assert capsys.readouterr() == (f"vdiff {version('vdiff-plugin')}\n", "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["enhanse", "a", "b"], "no command 'enhanse'; have bench, changes, compare, demo,"),
        (["--loud"], "no option '--loud'; have --help, --version"),
        (["enhance", "a", "b", "--strenght", "1"], "no option '--strenght'; have --backend,"),
        (["enhance", "a"], "missing argument 'OUT'; see vdiff enhance --help"),
        (["enhance", "a", "b", "c"], "got unexpected extra argument"),
        (["enhance", "a", "b", "--start", "x"], "'--start': Input should be a valid integer"),
        (["enhance", "a", "b", "--strength"], "'--strength' requires an argument"),
        (["enhance", "a", "b", "--strength", "7"], "strength: '7' is no good"),
        (["enhance", "a", "b", "--precision", "fp8"], "give auto, fp32, bf16 or fp16"),
        (["enhance", "a", "b", "--tile", "100"], "multiple of 16"),
        (["enhance", "a", "b", "--encoder-options", "slow"], "encoder option 'slow' has no value"),
        (["enhance", "a", "b", "--progress", "loud"], "have auto, bar, json, none"),
        (["enhance", "a", "b", "-y", "-n"], "-y and -n contradict each other"),
        (["enhance", "a", "b", "--config", "no.toml"], "no.toml"),
        (["bench", "--sizes", "big"], "write WIDTHxHEIGHT"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vdiff: ")
    assert err.count("\n") == 1
    assert told in err


def test_a_process_ends_with_the_exit_code(vdiff: Vdiff) -> None:
    done = vdiff("enhanse")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("vdiff: no command 'enhanse'; have ")


@pytest.mark.parametrize("kind", [ZeroDivisionError, RuntimeError, ImportError])
def test_a_bug_keeps_its_traceback(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise kind("a bug")

    class Offers:
        commands = offered(broken=broken)

    monkeypatch.setattr(main, "load_offers", Offers)
    with pytest.raises(kind, match="a bug"):
        main.run(["broken"])


@pytest.mark.parametrize(
    "failure",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory", "/proc/self/task"),
        RuntimeError("can't start new thread"),
        ImportError("libopenblas.so: failed to map segment from shared object"),
    ],
)
def test_memory_that_runs_out_is_one_line(
    failure: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def greedy() -> None:
        raise failure

    class Offers:
        commands = offered(greedy=greedy)

    monkeypatch.setattr(main, "load_offers", Offers)
    assert main.run(["greedy"]) == 1
    assert capsys.readouterr().err.startswith("vdiff: not enough memory; use a smaller --cache")


def test_an_exit_code_of_a_strangers_command_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaves() -> None:
        raise typer.Exit(3)

    class Offers:
        commands = offered(leaves=leaves)

    monkeypatch.setattr(main, "load_offers", Offers)
    assert main.run(["leaves"]) == 3


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "vdiff_plugin", "--help"],
            stdout=closed,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            check=False,
        )
    assert done.stderr == b""
    assert done.returncode == 1


def test_an_interrupt_is_exit_130_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless() -> None:
        signal.raise_signal(signal.SIGINT)

    class Offers:
        commands = offered(endless=endless)

    monkeypatch.setattr(main, "load_offers", Offers)
    assert main.run(["endless"]) == 130
