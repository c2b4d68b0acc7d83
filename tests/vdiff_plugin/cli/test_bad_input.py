"""What can be wrong with a request: one line that says so, exit 1 or 2, nothing left behind."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.clips import count_frames, write_clip, write_sound
from vdiff_plugin.cli import main

OUT = "out.mkv"
NO_NETWORK = ("--stages", "colour:gamma=1.1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one good clip, `in.mkv`."""
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "in.mkv")
    return tmp_path


def test_an_output_like_an_option_gets_a_hint(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("-dash.mp4", "-y.mkv", "--x.mkv"):
        fails(capfd, ["enhance", "in.mkv", name], 2, f"if it is a file, write ./{name} or put --")
    assert main.run(["enhance", *NO_NETWORK, "--", "in.mkv", "-dash.mkv"]) == 0
    assert main.run(["enhance", *NO_NETWORK, "in.mkv", "./--x.mkv"]) == 0
    assert {"-dash.mkv", "--x.mkv"} <= {path.name for path in folder.iterdir()}


def test_a_stretch_to_verify_outside_the_clip(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = "no frame 99 in in.mkv, it has 0 to 7; give a lower --start"
    fails(capfd, ["verify", "in.mkv", "--start", "99"], 2, told)


def truncated(path: Path) -> None:
    whole = write_clip(path, codec="libx264").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])  # the index stood at the end


MAKERS: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "empty": lambda path: path.write_bytes(b""),
    "truncated": truncated,
    "text": lambda path: path.write_text("this is not a video\n" * 100),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(50_000)),
    "sound": write_sound,
    "directory": Path.mkdir,
    "frameless": lambda path: write_clip(path, frames=0, codec="libx264"),
    "pipe": os.mkfifo,
}


def make_input(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.{'wav' if kind == 'sound' else 'mp4'}"
    MAKERS[kind](path)
    return path


def fails(capfd: pytest.CaptureFixture[str], words: list[str], code: int, told: str) -> None:
    """Run in this process; C libraries that write past Python are heard too."""
    before = set(Path().iterdir())
    assert main.run(words) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("vdiff: ")
    assert err.count("\n") == 1, err
    assert told in err
    assert set(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("missing", "no such file"),
        ("empty", "empty"),
        ("truncated", "damaged"),
        ("text", "not a video"),
        ("noise", "not a video"),
        ("sound", "no video in it"),
        ("directory", "a directory"),
        ("frameless", "no video in it"),
        ("pipe", "a pipe, which cannot be read twice; save it to a file, or use vdiff pipe"),
    ],
)
@pytest.mark.parametrize("command", ["enhance", "verify", "changes"])
def test_an_input_that_is_no_video(
    folder: Path, kind: str, told: str, command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [command, str(make_input(kind, folder))]
    words += [OUT, *NO_NETWORK] if command == "enhance" else []
    words += ["--features", "pixel"] if command == "changes" else []
    fails(capfd, words, 1, told)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--codec", "nope"], "no video codec 'nope'; have "),
        (["--preset", "huge"], "no preset 'huge' for task restore; have best, fast, quality"),
        (["--task", "colourise"], "no task 'colourise'; have deblock, denoise, restore, upscale2x"),
        (["--backend", "abacus"], "no backend 'abacus'; have keras, "),
        (["--stages", "colour,sharpen"], "no stage 'sharpen'; have "),
        (["--stages", "colour:hue"], "'hue' has no value"),
        (["--stages", "colour:sparkle=1"], "no option 'sparkle'; have "),
        (["--pix-fmt", "yuv999p"], "no pixel format 'yuv999p'; have "),
        (["--stages", ""], "stages: none is named; write --stages vdiff"),
        (["--stages", "vdiff,,colour"], "take the spare comma out"),
        (["--stages", "colour:hue=1:hue=2"], "hue is given twice"),
        (["--start", "8", *NO_NETWORK], "no frame 8 in in.mkv, it has 0 to 7; change --start"),
        (["--end", "8", *NO_NETWORK], "no frame 8 in in.mkv, it has 0 to 7; change --end"),
        (["--start", "5", "--end", "4", *NO_NETWORK], "give an --end from 5 up"),
        (["--device", "gpu:77"], "on gpu:77 ("),
        (["--device", "gpu:77"], "give --device cpu or auto"),
        (["--device", "foo"], "device: 'foo' is no good; give auto, cpu or gpu:0"),
        (["--noise", "loud"], "noise: 'loud' is no good"),
        (["--noise", "1e9"], "give auto or a number from 0 to 100"),
        (["--strength", "nan"], "give a number from 0 to 1"),
        (["--config", "missing.toml"], "missing.toml: no such file or directory; give a readable"),
        (["--encoder-options", "preset=zzz", *NO_NETWORK], "its presets are ultrafast, "),
        (["--encoder-options", "tune=zzz", *NO_NETWORK], "tune=zzz"),
        (["--codec", "libx264", "--encoder-options", "sparkle=1", *NO_NETWORK], "'sparkle'"),
    ],
)
def test_a_name_or_value_that_does_not_exist(
    folder: Path, options: list[str], told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    fails(capfd, ["enhance", "in.mkv", OUT, *options], 2, told)


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("in.mkv", "in.mkv"),
        ("./../{name}/in.mkv", "in.mkv"),
        ("taken.mkv", "exists already"),
        ("folder.mkv", "a directory"),
        ("nowhere/out.mkv", "nowhere"),
        ("out.xyz", "xyz"),
    ],
)
def test_an_output_that_cannot_be(
    folder: Path, out: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "taken.mkv").write_bytes(b"mine")
    (folder / "folder.mkv").mkdir()
    original = (folder / "in.mkv").read_bytes()
    words = ["enhance", "in.mkv", out.format(name=folder.name), *NO_NETWORK]
    assert main.run([*words, "-y"] if "in.mkv" in out else words) in (1, 2)
    err = capfd.readouterr().err
    assert err.startswith("vdiff: ")
    assert err.count("\n") == 1
    assert told in err
    assert (folder / "taken.mkv").read_bytes() == b"mine"
    assert (folder / "in.mkv").read_bytes() == original
    assert {path.name for path in folder.iterdir()} == {"in.mkv", "taken.mkv", "folder.mkv"}


