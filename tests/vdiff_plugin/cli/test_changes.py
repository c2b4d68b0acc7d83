"""`vdiff changes` on real files: every output, and what it refuses."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from host_adapters.media import read_clip, write_video
from tests.clips import count_frames, write_clip
from tests.vdiff_plugin.analysis.clips import CLIP, framed, shot, still, with_disc
from vdiff_plugin.cli import main

COLUMNS = "frame,time,score,mean,p99,pixel_mean,pixel_p99,cut,cut_score,repeat,regions"
PIXEL = ("--features", "pixel")
needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="needs Matplotlib"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with `in.mkv`: a shot, and after a cut a disc that begins to move."""
    monkeypatch.chdir(tmp_path)
    shots = [
        *[shot(1)] * 8,
        *[still()] * 8,
        *(with_disc(still(), 30 + 10 * n, 60) for n in range(8)),
    ]
    frames = (framed(planes, 2, n) for n, planes in enumerate(shots))
    write_video(frames, "in.mkv", clip=CLIP)
    return tmp_path


def fails(capfd: pytest.CaptureFixture[str], words: list[str], code: int, told: str) -> None:
    before = set(Path().iterdir())
    assert main.run(["changes", *words]) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("vdiff: ")
    assert err.count("\n") == 1, err
    assert told in err
    assert set(Path().iterdir()) == before


@pytest.mark.parametrize("features", ["pixel", "vdiff"])
def test_the_table_on_stdout(
    folder: Path, features: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["changes", "in.mkv", "--features", features]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0] == COLUMNS
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [int(row["frame"]) for row in rows] == list(range(24))
    assert [float(row["time"]) for row in rows[:3]] == [0, 0.04, 0.08]
    assert rows[0]["score"] == "0"
    assert [n for n, row in enumerate(rows) if row["cut"] == "1"] == [8]
    assert {int(row["regions"]) for row in rows[:16]} == {0}
    assert all(int(row["regions"]) >= 1 for row in rows[16:])


