"""The frei0r plug-in in ffmpeg: what it costs at strength 0, and how fast it restores.

python -m tests.benchmarks.frei0r [--size 1920x1080] [--frames 120] [--runs 3]

The cost is beside `brightness` of frei0r-plugins, a stock filter. Restoring is beside
`vdiff enhance --preset fast` on the same lossless RGBA clip; both start from nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from host_adapters.frei0r.hosts import search_path
from host_adapters.frei0r.place import place_plugin
from tests.benchmarks.footage import noisy_clip
from tests.benchmarks.machine import describe, load

_FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-y")


def main() -> None:
    """Print two Markdown tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in place_plugin(folder):
            pass
        os.environ["FREI0R_PATH"] = ":".join(map(str, (folder, *search_path())))
        os.environ["VDIFF_FREI0R_STRICT"] = "1"
        print(f"{describe()}, load {load()}\n")
        print_overhead(given.size, given.frames, given.runs)
        print_throughput(folder, given.size, given.frames, given.runs)


def print_overhead(size: str, frames: int, runs: int) -> None:
    """What a filter that changes nothing adds to a run, in ms a frame."""
    source = f"color=gray:size={size}:rate=25,format=rgba"
    words = (*_FFMPEG, "-f", "lavfi", "-i", source, "-frames:v", str(frames), "-vf")
    filters = {
        "none": "null",
        "brightness": "frei0r=filter_name=brightness:filter_params=0.5",
        "vdiff, strength 0": "frei0r=filter_name=vdiff:filter_params=0",
    }
    spent = {
        name: seconds([*words, text, "-f", "null", "-"], runs) for name, text in filters.items()
    }
    print("| filter | ms a frame | added |\n|---|---|---|")
    for name, whole in spent.items():
        added = (whole - spent["none"]) / frames * 1000
        print(f"| {name} | {whole / frames * 1000:.2f} | {added:.2f} |")
    times = (spent["vdiff, strength 0"] - spent["none"]) / (spent["brightness"] - spent["none"])
    print(f"\nvdiff adds {times:.2f} times what brightness adds\n")


def print_throughput(folder: Path, size: str, frames: int, runs: int) -> None:
    """Frames a second of the plug-in and of `vdiff enhance`."""
    width, height = map(int, size.split("x"))
    clip, out = folder / "in.mkv", folder / "out.mkv"
    noisy = noisy_clip(folder / "noisy.mp4", width, height, frames)
    lossless = ("-pix_fmt", "bgra", "-c:v", "ffv1", "-slices", "16")
    subprocess.run([*_FFMPEG, "-i", noisy, *lossless, clip], check=True)
    enhance = (sys.executable, "-m", "vdiff_plugin", "enhance", clip, out, "-y")
    jobs: dict[str, Sequence[str | Path]] = {
        "vdiff enhance": [*enhance, "--preset", "fast", "--codec", "ffv1", "--progress", "none"],
        "frei0r in ffmpeg": [
            *(*_FFMPEG, "-i", clip, "-vf", "frei0r=filter_name=vdiff"),
            *(*lossless, out),
        ],
    }
    spent = {name: seconds(words, runs) for name, words in jobs.items()}
    print("| job | frames a second |\n|---|---|")
    for name, whole in spent.items():
        print(f"| {name} | {frames / whole:.2f} |")
    share = spent["vdiff enhance"] / spent["frei0r in ffmpeg"]
    print(f"\nthe plug-in has {100 * share:.0f} % of the speed of vdiff enhance")


def seconds(words: Sequence[str | Path], runs: int) -> float:
    """The median time of a command."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()
