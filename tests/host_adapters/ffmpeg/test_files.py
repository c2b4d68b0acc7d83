"""Whole files through `vdiff ffmpeg`: with vdiff in the graph, and all else as it was."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from host_adapters.ffmpeg.main import run
from host_adapters.media import EncodeOptions, enhance, read_clip
from tests.clips import write_clip
from tests.host_adapters.ffmpeg.oracle import DEBIAN, comparable, framehash, make_clips, probed
from tests.host_adapters.media.test_ffprobe import hevc_hdr10, side_data
from vdiff_plugin.settings import Settings

pytestmark = pytest.mark.ffmpeg

_START_UP = 1.5  # seconds of processor time; 1 is the aim on a machine that is not busy


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    make_clips(folder)
    return folder


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the bundled libraries can answer."""
    monkeypatch.setenv("VDIFF_FFMPEG", "none")


def keys(path: Path) -> list[bytes]:
    return [frame.key for frame in read_clip(path).frames()]


@pytest.mark.parametrize("clip", ["plain.mkv", "ten.mkv", "grey.mkv", "late.mkv"])
def test_frames_are_those_of_enhance(clip: str, clips: Path, tmp_path: Path) -> None:
    enhance(
        clips / clip,
        tmp_path / "enhanced.mkv",
        settings=Settings.of(strength=0.7),
        encode=EncodeOptions(codec="ffv1"),
    )
    words = ["-i", str(clips / clip), "-vf", "vdiff=0.7", "-c:v", "ffv1", str(tmp_path / "o.mkv")]
    assert run(words) == 0
    assert keys(tmp_path / "o.mkv") == keys(tmp_path / "enhanced.mkv")


