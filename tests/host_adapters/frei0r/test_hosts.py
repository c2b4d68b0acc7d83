"""The plug-in in ffmpeg 5 and 9, melt and GStreamer: their frames are those of vdiff."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from host_adapters.frei0r.place import HERE
from host_adapters.media import EncodeOptions, enhance
from tests.host_adapters.frei0r.clips import (
    Picture,
    pictures,
    read_rgba,
    same,
    write_pictures,
    write_rgba,
)
from vdiff_plugin.settings import Settings

_STOCK = Path("/usr/lib/frei0r-1")
Enhanced = Callable[..., list[Picture]]
FFMPEGS = pytest.mark.parametrize("program", ["ffmpeg", imageio_ffmpeg.get_ffmpeg_exe()])


@pytest.fixture
def enhanced(tmp_path: Path) -> Enhanced:
    """The frames that `vdiff enhance` makes of a file."""

    def run(path: Path, **settings: object) -> list[Picture]:
        out = tmp_path / "enhanced.mkv"
        encode = EncodeOptions(codec="ffv1")
        enhance(path, out, settings=Settings.of(**settings), encode=encode, overwrite=True)
        return read_rgba(out)

    return run


@pytest.fixture(autouse=True)
def _strict(hosted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VDIFF_FREI0R_STRICT", "1")


def run(*words: str | Path, good: bool = True) -> str:
    """Run a host; what it says on stderr."""
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL, check=False
    )
    assert (done.returncode == 0) == good, done.stderr
    return done.stderr


def ffmpeg(program: str, clip: Path, filters: str, out: Path) -> list[Picture]:
    words = [program, "-nostdin", "-v", "error", "-y", "-i", clip, "-vf", filters]
    run(*words, "-pix_fmt", "bgra", "-c:v", "ffv1", out)
    return read_rgba(out)


def melt(clip: Path, out: Path, *words: str) -> str:
    consumer = ("-consumer", f"avformat:{out}", "vcodec=ffv1", "pix_fmt=bgra", "an=1", "-silent")
    return run("melt", clip, *words, *consumer, "real_time=-1", "mlt_image_format=rgba")


@pytest.mark.ffmpeg
@FFMPEGS
def test_ffmpeg_gives_the_frames_of_lookahead_0(
    program: str, clip: Path, tmp_path: Path, enhanced: Enhanced
) -> None:
    got = ffmpeg(program, clip, "frei0r=filter_name=vdiff:filter_params=0.6", tmp_path / "o.mkv")
    assert same(got, enhanced(clip, strength=0.6, lookahead=0))


@pytest.mark.ffmpeg
@FFMPEGS
def test_delayed_frames_are_those_of_enhance(
    program: str, clip: Path, tmp_path: Path, enhanced: Enhanced
) -> None:
    delayed = (
        "format=rgba,tpad=stop=2:color=black@0,"
        "frei0r=filter_name=vdiff:filter_params=0.8||quality|0.12|y,"
        "trim=start_frame=2,setpts=PTS-STARTPTS"
    )
    got = ffmpeg(program, clip, delayed, tmp_path / "o.mkv")
    assert same(got, enhanced(clip, strength=0.8, preset="quality", noise=12))


@pytest.mark.ffmpeg
def test_filter_scripts(clip: Path, tmp_path: Path, enhanced: Enhanced) -> None:
    script = tmp_path / "graph.txt"
    script.write_text("frei0r=filter_name=vdiff:filter_params=0.5", encoding="ascii")
    expected = enhanced(clip, strength=0.5, lookahead=0)
    options = {"ffmpeg": "-filter_script:v", imageio_ffmpeg.get_ffmpeg_exe(): "-/filter:v"}
    for program, option in options.items():
        out = tmp_path / "o.mkv"
        words = [program, "-nostdin", "-v", "error", "-y", "-i", clip, option, script]
        run(*words, "-pix_fmt", "bgra", "-c:v", "ffv1", out)
        assert same(read_rgba(out), expected)


@pytest.mark.ffmpeg
@pytest.mark.parametrize("size", [(8, 8), (34, 18), (162, 50)])
def test_any_size_in_ffmpeg_9(size: tuple[int, int], tmp_path: Path, enhanced: Enhanced) -> None:
    clip = write_rgba(tmp_path / "in.mkv", 3, size)
    program = imageio_ffmpeg.get_ffmpeg_exe()
    got = ffmpeg(program, clip, "frei0r=filter_name=vdiff", tmp_path / "o.mkv")
    assert same(got, enhanced(clip, lookahead=0))


@pytest.mark.ffmpeg
def test_ffmpeg_5_takes_other_sizes_padded(tmp_path: Path) -> None:
    """It reads rows as if they had no gaps; the documentation says how to go round that."""
    clip = write_rgba(tmp_path / "in.mkv", 3, (162, 50))
    inner = "frei0r=filter_name=vdiff:filter_params=0"
    padded = f"format=rgba,pad=ceil(iw/16)*16:ih,{inner},crop=162:50:0:0"
    assert same(ffmpeg("ffmpeg", clip, padded, tmp_path / "o.mkv"), read_rgba(clip))


@pytest.mark.ffmpeg
@pytest.mark.slow
def test_cinema_pictures_in_ffmpeg(tmp_path: Path, enhanced: Enhanced) -> None:
    clip = write_rgba(tmp_path / "in.mkv", 2, (4096, 2160))
    got = ffmpeg("ffmpeg", clip, "frei0r=filter_name=vdiff", tmp_path / "o.mkv")
    assert same(got, enhanced(clip, lookahead=0))


@pytest.mark.ffmpeg
def test_two_instances_of_two_sizes(clip: Path, tmp_path: Path) -> None:
    graph = (
        "split[a][b];[a]frei0r=filter_name=vdiff,crop=64:64:0:0[x];"
        "[b]crop=64:64:0:0,frei0r=filter_name=vdiff:filter_params=0[y];[x][y]hstack"
    )
    got = ffmpeg("ffmpeg", clip, graph, tmp_path / "o.mkv")
    source = read_rgba(clip)
    for each, old in zip(got, source, strict=True):
        assert np.array_equal(each[:, 64:], old[:, :64])
        assert not np.array_equal(each[:, :64], old[:, :64])


@pytest.mark.ffmpeg
def test_what_the_worker_refuses_ends_a_strict_host(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "frei0r=filter_name=vdiff:filter_params=1|paint"
    words = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", clip, "-vf", wrong]
    words += ["-pix_fmt", "bgra", "-c:v", "ffv1", tmp_path / "o.mkv"]
    said = run(*words, good=False)
    assert "vdiff: " in said
    assert "paint" in said
    monkeypatch.setenv("VDIFF_FREI0R_STRICT", "0")
    assert run(*words) == said
    assert same(read_rgba(tmp_path / "o.mkv"), read_rgba(clip))


@pytest.mark.mlt
def test_melt_gives_the_frames_of_lookahead_0(
    clip: Path, tmp_path: Path, enhanced: Enhanced
) -> None:
    melt(clip, tmp_path / "plain.mkv")
    melt(clip, tmp_path / "o.mkv", "-attach", "frei0r.vdiff", "strength=0.6", "preset=fast")
    expected = enhanced(tmp_path / "plain.mkv", strength=0.6, lookahead=0)
    assert same(read_rgba(tmp_path / "o.mkv"), expected)


@pytest.mark.mlt
def test_keyframes_move_the_strength(clip: Path, tmp_path: Path, enhanced: Enhanced) -> None:
    melt(clip, tmp_path / "plain.mkv")
    melt(clip, tmp_path / "o.mkv", "-attach", "frei0r.vdiff", "strength=0=0; 4=0.5")
    got = read_rgba(tmp_path / "o.mkv")
    for n, strength in {0: 0.0, 2: 0.25, 4: 0.5, 7: 0.5}.items():
        expected = enhanced(tmp_path / "plain.mkv", strength=strength, lookahead=0)
        assert np.array_equal(got[n], expected[n])


@pytest.mark.mlt
def test_the_project_with_keyframes(tmp_path: Path) -> None:
    shutil.copy(HERE / "editors" / "melt" / "keyframes.mlt", tmp_path)
    clip = write_rgba(tmp_path / "in.mkv", 6, (96, 64))
    run("melt", tmp_path / "keyframes.mlt", "-consumer", f"avformat:{tmp_path / 'out.mkv'}",
        "vcodec=ffv1", "pix_fmt=bgra", "an=1", "real_time=-1", "mlt_image_format=rgba")  # fmt: skip
    got, source = read_rgba(tmp_path / "out.mkv"), read_rgba(clip)
    pairs = zip(got, source, strict=True)
    moved = [float(np.abs(a.astype(int) - b)[..., :3].mean()) for a, b in pairs]
    assert moved[5] > moved[2] > moved[0]


@pytest.mark.mlt
def test_melt_bands_are_refused(tmp_path: Path) -> None:
    """Pictures that cannot be right are not made: a strict host ends, others get the source."""
    words = by_melt(tmp_path, "-1", "threads=0")
    assert "bands of the picture" in run(*words, good=False)


@pytest.mark.mlt
def test_melt_threads_are_refused(tmp_path: Path) -> None:
    words = by_melt(tmp_path, "-4")
    # On a busy machine the threads may take turns in order by chance; then pictures are right.
    assert any("spreads frames over threads" in run_to_any_end(*words) for _ in range(5))


def by_melt(folder: Path, threads: str, *options: str) -> list[str | Path]:
    clip = write_rgba(folder / "in.mkv", 40, (256, 128))
    words = ["melt", clip, "-attach", "frei0r.vdiff", *options]
    consumer = ["-consumer", f"avformat:{folder / 'o.mkv'}", "vcodec=ffv1", "an=1"]
    return [*words, *consumer, f"real_time={threads}", "-silent"]


def run_to_any_end(*words: str | Path) -> str:
    """What a host that may fail says: something if it fails, and nothing if it does not."""
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=200, stdin=subprocess.DEVNULL, check=False
    )
    assert (done.returncode != 0) == ("vdiff" in done.stderr), done.stderr
    return done.stderr


@pytest.mark.mlt
def test_melt_may_drop_frames_for_a_preview(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mkv"
    words = ["melt", clip, "-attach", "frei0r.vdiff", "-consumer", f"avformat:{out}"]
    run(*words, "vcodec=ffv1", "pix_fmt=bgra", "an=1", "real_time=1", "-silent")
    assert len(read_rgba(out)) == 8


@pytest.mark.gst
def test_gstreamer_gives_the_frames_of_lookahead_0(
    clip: Path, tmp_path: Path, enhanced: Enhanced
) -> None:
    raw = tmp_path / "in.rgba"
    raw.write_bytes(b"".join(each.tobytes() for each in read_rgba(clip)))
    line = (
        f"filesrc location={raw} ! rawvideoparse format=rgba width=96 height=64 framerate=25/1 ! "
        f"frei0r-filter-vdiff strength=0.6 ! filesink location={tmp_path / 'out.rgba'}"
    )
    run("gst-launch-1.0", "-q", *line.split())
    data = np.frombuffer((tmp_path / "out.rgba").read_bytes(), np.uint8)
    assert same(list(data.reshape(-1, 64, 96, 4)), enhanced(clip, strength=0.6, lookahead=0))


@pytest.mark.ffmpeg
def test_frames_without_alpha_all_over_stand_for_none(tmp_path: Path) -> None:
    """A transparent gap between two shots keeps them apart, and comes out as it is."""
    shown = pictures(6, (64, 48))
    shown[3] = np.zeros_like(shown[3])
    clip = write_pictures(tmp_path / "gap.mkv", shown)
    got = ffmpeg("ffmpeg", clip, "frei0r=filter_name=vdiff", tmp_path / "o.mkv")
    alone = write_pictures(tmp_path / "alone.mkv", shown[4:])
    after = ffmpeg("ffmpeg", alone, "frei0r=filter_name=vdiff", tmp_path / "p.mkv")
    assert not got[3].any()
    assert same(got[4:], after)
