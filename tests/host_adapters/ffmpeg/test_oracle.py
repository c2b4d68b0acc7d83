"""Without vdiff in the graph, what comes out is what the real ffmpeg gives, frame by frame."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_adapters.ffmpeg.commandline import read_command_line
from host_adapters.ffmpeg.main import run
from host_adapters.ffmpeg.reach import beyond
from tests.host_adapters.ffmpeg.oracle import PROGRAMS, comparable, framehash, make_clips

pytestmark = pytest.mark.ffmpeg

PLAIN, TEN, H264, SMALL = "-i plain.mkv", "-i ten.mkv", "-i h264.mp4", "-i small.mkv"
CASES = {
    "no filter": PLAIN,
    "flip": f"{PLAIN} -vf hflip,vflip",
    "crop and pad": f"{PLAIN} -vf crop=32:16:4:8,pad=64:48:8:8",
    "transpose": f"{PLAIN} -vf transpose=1",
    "escaped": f"{PLAIN} -vf select=not(mod(n\\,2))",
    "quoted": f"{PLAIN} -vf select='between(n,2,5)'",
    "instances": f"{PLAIN} -vf negate@one,hflip@two",
    "trim": f"{PLAIN} -vf trim=start_frame=2:end_frame=7,setpts=PTS-STARTPTS",
    "setsar": f"{PLAIN} -vf setsar=4/3",
    "fps up": f"{PLAIN} -vf fps=50",
    "fps down": f"{PLAIN} -vf fps=10",
    "reverse": f"{PLAIN} -vf reverse",
    "loop": f"{PLAIN} -vf loop=loop=2:size=3:start=1",
    "tile": f"{PLAIN} -vf tile=2x2",
    "blend in time": f"{PLAIN} -vf tblend=all_mode=average",
    "median in time": f"{PLAIN} -vf tmedian=radius=1",
    "box blur": f"{PLAIN} -vf avgblur=2",
    "convolution": f"{PLAIN} -vf sobel",
    "lookup": f"{PLAIN} -vf lutyuv=y=negval",
    "extract": f"{PLAIN} -vf extractplanes=y",
    "ten bits": f"{TEN} -vf hflip",
    "ten bits, median": f"{TEN} -vf median=radius=1",
    "grey": "-i grey.mkv -vf negate",
    "packed rgb": "-i rgb.mkv -vf hflip",
    "pixel shape": f"{H264} -vf hflip",
    "rotation": "-i turned.mp4",
    "rotation kept out": "-noautorotate -i turned.mp4 -vf hflip",
    "late start": "-i late.mkv",
    "late start, filter": "-i late.mkv -vf hflip",
    "rate doubled": f"{PLAIN} -r 50",
    "rate lowered": f"{PLAIN} -r 10",
    "first frames": f"{PLAIN} -vf hflip -frames:v 4",
    "seek": "-ss 0.2 -i film.mp4 -an",
    "seek and length": "-ss 0.12 -t 0.2 -i film.mp4 -an -vf hflip",
    "output stretch": f"{PLAIN} -ss 0.08 -t 0.2",
    "output until": f"{PLAIN} -to 0.24 -vf vflip",
    "offset": f"-itsoffset 0.2 {PLAIN}",
    "overlay": f"{PLAIN} {SMALL} -filter_complex [0:v][1:v]overlay=8:4",
    "hstack": f"{PLAIN} {PLAIN} -filter_complex [0][1]hstack=inputs=2",
    "split": f"{PLAIN} -filter_complex split[a][b];[a]hflip[c];[c][b]vstack[o] -map [o]",
    "two outputs of a graph": f"{PLAIN} -filter_complex split[a][b] -map [b] -map [a]",
    "blend": f"{PLAIN} {PLAIN} -filter_complex [1]vflip[f];[0][f]blend=all_mode=average",
    "concat": f"{PLAIN} {PLAIN} -filter_complex [0][1]concat=n=2",
    "mask": f"{PLAIN} -filter_complex [0]split=3[a][b][m];[b]negate[n];[a][n][m]maskedmerge",
    "source": "-filter_complex color=c=red:s=32x16:r=25:d=0.2",
    "map of one stream": "-i film.mp4 -map 0:v",
    "map without sound": "-i film.mp4 -map 0 -map -0:a",
    "copies": "-i film.mp4 -c copy",
    "edit list": "-i edited.mp4 -map 0:v",
    "edit list and sound": "-i edited.mp4 -map 0 -c:a copy",
    "before zero": "-i negative.mp4 -map 0:v -vf hflip",
    "before zero, cut": "-ss 0.1 -i negative.mp4 -map 0:v",
    "first frames untimed": "-i untimed.mkv -map 0:v",
    "copied sound": "-i film.mp4 -map 0:v -map 0:a -vf hflip -c:a copy",
}

NEWER = {"loop", "convolution", "rate doubled", "rate lowered"}  # in which 5.1 differs from 9


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    make_clips(folder)
    return folder


@pytest.mark.parametrize("name", CASES)
def test_frames_are_those_of_ffmpeg(
    name: str, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = CASES[name].split()
    monkeypatch.chdir(clips)
    monkeypatch.setenv("VDIFF_FFMPEG", "none")  # nothing but the bundled libraries can answer
    assert not beyond(read_command_line([*words, "x.mkv"]))
    assert run([*words, "-f", "framehash", str(tmp_path / "ours.txt")]) == 0
    ours = comparable((tmp_path / "ours.txt").read_text())
    assert len(ours) > 8
    theirs = {version: framehash(program, clips, words) for version, program in PROGRAMS.items()}
    assert ours == theirs["static"]
    assert (ours == theirs["debian"]) is (name not in NEWER)