@needs_matplotlib
def test_every_output_in_one_pass(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {
        "--csv": "o.csv",
        "--jsonl": "o.jsonl",
        "--mask": "m.mkv",
        "--overlay": "h.mkv",
        "--plot": "p.svg",
        "--scenes": "s.csv",
    }
    words = [word for pair in names.items() for word in pair]
    assert main.run(["changes", "in.mkv", *PIXEL, *words]) == 0
    assert capsys.readouterr().out == ""
    assert {path.name for path in folder.iterdir()} == {"in.mkv", *names.values()}
    rows = Path("o.csv").read_text().splitlines()
    assert (rows[0], len(rows)) == (COLUMNS, 25)
    moments = [json.loads(line) for line in Path("o.jsonl").read_text().splitlines()]
    assert [each["cut"] for each in moments].index(True) == 8
    assert {box["track"] for each in moments[18:] for box in each["regions"]} == {1}
    assert [count_frames(Path(name)) for name in ("m.mkv", "h.mkv")] == [24, 24]
    scenes = Path("s.csv").read_text().splitlines()[1:]
    assert scenes == ["1,0,7,0.000000,0.320000", "2,8,23,0.320000,0.960000"]
    picture = Path("p.svg").read_text()
    assert "in.mkv: change from the frame before" in picture
    assert "cut" in picture


def test_the_mask_is_lossless_grey_and_says_so(folder: Path) -> None:
    assert main.run(["changes", "in.mkv", *PIXEL, "--mask", "m.mkv", "--gain", "1"]) == 0
    reader = read_clip("m.mkv")
    assert (reader.source.codec, reader.info.format.family) == ("ffv1", "gray")
    assert reader.info.full_range
    found = [frame.planes[0] for frame in reader.frames()]
    lumas = [frame.planes[0].astype(int) for frame in read_clip("in.mkv").frames()]
    assert not found[0].any()
    np.testing.assert_array_equal(found[17], np.abs(lumas[17] - lumas[16]))


def test_idle_spans_are_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["changes", "in.mkv", *PIXEL, "--idle", "--idle-least", "0.25"]
    assert main.run(words) == 0
    assert capsys.readouterr().out.splitlines() == [
        "first_frame,last_frame,start,stop",
        "0,7,0.000000,0.320000",
        "9,15,0.360000,0.640000",
    ]


@needs_matplotlib
@pytest.mark.parametrize("name", ["p.png", "p.svg"])
def test_equal_runs_give_equal_plots(folder: Path, name: str) -> None:
    words = ["changes", "in.mkv", *PIXEL, "--plot", name]
    assert main.run(words) == 0
    first = Path(name).read_bytes()
    assert main.run([*words, "-y"]) == 0
    assert Path(name).read_bytes() == first


def test_times_of_a_variable_rate_are_kept(folder: Path) -> None:
    times = [0, 40, 120, 130, 500, 700]
    with av.open("vfr.mkv", "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray"
        stream.codec_context.time_base = Fraction(1, 1000)
        for n, pts in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64), 40 + n, np.uint8), "gray")
            frame.pts, frame.time_base = pts, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert main.run(["changes", "vfr.mkv", *PIXEL, "--mask", "m.mkv", "--csv", "o.csv"]) == 0
    source = read_clip("m.mkv").source
    assert [round(1000 * source.seconds(n)) for n in range(source.length)] == times
    rows = csv.DictReader(io.StringIO(Path("o.csv").read_text()))
    assert [float(row["time"]) * 1000 for row in rows] == pytest.approx(times)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--features", "aura"], 2, "have pixel, vdiff, vgg16"),
        (["--plot", "p.pdf"], 2, "plots are .png or .svg"),
        (["--scenes", "s.xml"], 2, "add --scenes-format NAME, one of av1an, csv"),
        (["--scenes", "s.txt", "--scenes-format", "x"], 2, "no form of scene list 'x'; have av1an"),
        (["--scenes-format", "csv"], 2, "add --scenes FILE"),
        (["--csv", "a.csv", "--jsonl", "./a.csv"], 2, "named for two outputs"),
        (["--csv", "in.mkv", "-y"], 1, "is the input"),
        (["--mask", "no/m.mkv"], 1, "no folder no; make it first"),
        (["--mask", "m.xyz"], 1, "m.xyz"),
        (["--overlay", "old.mkv"], 1, "exists already; -y replaces it"),
        (["--gain", "0"], 2, "gain: 0 is no good; give a number above 0"),
        (["--idle", "--idle-least", "nan"], 2, "idle-least: nan is no good"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    folder: Path, words: list[str], code: int, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("old.mkv").touch()
    features = [] if "--features" in words else list(PIXEL)
    fails(capfd, ["in.mkv", *features, *words], code, told)


@pytest.mark.parametrize("missing", ["matplotlib", "opentimelineio"])
def test_a_missing_library_is_named_with_its_cure(
    folder: Path, missing: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    for module in ("plot", "timeline"):
        hidden = f"vdiff_plugin.analysis.{module}.find_spec"
        monkeypatch.setattr(hidden, lambda name: None if name == missing else find(name))
    words = ["--plot", "p.png"] if missing == "matplotlib" else ["--scenes", "s.edl"]
    extra = "plot" if missing == "matplotlib" else "timeline"
    fails(capfd, ["in.mkv", *PIXEL, *words], 2, f"pip install 'vdiff-plugin[{extra}]'")


def test_a_clip_that_breaks_off_leaves_nothing(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = write_clip(Path("short.mp4"), codec="libx264").read_bytes()
    Path("short.mp4").write_bytes(whole[: len(whole) // 2])
    fails(capfd, ["short.mp4", *PIXEL, "--csv", "o.csv", "--mask", "m.mkv"], 1, "damaged")


@pytest.mark.ffmpeg
def test_ffmpeg_reads_the_mask_as_a_matte(folder: Path) -> None:
    assert main.run(["changes", "in.mkv", *PIXEL, "--mask", "m.mkv"]) == 0
    graph = "[0:v]format=yuv444p[a];[1:v]format=gray[m];[a][m]alphamerge"
    command = f"ffmpeg -v error -i in.mkv -i m.mkv -lavfi {graph} -c:v ffv1 out.mkv"
    subprocess.run(command.split(), check=True)
    assert count_frames(Path("out.mkv")) == 24
