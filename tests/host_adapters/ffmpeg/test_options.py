"""Options of ffmpeg's command line beyond filters: what they do to files, beside the program."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from host_adapters.ffmpeg.main import run
from tests.host_adapters.ffmpeg.oracle import (
    DEBIAN,
    STATIC,
    comparable,
    framehash,
    make_clips,
    probed,
)
from tests.host_adapters.media.clips import Recipe, make_film

pytestmark = pytest.mark.ffmpeg


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    make_clips(folder)
    make_film(folder / "two.mkv", video=Recipe(frames=4), audio=("aac", "ac3"))
    (folder / "graph.txt").write_text("# comment\nhflip,\n vflip\n")
    (folder / "complex.txt").write_text("[0:v]split[a][b];\n# comment\n[a][b]hstack[out]\n")
    return folder


@pytest.fixture(autouse=True)
def inside(monkeypatch: pytest.MonkeyPatch, clips: Path) -> None:
    """Nothing but the bundled libraries can answer."""
    monkeypatch.setenv("VDIFF_FFMPEG", "none")
    monkeypatch.chdir(clips)


def both(words: str, folder: Path, program: str = STATIC, name: str = "o.mkv") -> list[Path]:
    """The same command line by the program and by us; gives theirs and ours."""
    theirs, ours = folder / f"theirs-{name}", folder / f"ours-{name}"
    command = [program, "-v", "error", "-nostdin", *words.split(), str(theirs)]
    subprocess.run(command, check=True, stderr=subprocess.PIPE)
    assert run([*words.split(), str(ours)]) == 0
    return [theirs, ours]


DISPOSITIONS = [
    "-i film.mp4 -map 0:v -map 0:a -c:a copy -c:v ffv1 -disposition:v 0 -disposition:a default",
    "-i two.mkv -map 0 -c:v ffv1 -c:a copy -disposition:a:0 0 -disposition:a:1 default+forced",
    "-i two.mkv -map 0:v -c:v ffv1 -disposition hearing_impaired",
]


@pytest.mark.parametrize("words", DISPOSITIONS)
def test_dispositions_are_theirs(words: str, tmp_path: Path) -> None:
    theirs, ours = (
        [each["disposition"] for each in probed(path, "-show_streams")["streams"]]
        for path in both(words, tmp_path)
    )
    assert ours == theirs


COLOURS = {
    "-color_range pc": ("color_range", "pc"),
    "-color_range tv -colorspace bt709": ("color_space", "bt709"),
    "-color_primaries bt2020": ("color_primaries", "bt2020"),
    "-color_trc smpte2084": ("color_transfer", "smpte2084"),
    "-chroma_sample_location topleft": ("chroma_location", "topleft"),
    "-colorspace 9": ("color_space", "bt2020nc"),
}


@pytest.mark.parametrize("options", COLOURS)
def test_colours_that_are_asked_for_are_written(options: str, tmp_path: Path) -> None:
    """They say what the pixels are and convert nothing, as in 5.1; 9 partly ignores them."""
    out = tmp_path / "o.mkv"
    assert run(f"-i small.mkv -c:v libx264 {options} {out}".split()) == 0
    name, value = COLOURS[options]
    assert probed(out, "-show_streams")["streams"][0][name] == value


def test_several_outputs(tmp_path: Path) -> None:
    """Each with its own filters, codec and stretch; one of them of two streams."""
    outs = [tmp_path / name for name in ("a.txt", "b.txt", "c.mkv")]
    words = ["-i", "film.mp4"]
    words += ["-map", "0:v", "-vf", "hflip", "-f", "framehash", str(outs[0])]
    words += ["-map", "0:v", "-vf", "vdiff=0,vflip", "-f", "framehash", str(outs[1])]
    words += ["-map", "0:a", "-map", "0:v", "-c:a", "copy", "-c:v", "ffv1", str(outs[2])]
    assert run(words) == 0
    for out, graph in ((outs[0], "hflip"), (outs[1], "vflip")):
        theirs = framehash(STATIC, Path.cwd(), ["-i", "film.mp4", "-map", "0:v", "-vf", graph])
        assert comparable(out.read_text()) == theirs
    kinds = [each["codec_name"] for each in probed(outs[2], "-show_streams")["streams"]]
    assert kinds == ["aac", "ffv1"]


GRAPHS = {
    "-i plain.mkv -lavfi [0:v]hflip[o] -map [o]": DEBIAN,
    "-i plain.mkv -filter_script:v graph.txt": DEBIAN,
    "-i plain.mkv -filter_complex_script complex.txt -map [out]": DEBIAN,
    "-i plain.mkv -/filter:v graph.txt": STATIC,
    "-i plain.mkv -/filter_complex complex.txt -map [out]": STATIC,
    "-skip_frame nokey -i film.mp4 -map 0:v": STATIC,
    "-threads 1 -flags2 +showall -i film.mp4 -map 0:v": STATIC,
    "-ignore_editlist 1 -i film.mp4 -map 0:v": STATIC,
}


@pytest.mark.parametrize("words", GRAPHS)
def test_the_ways_to_give_a_graph_and_inputs(words: str, tmp_path: Path) -> None:
    out = tmp_path / "o.txt"
    assert run([*words.split(), "-f", "framehash", str(out)]) == 0
    want = framehash(GRAPHS[words], Path.cwd(), _without_comments(words.split()))
    assert comparable(out.read_text()) == want


def _without_comments(words: list[str]) -> list[str]:
    """Scripts as the program takes them, which knows no comments."""
    for name in ("graph.txt", "complex.txt"):
        text = Path(name).read_text()
        lines = [each for each in text.splitlines() if not each.startswith("#")]
        Path(f"plain-{name}").write_text("\n".join(lines))
    return [f"plain-{each}" if each.endswith(".txt") else each for each in words]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("-c:v ffv1 -i plain.mkv", "-c of an input"),
        ("-r 10 -i plain.mkv", "-r of an input"),
        ("-frobnicate 1 -i plain.mkv", "option -frobnicate"),
    ],
)
def test_what_is_not_done_here_is_never_ignored(
    words: str, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run([*words.split(), str(tmp_path / "o.mkv")]) == 2
    assert f"{reason} needs the ffmpeg program" in capfd.readouterr().err


def test_stats_are_one_line_that_ends(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["-stats", "-i", "plain.mkv", "-f", "null", "-"]) == 0
    said = capfd.readouterr().err
    assert said.startswith("frame=   12 fps=")
    assert said.endswith("B\n")
    assert run(["-nostats", "-i", "plain.mkv", "-f", "null", "-"]) == 0
    assert capfd.readouterr().err == ""
