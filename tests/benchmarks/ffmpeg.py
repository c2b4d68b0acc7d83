"""`vdiff ffmpeg` and `vdiff pipe` beside plain ffmpeg.

python -m tests.benchmarks.ffmpeg [--size 1920x1080] [--frames 240] [--memory 2000]
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.footage import noisy_clip
from tests.benchmarks.machine import describe, load

_VDIFF = f"{shlex.quote(sys.executable)} -m vdiff_plugin"
_FFMPEG = "ffmpeg -v error -nostdin"


def main() -> None:
    """Print what was asked for as Markdown tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--memory", type=int, default=0, metavar="FRAMES")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{describe()}, load {load()}\n")
        clip = noisy_clip(folder / "in.mp4", width, height, given.frames)
        speed(clip, given.frames)
        if given.memory:
            memory(folder, given.memory)


def speed(clip: Path, frames: int) -> None:
    """Strength 0: what the way itself costs."""
    ways = {
        "ffmpeg": f"{_FFMPEG} -i {clip} -vf format=yuv420p,copy -f null -",
        "vdiff ffmpeg": f"{_VDIFF} ffmpeg -v error -i {clip} -vf vdiff=0 -f null -",
        "vdiff pipe": f"{_FFMPEG} -i {clip} -f yuv4mpegpipe - | {_VDIFF} pipe --strength 0 "
        f"| {_FFMPEG} -i - -f null -",
    }
    taken = {name: min(_seconds(command) for _ in range(3)) for name, command in ways.items()}
    print("| way | seconds | fps | of ffmpeg |\n|---|---|---|---|")
    for name, seconds in taken.items():
        share = taken["ffmpeg"] / seconds
        print(f"| {name} | {seconds:.2f} | {frames / seconds:.1f} | {share:.0%} |")
    short = f"{_VDIFF} ffmpeg -v error -i {clip} -vf vdiff=0 -frames:v 1 -f null -"
    print(f"\nStart-up with one frame: {min(_seconds(short) for _ in range(3)):.2f} s\n")


def memory(folder: Path, frames: int) -> None:
    """Peak memory of a tenth of the frames and of all."""
    print("| frames | peak MB |\n|---|---|")
    for count in (frames // 10, frames):
        clip = noisy_clip(folder / f"long{count}.mp4", 320, 180, count)
        command = f"{_VDIFF} ffmpeg -v error -i {clip} -vf vdiff=0 -f null -"
        print(f"| {count} | {_peak(command):.0f} |")
    print()


def _seconds(command: str) -> float:
    begun = time.monotonic()
    subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)
    return time.monotonic() - begun


def _peak(command: str) -> float:
    """Megabytes of resident memory at its largest."""
    with subprocess.Popen(["bash", "-c", f"exec {command}"]) as process:
        most = 0
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status")
            found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
            most = max(most, int(found[1]) if found else 0)
            time.sleep(0.05)
    return most / 1000


if __name__ == "__main__":
    main()
