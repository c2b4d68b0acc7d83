"""Commands on real files, with the bundled model where the point is the picture."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from host_adapters.media import read_clip, write_video
from tests.clips import count_frames, write_clip
from tests.conftest import Vdiff
from vdiff_plugin.cli import census, main
from vdiff_plugin.cli.encoding import parse_pairs
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.contracts import WeightsFile
from vdiff_plugin.model.gpus import has_gpu
from vdiff_plugin.plugins import load_offers

SCENE = Scene(width=192, height=112, length=6)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a noisy clip, `in.mkv`, of `SCENE`."""
    monkeypatch.chdir(tmp_path)
    frames = (SCENE.noisy(n, 20) for n in range(SCENE.length))
    write_video(frames, "in.mkv", clip=SCENE.clip)
    return tmp_path


def luma_error(path: str) -> float:
    """Mean squared error against the clean scene."""
    pairs = zip(read_clip(path).frames(), map(SCENE.clean, range(SCENE.length)), strict=True)
    return float(np.mean([(a.planes[0] - b.planes[0].astype(float)) ** 2 for a, b in pairs]))


def test_enhance_gives_a_better_picture_and_reports_as_json(folder: Path, vdiff: Vdiff) -> None:
    done = vdiff("enhance", "in.mkv", "out.mkv", "--codec", "ffv1", "--progress", "json")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines[-1]["frame"] == lines[-1]["frames"] == SCENE.length
    assert count_frames(folder / "out.mkv") == SCENE.length
    assert luma_error("out.mkv") < luma_error("in.mkv") / 2
    assert {path.name for path in folder.iterdir()} == {"in.mkv", "out.mkv"}


def test_enhance_takes_a_stretch_and_a_settings_file(folder: Path) -> None:
    Path("half.toml").write_text('strength = 0.0\nstages = ["vdiff"]\n')
    words = ["enhance", "in.mkv", "out.mkv", "--codec", "ffv1", "--config", "half.toml"]
    assert main.run([*words, "--start", "2", "--end", "4"]) == 0
    written = [frame.key for frame in read_clip("out.mkv").frames()]
    assert written == [frame.key for frame in read_clip("in.mkv").frames(2, 4)]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["keras", "openvino"])
def test_an_interrupt_after_a_job_is_an_interrupt(folder: Path, backend: str) -> None:
    """And no crash: libraries that ran the network may have left the process's signals ill."""
    library = {"keras": "tensorflow"}.get(backend, backend)
    if not find_spec(library):  # not imported here: OpenVINO's telemetry would come along
        pytest.skip(f"needs {library}")
    words = ["verify", "in.mkv", "--frames", "1", "--backend", backend]
    script = (
        "import gc, signal\n"
        "from vdiff_plugin.cli import main\n"
        f"assert main.run({words}) == 0\n"
        "gc.collect()\n"
        "try:\n    signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt:\n    print('alive')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(b"alive\n")


def test_encoder_options_are_pairs() -> None:
    assert parse_pairs("preset=slow,x265-params=a=1:b=2") == {
        "preset": "slow",
        "x265-params": "a=1:b=2",
    }
    assert parse_pairs("") == {}


@pytest.mark.slow
def test_verify_prints_equal_hashes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["verify", "in.mkv", "--frames", "4", "--start", "1"]) == 0
    *ways, verdict = capsys.readouterr().out.splitlines()
    assert len(ways) == 7
    assert len({line.split()[0] for line in ways}) == 1
    assert re.fullmatch(r"[0-9a-f]{32}", ways[0].split()[0])
    assert verdict == "frames 1 to 4: the same pixels in all 7 ways"


