"""The way through the ffmpeg program, on both versions: nothing is lost on either pipe."""

from __future__ import annotations

import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest

from host_adapters.ffmpeg.commandline import read_command_line
from host_adapters.ffmpeg.main import run
from host_adapters.ffmpeg.program import run_program
from host_adapters.media import read_clip
from host_adapters.media.shapes import write_shapes
from tests.clips import write_clip
from tests.host_adapters.ffmpeg.oracle import PROGRAMS, comparable, framehash, make_clips, probed
from tests.host_adapters.media.clips import Recipe, make, make_film
from tests.host_adapters.media.test_ffprobe import hevc_hdr10
from tests.vdiff_plugin.chain import MeanOptions, MeanStage, engine_with, plugin
from vdiff_plugin.contracts import Services
from vdiff_plugin.frame import ClipInfo
from vdiff_plugin.settings import Settings

pytestmark = pytest.mark.ffmpeg

COLOURS = ("color_range", "color_space", "color_transfer", "color_primaries", "chroma_location")
OUTSIDE = ("-max_muxing_queue_size", "99")  # an option that only the program knows
BT2020 = {"colorspace": 9, "color_primaries": 9, "color_trc": 14, "color_range": 1}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    make_clips(folder)
    return folder


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each version of ffmpeg in turn is the one that vdiff drives."""
    path = PROGRAMS[request.param]
    monkeypatch.setenv("VDIFF_FFMPEG", path)
    return path


def run_outside(capfd: pytest.CaptureFixture[str], *words: str | Path) -> None:
    code = run(["-v", "verbose", *map(str, words)])
    said = capfd.readouterr().err
    assert code == 0, said
    assert "through the ffmpeg program" in said


def first_frame(path: Path) -> list[dict[str, str]]:
    """HDR metadata of the first frame, as its bitstream has it."""
    words = ("-show_frames", "-select_streams", "v:0", "-read_intervals", "%+#1")
    found = probed(path, *words)["frames"][0].get("side_data_list", [])
    kinds = ("Mastering display metadata", "Content light level metadata")
    return sorted(
        (each for each in found if each["side_data_type"] in kinds),
        key=lambda each: str(each["side_data_type"]),
    )


def colours(path: Path) -> list[str | None]:
    stream = probed(path, "-show_streams", "-select_streams", "v:0")["streams"][0]
    return [stream.get(name) for name in COLOURS]


@pytest.mark.usefixtures("program")
def test_hdr10_goes_beside_the_frames(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source, out = hevc_hdr10(tmp_path), tmp_path / "o.mkv"
    words = ("-i", source, "-vf", "vdiff=0,hqdn3d=1", *OUTSIDE, "-c:v", "libx265")
    run_outside(capfd, *words, "-x265-params", "log-level=none", out)
    assert len(first_frame(source)) == 2
    assert first_frame(out) == first_frame(source)
    assert colours(out) == colours(source)
    assert read_clip(out).info.format.bits == 10


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("graph", ["vdiff=0,hflip", "hflip,vdiff=0,vflip,vdiff=0"])
def test_the_shape_of_pixels_goes_through_the_pipes(
    graph: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, out = make(tmp_path / "in.mkv", codec="ffv1"), tmp_path / "o.mkv"
    assert write_shapes(source, "matroska", {0: Fraction(16, 11)}) == {}
    run_outside(capfd, "-i", source, "-vf", graph, *OUTSIDE, "-c:v", "ffv1", out)
    assert probed(out, "-show_streams")["streams"][0]["sample_aspect_ratio"] == "16:11"


def test_a_graph_that_may_leave_hdr_gets_no_metadata(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, out = hevc_hdr10(tmp_path), tmp_path / "o.mkv"
    graph = "vdiff=0,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    words = ("-i", source, "-vf", graph, *OUTSIDE, "-c:v", "libx265")
    run_outside(capfd, *words, "-x265-params", "log-level=none", out)
    assert first_frame(out) == []


def test_colours_are_seen_and_kept(tmp_path: Path, program: str) -> None:
    """A stage is opened with the matrix and range of the tags, not with a guess by size.

    What comes out has the colours that the program itself gives; ffmpeg 9 makes FFV1 limited.
    """
    source, out, plain = (tmp_path / name for name in ("in.mkv", "o.mkv", "plain.mkv"))
    make(source, codec="ffv1", frames=3, tags=BT2020 | {"color_range": 2})
    seen: list[ClipInfo] = []

    def open_noting(
        clip: ClipInfo, settings: Settings, options: dict[str, str], services: Services
    ) -> MeanStage:
        seen.append(clip)
        return MeanStage(clip, MeanOptions.read("stage", options))

    words = ["-v", "error", "-i", str(source), "-vf", "hflip,vdiff=stages=noting", "-c:v", "ffv1"]
    with engine_with(plugin(vdiff_stages=lambda: {"noting": open_noting})) as engine:
        assert run_program(read_command_line([*words, str(out)]), "the test", engine) == 0
    assert [(each.matrix, each.full_range) for each in seen] == [("bt2020", True)]
    ending = ["-i", str(source), "-vf", "hflip", "-c:v", "ffv1", str(plain)]
    subprocess.run([program, "-v", "error", "-nostdin", *ending], check=True)
    assert colours(out) == colours(plain)


def test_tags_that_a_filter_changed_are_those_that_count(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], program: str
) -> None:
    make(tmp_path / "in.mkv", codec="ffv1", frames=2, tags=BT2020)
    out, graph = tmp_path / "o.mkv", "setparams=colorspace=smpte240m,vdiff=0"
    run_outside(capfd, "-i", tmp_path / "in.mkv", "-vf", graph, *OUTSIDE, "-c:v", "ffv1", out)
    assert colours(out)[1:4] == ["smpte240m", "bt2020-10", "bt2020"]


TIMES = ("vfr.mp4", "late.mkv", "film.mp4", "h264.mp4", "edited.mp4", "negative.mp4")


@pytest.mark.parametrize("clip", TIMES)
def test_times_are_those_of_plain_ffmpeg(
    clip: str, clips: Path, tmp_path: Path, program: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Frames and their times, to the tick, as the same program gives them without vdiff."""
    out = tmp_path / "o.txt"
    words = ["-i", clip, "-map", "0:v"]
    ticks = "-1" if program == PROGRAMS["debian"] else "filter"
    ending = ["-fps_mode", "passthrough", "-enc_time_base", ticks, "-f", "framehash"]
    source = ["-i", str(clips / clip), "-map", "0:v"]
    run_outside(capfd, *source, "-vf", "vdiff=0,hqdn3d=1", *ending, out)
    theirs = framehash(program, clips, [*words, "-vf", "hqdn3d=1", *ending[:-2]])
    assert seconds(comparable(out.read_text())) == seconds(theirs)


