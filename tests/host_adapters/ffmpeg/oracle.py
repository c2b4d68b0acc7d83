"""The real ffmpeg programs, of two versions, and one small set of clips."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio_ffmpeg

from tests.clips import write_clip
from tests.host_adapters.media.clips import Recipe, make, make_film

DEBIAN = shutil.which("ffmpeg") or "ffmpeg"
STATIC = imageio_ffmpeg.get_ffmpeg_exe()
PROGRAMS = {"debian": DEBIAN, "static": STATIC}


def make_clips(folder: Path) -> None:
    """Everything the graphs read, at most 12 frames each."""
    write_clip(folder / "plain.mkv", frames=12)
    write_clip(folder / "small.mkv", frames=8, size=(32, 24))
    make(folder / "ten.mkv", codec="ffv1", pix_fmt="yuv422p10le", frames=8)
    make(folder / "grey.mkv", codec="ffv1", pix_fmt="gray", frames=6)
    make(folder / "rgb.mkv", codec="ffv1", pix_fmt="bgr0", frames=6)
    sar = {"sample_aspect_ratio": Fraction(4, 3), "colorspace": 1, "color_range": 1}
    make(folder / "h264.mp4", tags=sar, frames=12, time_base=Fraction(1, 12800))
    make(folder / "turned.mp4", rotation=90, frames=6, time_base=Fraction(1, 12800))
    times = [0, 512, 700, 1536, 4000, 4010]
    make(folder / "vfr.mp4", pts=times, time_base=Fraction(1, 12800), frames=6)
    later = [n * 40 + 200 for n in range(8)]
    make(folder / "late.mkv", pts=later, time_base=Fraction(1, 1000), frames=8, codec="ffv1")
    film = Recipe(frames=12, time_base=Fraction(1, 12800), options={"g": "4"})
    make_film(folder / "film.mp4", video=film, chapters=True, metadata={"title": "Film"})
    _make_shifted(folder)


def _make_shifted(folder: Path) -> None:
    """An edit list that begins within the stream, and times below zero."""
    whole = Recipe(frames=12, time_base=Fraction(1, 12800), options={"g": "12", "bf": "2"})
    make_film(folder / "whole.mp4", video=whole)
    earlier = ["-output_ts_offset", "-0.1", "-avoid_negative_ts", "disabled"]
    for words in (
        ["-ss", "0.2", "-i", "whole.mp4", "-c", "copy", "edited.mp4"],
        ["-i", "whole.mp4", "-c", "copy", *earlier, "negative.mp4"],
        ["-i", "whole.mp4", "-c", "copy", *earlier, "untimed.mkv"],  # has no times below zero
    ):
        subprocess.run([STATIC, "-v", "error", "-y", *words], cwd=folder, check=True)


def framehash(program: str, folder: Path, words: Sequence[str]) -> list[str]:
    """The lines of a program's `-f framehash`."""
    command = [program, "-v", "error", "-nostdin", *words, "-f", "framehash", "-"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return comparable(done.stdout)


def probed(path: Path, *what: str) -> Any:
    """What ffprobe says of a file."""
    words = [shutil.which("ffprobe") or "ffprobe", "-v", "error", "-of", "json", *what, str(path)]
    return json.loads(subprocess.run(words, capture_output=True, check=True).stdout)


def comparable(text: str) -> list[str]:
    """The lines that say something of the video, not of who wrote it."""
    return [each for each in text.splitlines() if not each.startswith("#software")]