def test_changes_finds_where_the_picture_jumps(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Scene(width=192, height=112, length=3, seed=99)
    frames = [*map(SCENE.clean, range(3)), *map(other.clean, range(120, 123))]
    write_video(frames, "cut.mkv", clip=SCENE.clip)
    assert main.run(["changes", "cut.mkv", "--features", "pixel"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["frame"] for row in rows] == list("012345")
    assert [float(row["time"]) for row in rows] == [0, 0.04, 0.08, 0.12, 0.16, 0.2]
    scores = [float(row["score"]) for row in rows]
    assert scores[0] == 0
    assert max(range(6), key=scores.__getitem__) == 3


def test_changes_writes_a_file_once_and_lists_features(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["changes", "in.mkv", "--features", "pixel", "--csv", "out.csv"]
    assert main.run(words) == 0
    first = Path("out.csv").read_text()
    assert first.startswith("frame,time,score,mean,p99,")
    assert main.run(words) == 1
    assert main.run([*words, "-y"]) == 0
    assert Path("out.csv").read_text() == first
    capsys.readouterr()
    assert main.run(["changes", "in.mkv", "--features", "aura"]) == 2
    assert "have pixel, vdiff, vgg16" in capsys.readouterr().err


@pytest.mark.slow
def test_demo_gains_and_keeps_earlier_results(folder: Path, vdiff: Vdiff) -> None:
    done = vdiff("demo", "--frames", "5")
    assert (done.returncode, done.stderr) == (0, "")
    before, after = map(float, re.findall(r"([\d.]+) dB  \(", done.stdout))
    assert after > before + 2
    named = done.stdout.splitlines()[2:]
    assert {Path(name).name for name in named} == {
        path.name for path in (folder / "vdiff-demo").iterdir()
    }
    for name in ("noisy.mkv", "restored.mp4", "side-by-side.mp4"):
        assert count_frames(folder / "vdiff-demo" / name) == 5
    picture = cv2.imread(str(folder / "vdiff-demo" / "side-by-side.png"))
    assert picture is not None
    assert picture.shape == (388, 3 * 640, 3)

    again = vdiff("demo", "--frames", "1", "--out", "vdiff-demo")
    assert again.returncode == 1
    assert "-y replaces it" in again.stderr
    assert vdiff("demo", "--frames", "1").stdout.splitlines()[2].startswith("vdiff-demo-2/")


def test_the_demo_shows_pictures_of_one_size(vdiff: Vdiff, tmp_path: Path) -> None:
    done = vdiff("demo", "--task", "upscale2x")
    assert done.returncode == 2
    assert done.stderr == (
        "vdiff: the demo shows pictures of one size; leave --task upscale2x out\n"
    )
    assert not list(tmp_path.iterdir())


def test_info_names_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["info"]) == 0
    out = capsys.readouterr().out
    for word in ("tensorflow", "backend", "numpy", "restore/fast", "media", "colour", "libx264"):
        assert word in out
    assert "cli of vdiff-plugin" in out


def test_doctor_fails_where_nothing_can_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main.run(["doctor"]) == 0
    assert capsys.readouterr().out.endswith("vdiff can work here\n")
    monkeypatch.setattr("vdiff_plugin.cli.census.weights", lambda _: iter(()))
    assert main.run(["doctor"]) == 1
    assert "no weights" in capsys.readouterr().err


def test_bench_times_a_preset_and_size_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "--sizes", "64x48,96x64", "--presets", "fast", "--frames", "2"]
    assert main.run(words) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title.split() == ["preset", "size", "fps", "ms", "a", "frame"]
    assert [line.split()[:2] for line in lines] == [["fast", "64x48"], ["fast", "96x64"]]
    for line in lines:
        fps, ms = map(float, line.split()[2:])
        assert fps * ms == pytest.approx(1000, rel=0.1)


def test_one_small_clip_of_another_maker(folder: Path) -> None:
    write_clip(folder / "other.mp4", codec="libx264", size=(64, 48))
    assert main.run(["enhance", "other.mp4", "other-out.mp4"]) == 0
    assert count_frames(folder / "other-out.mp4") == 8


@pytest.mark.parametrize("command", ["info", "doctor"])
def test_devices_are_told_without_tensorflow_where_there_is_no_gpu(
    command: str, tmp_path: Path
) -> None:
    if has_gpu():
        pytest.skip("here is a GPU, which TensorFlow is asked about")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "vdiff_plugin", command],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "vdiff_plugin.cli.census" in imported
    assert not imported & {"tensorflow", "keras", "openvino"}
    assert re.search(r"backend +keras +cpu\n", done.stdout)


def test_weights_of_another_task_are_found_out(tmp_path: Path) -> None:
    offers = load_offers()
    swapped = replace(offers.weights_for("restore", "fast"), task="denoise")
    broken = WeightsFile(path=tmp_path / "w.safetensors", task="restore", preset="fast")
    broken.path.write_bytes(b"no weights")
    found = list(census.weights(replace(offers, weights=(swapped, broken))))
    assert "holds restore/fast; install its package again" in found[0].missing
    assert "w.safetensors" in found[1].missing
    assert not any(each.missing for each in census.weights(offers))