def seconds(lines: list[str]) -> list[tuple[float, str]]:
    """When each frame is shown, and its hash: time bases may differ, times may not."""
    base = next(each.split(":")[1] for each in lines if each.startswith("#tb"))
    above, below = map(int, base.split("/"))
    rows = [each.split(",") for each in lines if not each.startswith("#")]
    return [(round(int(row[2]) * above / below, 4), row[-1].strip()) for row in rows]


def test_files_end_at_the_same_time(
    clips: Path, tmp_path: Path, program: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """-shortest, with sound that is copied."""
    film = clips / "whole.mp4"
    for name, graph in (("ours", "vdiff=0,hqdn3d=1"), ("theirs", "hqdn3d=1")):
        words = ["-i", str(film), "-stream_loop", "3", "-i", str(film), "-map", "0:v"]
        words += ["-map", "1:a", "-vf", graph, "-c:a", "copy", "-shortest"]
        words += ["-c:v", "ffv1", str(tmp_path / f"{name}.mkv")]
        if name == "ours":
            run_outside(capfd, *words)
        else:
            subprocess.run([program, "-v", "error", *words], check=True)
    ours, theirs = (
        [
            (each["stream_index"], each["pts_time"])
            for each in probed(tmp_path / f"{name}.mkv", "-show_packets")["packets"]
            if each["stream_index"] == 0
        ]
        for name in ("ours", "theirs")
    )
    assert ours == theirs
    lengths = [
        float(probed(tmp_path / f"{name}.mkv", "-show_format")["format"]["duration"])
        for name in ("ours", "theirs")
    ]
    assert lengths[0] == pytest.approx(lengths[1], abs=0.2)


def test_labels_are_mapped(
    clips: Path, tmp_path: Path, program: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two labels of one graph into two outputs, one of them behind vdiff."""
    graph = "[0:v]split[a][b];[a]hflip,vdiff=0[clean];[b]vflip[flipped]"
    outs = [tmp_path / "a.txt", tmp_path / "b.txt"]
    run_outside(
        capfd,
        *("-i", clips / "plain.mkv", "-filter_complex", graph, *OUTSIDE),
        *("-map", "[clean]", "-f", "framehash", outs[0]),
        *("-map", "[flipped]", "-f", "framehash", outs[1]),
    )
    for out, filter_ in zip(outs, ("hflip", "vflip"), strict=True):
        theirs = framehash(program, clips, ["-i", "plain.mkv", "-vf", filter_])
        assert comparable(out.read_text()) == theirs


def test_every_video_of_an_output_is_filtered(
    clips: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], program: str
) -> None:
    words = ["-i", str(clips / "plain.mkv"), "-map", "0:v", "-map", "0:v"]
    out = tmp_path / "o.txt"
    run_outside(capfd, *words, "-vf", "vdiff=0,hflip", *OUTSIDE, "-f", "framehash", out)
    assert comparable(out.read_text()) == framehash(program, clips, [*words, "-vf", "hflip"])


def test_what_is_said_of_a_stream_stays(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], program: str
) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "o.mkv"
    make_film(tmp_path / "film.mkv", video=Recipe(frames=4))
    words = ["-i", str(tmp_path / "film.mkv"), "-map", "0", "-c", "copy"]
    tags = ["-metadata:s:v", "language=deu", "-disposition:v", "default+forced"]
    subprocess.run([program, "-v", "error", *words, *tags, str(source)], check=True)
    run_outside(capfd, "-i", source, "-vf", "vdiff=0,hqdn3d=1", "-c:a", "copy", out)
    before, after = (probed(each, "-show_streams")["streams"][0] for each in (source, out))
    assert after["tags"]["language"] == "deu"
    assert after["disposition"] == before["disposition"]


def test_an_input_that_is_read_once_is_refused(
    clips: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["-i", "-", *OUTSIDE, "-vf", "vdiff", str(tmp_path / "o.mkv")]) == 2
    assert "Input - can be read once only" in capfd.readouterr().err


def test_an_early_end_is_quiet(
    clips: Path, tmp_path: Path, program: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The programs in front must not complain that nobody wants the rest."""
    words = ["-v", "error", "-i", str(clips / "plain.mkv"), "-vf", "vdiff=0,hqdn3d=1"]
    assert run([*words, "-frames:v", "2", "-f", "framehash", str(tmp_path / "o.txt")]) == 0
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_finishes_the_file(tmp_path: Path, program: str) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=400, size=(320, 240))
    out = tmp_path / "out.mkv"
    words = ["-progress", "pipe:2", "-stats_period", "0.1", "-i", str(clip)]
    words += ["-vf", "vdiff,hqdn3d=1", "-c:v", "ffv1", str(out)]
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
    with av.open(str(out)) as container:
        assert 0 < sum(1 for _ in container.decode(video=0)) < 400
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.mkv", "out.mkv"]


def test_pictures_in_files_of_their_own(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mkv", codec="ffv1", frames=5)
    graph = ["-i", str(source), "-vf", "vdiff=0"]
    assert run([*graph, str(tmp_path / "p%02d.png")]) == 0
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        f"p0{n}.png" for n in range(1, 6)
    ]
