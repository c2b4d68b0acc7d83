"""`vdiff compare` and `vdiff enhance --report` on real files."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from host_adapters.media import EncodeOptions, write_video
from tests.conftest import Vdiff
from tests.vdiff_plugin.pages.browser import Page, open_browser
from vdiff_plugin.cli import main
from vdiff_plugin.cli.footage import FileFootage, human_size
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.measure import measure_pairs, vmaf

SCENE = Scene(width=96, height=64, length=8)
LOSSLESS = EncodeOptions(codec="ffv1")


def write(name: str, numbers: list[int], sigma: float = 0, scene: Scene = SCENE) -> None:
    """Frames of a scene as a file of their own, without loss."""
    frames = (scene.noisy(n, sigma) if sigma else scene.clean(n) for n in numbers)
    write_video(frames, name, clip=scene.clip, encode=LOSSLESS)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with `ref.mkv`, and `mild.mkv` and `wild.mkv` with noise."""
    monkeypatch.chdir(tmp_path)
    for name, sigma in (("ref", 0), ("mild", 4), ("wild", 16)):
        write(f"{name}.mkv", list(range(SCENE.length)), sigma)
    return tmp_path


def data_of(path: str, name: str) -> Any:
    text = Path(path).read_text()
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text)
    assert found
    return json.loads(found[1])


def test_a_table_json_and_a_page(folder: Path, vdiff: Vdiff) -> None:
    words = ["compare", "ref.mkv", "mild.mkv", "wild.mkv", "--report", "r.html", "--json", "r.json"]
    done = vdiff(*words)
    assert (done.returncode, done.stderr) == (0, "")
    head, *rows = (line.split() for line in done.stdout.splitlines())
    assert head == ["clip", "psnr", "ssim", "vmaf", "flicker", "sharpness", "size", "kbit/s"]
    assert [row[0] for row in rows] == ["ref.mkv", "mild.mkv", "wild.mkv"]
    assert rows[0][1:4] == ["-", "-", "-"]
    assert float(rows[1][1]) > float(rows[2][1]) + 10
    told = json.loads(Path("r.json").read_text())
    assert [one["name"] for one in told["distorted"]] == ["mild.mkv", "wild.mkv"]
    mild = told["distorted"][0]
    pairs = ((SCENE.clean(n), SCENE.noisy(n, 4)) for n in range(SCENE.length))
    expected = measure_pairs(pairs, SCENE.clip, ["psnr", "ssim"])
    for name, series in expected.items():
        assert mild["values"][name] == pytest.approx(series, abs=1e-6)
    assert mild["values"]["flicker"][0] is None
    assert mild["summary"]["psnr"]["mean"] == pytest.approx(expected["psnr"].mean())
    assert mild["bytes"] == Path("mild.mkv").stat().st_size
    assert f"{mild['summary']['psnr']['mean']:.2f}" == rows[1][1]
    assert len(data_of("r.html", "viewer-data")["frames"]) == SCENE.length
    assert {one.name for one in folder.iterdir()} == {
        *("ref.mkv", "mild.mkv", "wild.mkv", "r.html", "r.json")
    }


def test_bitrate_is_that_of_the_video_alone(folder: Path) -> None:
    with av.open("mild.mkv") as container:
        held = sum(packet.size for packet in container.demux(video=0))
    weight = FileFootage(Path("mild.mkv")).weight
    assert weight.bitrate == round(8 * held * 25 / SCENE.length)
    assert weight.size > held


def test_sizes_read_as_people_write_them() -> None:
    assert [human_size(one) for one in (999, 1250, 5e6, 2e13)] == [
        *("999 bytes", "1.25 kB", "5 MB", "20 TB")
    ]


def test_pts_pairs_what_is_shown_at_one_time(folder: Path) -> None:
    times = [0, 1, 3, 4, 7]
    store_at(Path("holed.mkv"), times)
    words = ["compare", "ref.mkv", "holed.mkv", "--metrics", "psnr", "--json", "r.json"]
    assert main.run([*words, "--align", "pts", "--report", "r.html"]) == 0
    told = json.loads(Path("r.json").read_text())["distorted"][0]
    assert told["compared"] == [0, 1, None, 2, 3, None, None, 4]
    assert [n for n, x in enumerate(told["values"]["psnr"]) if x is not None] == times
    assert set(filter(None, told["values"]["psnr"])) == {100.0}
    assert "3 frames of the reference have no partner" in Path("r.html").read_text()