GRAPHS = [
    ("-vf", "vdiff=0.6,hflip"),
    ("-vf", "hflip,vdiff=strength=0.6,vflip"),
    ("-filter_complex", "[0:v]split[a][b];[a]vdiff=0.6[c];[b][c]hstack"),
    ("-filter_complex", "[0:v]vdiff_changes,hflip"),
    ("-vf", "vdiff=0.6,hflip,vdiff=0.3"),
    ("-vf", "vdiff=0.6,vdiff=0.3"),
    ("-vf", "vdiff=0.8:enable='between(n,3,5)'"),
    ("-vf", "trim=start_frame=2,vdiff=enable='between(t,0.16,0.24)'"),
    (
        "-filter_complex",
        "[0:v]split[a][b];[a]vdiff=0.6[c];[c]split[d][e];[b][d]hstack,vdiff=0.2[f];[f][e]hstack",
    ),
]


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph[1])
def test_both_ways_give_the_same(
    graph: tuple[str, str], clips: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = []
    for extra, way in (
        ((), "within this process"),
        (("-max_muxing_queue_size", "99"), "ffmpeg prog"),
    ):
        out = tmp_path / f"{len(found)}.txt"
        words = ["-v", "verbose", "-i", str(clips / "plain.mkv"), *graph, *extra]
        assert run([*words, "-f", "framehash", str(out)]) == 0
        assert way in capfd.readouterr().err
        found.append(comparable(out.read_text()))
    assert len(found[0]) > 12
    assert found[0] == found[1]


def test_a_filter_that_only_the_program_has(clips: Path, tmp_path: Path) -> None:
    words = ["-v", "error", "-i", str(clips / "plain.mkv"), "-vf", "vdiff=0,hqdn3d=2"]
    assert run([*words, "-f", "framehash", str(tmp_path / "o.txt")]) == 0
    theirs = framehash(DEBIAN, clips, ["-i", "plain.mkv", "-vf", "hqdn3d=2"])
    assert comparable((tmp_path / "o.txt").read_text()) == theirs


def test_times_of_a_varying_rate_survive_the_program(clips: Path, tmp_path: Path) -> None:
    words = ["-v", "error", "-i", str(clips / "vfr.mp4"), "-vf", "vdiff=0,hqdn3d=1"]
    out = tmp_path / "o.mkv"
    assert run([*words, "-fps_mode", "passthrough", "-enc_time_base", "-1", str(out)]) == 0
    want, got = (
        [float(each["pts_time"]) for each in probed(path, "-show_frames")["frames"]]
        for path in (clips / "vfr.mp4", out)
    )
    assert got == pytest.approx(want, abs=0.001)


@pytest.mark.usefixtures("inside")
def test_what_is_copied_stays(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    words = ["-i", str(clips / "film.mp4"), "-map", "0:v", "-map", "0:a", "-vf", "vdiff=0"]
    options = ["-c:a", "copy", "-c:v", "libx264", "-crf", "12", "-preset", "fast"]
    assert run([*words, *options, "-metadata", "comment=by hand", str(out)]) == 0
    want, got = (
        probed(path, "-show_streams", "-show_chapters", "-show_format", "-show_packets")
        for path in (clips / "film.mp4", out)
    )
    assert [each["tags"]["title"] for each in got["chapters"]] == ["One", "Two"]
    assert got["format"]["tags"]["title"] == "Film"
    assert got["format"]["tags"]["comment"] == "by hand"
    for name in ("codec_name", "duration", "nb_frames", "start_time", "r_frame_rate"):
        assert [s.get(name) for s in got["streams"][:2]] == [
            s.get(name) for s in want["streams"][:2]
        ]
    sound = [
        [(p["pts"], p["size"]) for p in each["packets"] if p["codec_type"] == "audio"]
        for each in (want, got)
    ]
    assert sound[0] == sound[1]


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_pixel_shape_and_colours_are_kept(suffix: str, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / f"o.{suffix}"
    assert run(["-i", str(clips / "h264.mp4"), "-vf", "vdiff=0", "-c:v", "libx264", str(out)]) == 0
    want, got = (probed(each, "-show_streams")["streams"][0] for each in (clips / "h264.mp4", out))
    for name in ("sample_aspect_ratio", "color_range", "color_space", "pix_fmt", "width"):
        assert got[name] == want[name]


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Two videos whose own streams do not say their shapes."""
    path = tmp_path / "wide.mkv"
    source = "testsrc2=s=64x48:d=0.4,format=yuv420p"
    graph = f"{source},setsar=16/11[a];{source},setsar=8/9[b]"
    words = ["-v", "error", "-filter_complex", graph, "-map", "[a]", "-map", "[b]", "-c:v", "ffv1"]
    subprocess.run(["ffmpeg", *words, str(path)], check=True)
    return path


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("words", [("mkv", "ffv1"), ("avi", "ffv1"), ("mp4", "libsvtav1")])
def test_a_shape_that_only_the_header_says_is_kept(
    words: tuple[str, str], wide: Path, tmp_path: Path
) -> None:
    suffix, codec = words
    out = tmp_path / f"o.{suffix}"
    second = "copy" if suffix == "mkv" else codec
    given = ["-filter:v:0", "vdiff=0", "-c:v:0", codec, "-c:v:1", second]
    assert run(["-i", str(wide), "-map", "0", *given, str(out)]) == 0
    found = probed(out, "-show_streams")["streams"]
    assert [each["sample_aspect_ratio"] for each in found] == ["16:11", "8:9"]


@pytest.mark.usefixtures("inside")
def test_a_shape_that_cannot_be_said_is_told(
    wide: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = ["-i", str(wide), "-vf", "vdiff=0", "-c:v", "mpeg2video", str(tmp_path / "o.ts")]
    assert run(words) == 0
    said = "[out] stream 0 lacks the shape of its pixels, 16:11, which mpegts files do not say of"
    assert said in caplog.text


@pytest.mark.parametrize("kind", ["nut", "matroska"])
def test_a_shape_is_kept_on_stdout(kind: str, wide: Path) -> None:
    vdiff = [sys.executable, "-m", "vdiff_plugin", "ffmpeg", "-v", "error", "-i", str(wide)]
    codec = "rawvideo" if kind == "nut" else "ffv1"
    words = [*vdiff, "-vf", "vdiff=0", "-c:v", codec, "-f", kind, "-"]
    environment = os.environ | {"VDIFF_FFMPEG": "none"}
    done = subprocess.run(words, env=environment, capture_output=True, check=True)
    assert not done.stderr
    shown = ["ffprobe", "-v", "warning", "-show_entries", "stream=sample_aspect_ratio", "-"]
    looked = subprocess.run(shown, input=done.stdout, capture_output=True, check=True)
    assert b"sample_aspect_ratio=16:11" in looked.stdout
    assert not looked.stderr


@pytest.mark.usefixtures("inside")
def test_hdr10_is_kept(tmp_path: Path) -> None:
    source = hevc_hdr10(tmp_path)
    out = tmp_path / "o.mkv"
    words = ["-i", str(source), "-vf", "vdiff=0", "-c:v", "libx265", "-x265-params"]
    assert run([*words, "log-level=none", str(out)]) == 0
    assert side_data(out) == side_data(source)


@pytest.mark.usefixtures("inside")
def test_a_timeline_switches_vdiff(clips: Path, tmp_path: Path) -> None:
    graph = "vdiff=enable='between(n,3,5)'"
    words = ["-i", str(clips / "plain.mkv"), "-vf", graph, "-c:v", "ffv1", str(tmp_path / "o.mkv")]
    assert run(words) == 0
    before, after = keys(clips / "plain.mkv"), keys(tmp_path / "o.mkv")
    assert [n for n in range(12) if before[n] != after[n]] == [3, 4, 5]


FAULTS: dict[str, tuple[int, str]] = {
    "-i plain.mkv -vf vdiff=3 o.mkv": (2, "[vdiff] strength: 3 is outside 0..1"),
    "-i plain.mkv -vf vdiff=frob=1 o.mkv": (2, "[vdiff] Option 'frob' not found"),
    "-i plain.mkv -vf vdiff=task=x o.mkv": (2, "no task 'x'"),
    "-i plain.mkv -vf setfield=tff,vdiff=0 o.mkv": (1, "is interlaced; put bwdif before vdiff"),
    "-i plain.mkv -vf nosuch o.mkv": (2, "No such filter: 'nosuch'"),
    "-i plain.mkv -vf scale=frob=1 o.mkv": (2, "[scale] "),
    "-i plain.mkv -frobnicate 1 o.mkv": (2, "option -frobnicate"),
    "-i nowhere.mkv o.mkv": (1, "nowhere.mkv: No such file"),
    "-i plain.mkv plain.mkv": (1, "plain.mkv: is the input"),
    "-i plain.mkv small.mkv": (1, "small.mkv: exists already"),
    "-i plain.mkv -map 0:a o.mkv": (2, "Stream map '0:a' matches no streams"),
    "-i plain.mkv -map 7 o.mkv": (2, "Invalid input file index"),
    "-i plain.mkv -filter_complex split[a][b] -map [a] o.mkv": (2, "unconnected"),
    "-i plain.mkv -ss x o.mkv": (2, "Invalid duration for option ss"),
    "-i plain.mkv -pix_fmt nope -c:v ffv1 o.mkv": (2, "Unknown pixel format requested: nope"),
    "-i plain.mkv -vf null": (2, "Trailing option(s) found: -vf null"),
    "-i plain.mkv": (2, "At least one output file"),
    "-i plain.mkv -vf": (2, "Missing argument for option 'vf'"),
    "-y -n -i plain.mkv o.mkv": (2, "both -y and -n"),
}


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("words", FAULTS)
def test_faults_are_one_line_and_leave_nothing(
    words: str, clips: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(clips)
    before = sorted(each.name for each in clips.iterdir())
    code, says = FAULTS[words]
    assert run(words.split()) == code
    out, err = capfd.readouterr()
    assert says in err
    assert (out, err.count("\n")) == ("", 1)
    assert sorted(each.name for each in clips.iterdir()) == before


def test_the_program_says_what_it_does_not_know(
    clips: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["-v", "error", "-i", str(clips / "plain.mkv"), "-frobnicate", "1", "-vf", "vdiff=0"]
    assert run([*words, str(tmp_path / "o.mkv")]) == 1
    assert "Unrecognized option 'frobnicate'" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("inside")
def test_progress_is_written(clips: Path, tmp_path: Path) -> None:
    words = ["-progress", str(tmp_path / "p.txt"), "-i", str(clips / "plain.mkv")]
    assert run([*words, "-f", "null", "-"]) == 0
    last = (tmp_path / "p.txt").read_text().split()
    assert "frame=12" in last
    assert last[-1] == "progress=end"


Start = Callable[..., "subprocess.Popen[bytes]"]


def test_an_interrupt_finishes_the_file(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=400, size=(320, 240))
    out = tmp_path / "out.mkv"
    words = ["-progress", "pipe:2", "-i", str(clip), "-vf", "vdiff", "-c:v", "ffv1", str(out)]
    with subprocess.Popen(
        [sys.executable, "-m", "vdiff_plugin", "ffmpeg", *words],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        for line in process.stderr:
            if line.startswith("frame=") and line.strip() != "frame=0":
                break
        process.send_signal(signal.SIGINT)
        process.stderr.read()
        assert process.wait(60) == 130
    assert 0 < len(read_clip(out)) < 400
    assert not [each for each in tmp_path.iterdir() if ".part" in each.name]


def test_frames_come_and_go_through_pipes(clips: Path) -> None:
    clip = (clips / "plain.mkv").read_bytes()
    words = ["-f", "matroska", "-i", "-", "-vf", "vdiff=0", "-f", "framehash", "-"]
    done = subprocess.run(
        [sys.executable, "-m", "vdiff_plugin", "ffmpeg", *words],
        input=clip,
        capture_output=True,
        env=os.environ | {"VDIFF_FFMPEG": "none"},
        check=True,
    )
    assert comparable(done.stdout.decode()) == framehash(DEBIAN, clips, ["-i", "plain.mkv"])


def test_start_up_is_quick(clips: Path) -> None:
    """Under a second of work before a model loads; how long it waits is the machine's affair."""
    words = ["ffmpeg", "-i", str(clips / "small.mkv"), "-vf", "vdiff=0", "-f", "null", "-"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "vdiff_plugin", *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent < _START_UP