def test_weights_that_are_damaged_or_of_another_network(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["enhance", "in.mkv", OUT, "--backend", "numpy", "--weights"]
    Path("damaged.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{not json at all}")
    fails(capfd, [*words, "damaged.safetensors"], 1, "damaged.safetensors")
    save_file({"conv": np.zeros((3, 3, 1, 4), np.float32)}, "other.safetensors")
    fails(capfd, [*words, "other.safetensors"], 1, "other.safetensors: not made by vdiff")
    fails(capfd, [*words, "other.safetensors"], 1, "leave --weights out")
    fails(capfd, [*words, "missing.safetensors"], 1, "missing.safetensors")


@pytest.mark.parametrize(("frames", "size"), [(1, (64, 48)), (3, (2, 2)), (2, (15, 9))])
def test_the_smallest_clips_work(folder: Path, frames: int, size: tuple[int, int]) -> None:
    write_clip(folder / "small.mkv", frames=frames, size=size)
    assert main.run(["enhance", "small.mkv", OUT, "--backend", "numpy"]) == 0
    assert count_frames(folder / OUT) == frames


def test_a_file_that_we_may_not_read(folder: Path) -> None:
    (folder / "in.mkv").chmod(0)
    done = _run(_without_override(), ["enhance", "in.mkv", OUT, *NO_NETWORK])
    assert done.returncode == 1
    assert done.stderr.startswith("vdiff: in.mkv: no permission")
    assert done.stderr.count("\n") == 1
    assert not (folder / OUT).exists()


def test_a_folder_that_we_may_not_write(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o500)
    done = _run(_without_override(), ["enhance", "in.mkv", "closed/out.mkv", *NO_NETWORK])
    assert done.returncode == 1
    assert "no permission" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["enhance", "changes"])
def test_a_read_only_folder(folder: Path, command: str) -> None:
    """On a mount of its own: permissions mean nothing to root, read-only does."""
    (folder / "closed").mkdir()
    mounts = 'mount -t tmpfs -o ro tmpfs closed && "$@"; rc=$?; ls -A closed; exit $rc'
    prefix = ["unshare", "-m", "sh", "-c", mounts, "sh"]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("may not mount a read-only folder here")
    words = {
        "enhance": ["enhance", "in.mkv", "closed/out.mkv", *NO_NETWORK],
        "changes": ["changes", "in.mkv", "--csv", "closed/out.csv", "--features", "pixel"],
    }[command]
    done = _run(prefix, words)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "no permission to write in closed; choose another folder" in done.stderr
    assert done.stdout == ""  # of ls