def store_at(path: Path, times: list[int]) -> None:
    """Clean frames `times`, each at the time it has in the scene."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = SCENE.width, SCENE.height, "yuv420p"
        stream.time_base = Fraction(1, 25)
        stream.codec_context.colorspace = stream.codec_context.color_range = 1
        for n in times:
            picture = av.VideoFrame(SCENE.width, SCENE.height, "yuv420p")
            for plane, samples in zip(picture.planes, SCENE.clean(n).planes, strict=True):
                rows = np.frombuffer(plane, np.uint8).reshape(plane.height, -1)
                rows[:, : samples.shape[1]] = samples
            picture.pts, picture.time_base = n, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["ref.mkv", "short.mkv"], 2, "short.mkv: 5 frames, but the reference has 8; give clips"),
        (["ref.mkv", "small.mkv"], 2, "small.mkv: 80x64 pixels, but the reference has 96x64; sca"),
        (["ref.mkv", "gone.mkv"], 1, "gone.mkv: "),
        (["ref.mkv", "mild.mkv", "--metrics", "psnr,ms"], 2, "no metric 'ms'; have flicker, psnr,"),
        (["ref.mkv", "mild.mkv", "--metrics", ","], 2, "no metric is named; give some of psnr,"),
        (["ref.mkv", "mild.mkv", "--align", "sound"], 2, "no alignment 'sound'; have index, pts"),
        (["ref.mkv", "mild.mkv", "--report", "no/r.html"], 1, "no/r.html: no folder no; make it"),
        (["ref.mkv", "mild.mkv", "--report", "old.html"], 1, "old.html: exists already; -y repl"),
        (["ref.mkv", "mild.mkv", "--json", "mild.mkv", "-y"], 1, "mild.mkv: is the input; give an"),
        (["ref.mkv", "mild.mkv", "--json", "r", "--report", "r"], 2, "r: one name for two results"),
        (["ref.mkv"], 2, "missing argument"),
    ],
)
def test_bad_input_is_one_line_before_any_work(
    folder: Path, words: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("short.mkv", list(range(5)))
    write("small.mkv", list(range(8)), scene=Scene(width=80, height=64, length=8))
    Path("old.html").write_text("mine")
    before = {one.name: one.read_bytes() for one in folder.iterdir()}
    assert main.run(["compare", *words]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"vdiff: {message}")
    assert told.err.count("\n") == 1
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == before


def test_a_folder_that_cannot_be_written_is_found_before_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = folder / "closed"
    closed.mkdir()
    closed.chmod(stat.S_IRUSR | stat.S_IXUSR)
    # The administrator may write anywhere; then say what the system would say to others.
    monkeypatch.setattr("vdiff_plugin.atomic.os.access", lambda path, mode: path != Path("closed"))
    assert main.run(["compare", "gone.mkv", "gone.mkv", "--report", "closed/r.html"]) == 1
    assert "closed/r.html: no permission to write in closed" in capsys.readouterr().err


def test_a_missing_libvmaf_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vmaf, "filters_available", set())
    assert main.run(["compare", "ref.mkv", "mild.mkv"]) == 2
    assert "VMAF needs libvmaf" in capsys.readouterr().err
    assert main.run(["compare", "ref.mkv", "mild.mkv", "--metrics", "ssim"]) == 0


def test_a_report_is_replaced_when_asked_and_names_are_told_apart(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "mild.mkv").rename(folder / "sub" / "ref.mkv")
    Path("r.html").write_text("old")
    words = ["compare", "ref.mkv", "sub/ref.mkv", "--metrics", "psnr", "--report", "r.html"]
    assert main.run([*words, "-y"]) == 0
    assert data_of("r.html", "viewer-data")["names"] == {
        "reference": "ref.mkv",
        "version0": "sub/ref.mkv",
    }


def test_enhance_reports_on_what_it_did(folder: Path) -> None:
    words = ["enhance", "wild.mkv", "out.mkv", "--codec", "ffv1", "--report", "r.html"]
    assert main.run([*words, "--start", "2", "--end", "5", "--strength", "0.5"]) == 0
    text = Path("r.html").read_text()
    assert "<dt>strength</dt><dd>0.5</dd>" in text
    plots = data_of("r.html", "plots-data")
    assert plots["length"] == 4
    assert plots["names"] == ["wild.mkv", "out.mkv"]
    assert plots["times"][0] == pytest.approx(2 / 25, abs=1e-3)
    flicker = next(one for one in plots["metrics"] if one["title"] == "Flicker")
    before, after = (np.array(line["mean"][1:]) for line in flicker["lines"])
    assert (after < before).all()


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--pix-fmt", "yuv444p"], "out.mkv: 4:4:4, but IN is 4:2:0; leave --report out"),
        (["--report", "out.mkv"], "out.mkv: one name for two results"),
        (["--report", "ref.mkv"], "ref.mkv: exists already"),
        (["--report", "gone/r.html"], "gone/r.html: no folder gone"),
    ],
)
def test_enhance_refuses_a_report_it_could_not_write(
    folder: Path, extra: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["enhance", "wild.mkv", "out.mkv", "--codec", "ffv1", "--report", "r.html", *extra]
    assert main.run(words) != 0
    assert message in capsys.readouterr().err
    assert not Path("out.mkv").exists()
    assert not Path("r.html").exists()


@pytest.fixture
def page() -> Iterator[Page]:
    with open_browser() as opened:
        yield opened


@pytest.mark.browser
def test_the_whole_way_from_the_command_to_the_screen(folder: Path, page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    words = ["compare", "ref.mkv", "wild.mkv", "--metrics", "psnr,flicker", "--report", "r.html"]
    assert main.run(words) == 0
    page.open(folder / "r.html")
    page.keys(".vv-divider", Keys.END)
    page.set_viewer(index=4, zoom=1)
    page.wait_for("document.querySelector('vdiff-viewer').dataset.shown === '4'")
    assert page.find(".vv-tag").text == "ref.mkv"
    spread = "ref.mkv shows the clean sky, wild.mkv a noisy one"
    clean = [page.pixel(0.46 + 0.01 * n, 0.46) for n in range(6)]
    page.keys(".vv-divider", Keys.HOME)
    noisy = [page.pixel(0.46 + 0.01 * n, 0.46) for n in range(6)]
    assert np.std(noisy, axis=0).max() > 2 * np.std(clean, axis=0).max(), spread
    assert page.messages() == []