def test_a_table_on_a_full_disk(folder: Path) -> None:
    (folder / "disk").mkdir()
    mounts = (
        "mount -t tmpfs -o size=64k tmpfs disk && head -c 64k /dev/zero >disk/fill && "
        '"$@"; rc=$?; ls -A disk; exit $rc'
    )
    prefix = ["unshare", "-m", "sh", "-c", mounts, "sh"]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small disk here")
    done = _run(prefix, ["changes", "in.mkv", "--csv", "disk/out.csv", "--features", "pixel"])
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "disk/out.csv: the disk is full" in done.stderr
    assert done.stdout == "fill\n"


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_an_output_that_is_no_ordinary_file(
    folder: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    out = folder / OUT
    if kind == "pipe":
        os.mkfifo(out)
    else:
        out.symlink_to(os.devnull)
    fails(capfd, ["enhance", "in.mkv", OUT, "-y", *NO_NETWORK], 1, "give the name of an ordinary")


@pytest.mark.parametrize("name", ["a:b.mkv", "漢" * 80 + ".mkv", "100%d [x].mkv", "o\udcfe.mkv"])
def test_names_that_are_odd_but_right(folder: Path, name: str) -> None:
    assert main.run(["enhance", "in.mkv", name, *NO_NETWORK]) == 0
    assert count_frames(folder / name) == 8
    assert main.run(["enhance", name, OUT, *NO_NETWORK]) == 0


def test_odd_names_that_are_wrong_stay_on_one_line(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fails(capfd, ["enhance", "two\nlines.mkv", OUT], 1, "two lines.mkv: no such file")
    fails(capfd, ["enhance", "in.mkv", "o" * 300 + ".mkv"], 1, "the name is too long; give a")


def test_a_file_that_lacks_its_last_moment(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write_clip(folder / "cut.mkv")
    path.write_bytes(path.read_bytes()[:-2000])  # less than a quarter of a second
    fails(capfd, ["enhance", "cut.mkv", OUT, *NO_NETWORK], 1, "bytes before its end; copy the")


def test_a_full_disk_leaves_nothing(folder: Path) -> None:
    write_clip(folder / "large.mkv", frames=30, size=(320, 180))
    (folder / "disk").mkdir()
    mounts = 'mount -t tmpfs -o size=64k tmpfs disk && "$@"; rc=$?; ls -A disk; exit $rc'
    prefix = ["unshare", "-m", "sh", "-c", mounts, "sh"]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small disk here")
    done = _run(prefix, ["enhance", "large.mkv", "disk/out.mkv", "--codec", "ffv1", *NO_NETWORK])
    assert done.returncode == 1
    assert "disk is full" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""  # of ls


@pytest.mark.parametrize(
    ("sent", "code", "said"),
    [
        (signal.SIGINT, 130, "vdiff: interrupted"),
        (signal.SIGTERM, 143, "vdiff: terminated"),
    ],
)
def test_a_signal_leaves_nothing(folder: Path, sent: signal.Signals, code: int, said: str) -> None:
    write_clip(folder / "long.mkv", frames=200, size=(320, 180))
    slow = ["--codec", "libx265", "--encoder-options", "preset=placebo", *NO_NETWORK]
    words = ["enhance", "long.mkv", OUT, "--progress", "json", *slow]
    command = [sys.executable, "-m", "vdiff_plugin", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        first = json.loads(process.stderr.readline())
        process.send_signal(sent)
        rest = process.stderr.read().splitlines()
    assert process.returncode == code
    assert first["frame"] < first["frames"] == 200
    assert rest[-1] == said
    assert {path.name for path in folder.iterdir()} == {"in.mkv", "long.mkv"}


class _Ending(io.RawIOBase):
    """A terminal that ends whoever writes to it, amid the first write."""

    def __init__(self) -> None:
        self.written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        first = not self.written
        self.written += bytes(data)
        if first:
            os.kill(os.getpid(), signal.SIGTERM)
        return len(data)


def test_a_signal_amid_a_line_of_progress(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Ending()
    stderr = io.TextIOWrapper(io.BufferedWriter(terminal), line_buffering=True)
    monkeypatch.setattr(sys, "stderr", stderr)
    code = main.run(["enhance", "in.mkv", OUT, "--progress", "json", *NO_NETWORK])
    stderr.flush()
    assert code == 143
    *progress, last = terminal.written.decode().splitlines()
    assert all(json.loads(line)["frames"] for line in progress)
    assert last == "vdiff: terminated"
    assert {path.name for path in folder.iterdir()} == {"in.mkv"}


def test_nothing_is_written_twice_unasked(folder: Path) -> None:
    words = ["enhance", "in.mkv", OUT, *NO_NETWORK]
    assert main.run(words) == 0
    first = (folder / OUT).stat().st_ino
    assert main.run(words) == 1
    assert main.run([*words, "-n"]) == 1
    assert (folder / OUT).stat().st_ino == first
    assert main.run([*words, "-y"]) == 0
    assert (folder / OUT).stat().st_ino != first
    with av.open(OUT) as container:
        assert container.streams.video[0].codec_context.width == 64


def _without_override() -> list[str]:
    """Root reads and writes what it likes: give that up, as an ordinary user has."""
    if os.geteuid():
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root cannot give up its rights without setpriv")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def _run(prefix: list[str], words: list[str]) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, "-m", "vdiff_plugin", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)
