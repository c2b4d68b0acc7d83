"""`vdiff ffmpeg` and `vdiff pipe` beside plain ffmpeg, and vdiff beside ffmpeg's own denoisers.

python -m tests.benchmarks.ffmpeg [--size 1920x1080] [--frames 240] [--memory 2000] [--denoisers]
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from host_adapters.media import EncodeOptions, write_video
from tests.benchmarks.footage import noisy_clip
from tests.benchmarks.machine import describe, load
from vdiff_plugin.cli.scene import Scene

_SIGMA = 12.0  # 8-bit codes
_VDIFF = f"{shlex.quote(sys.executable)} -m vdiff_plugin"
_FFMPEG = "ffmpeg -v error -nostdin"
_DENOISERS = {  # each over its own range of strength; the best PSNR counts
    "hqdn3d": [f"hqdn3d={s}" for s in (2, 4, 8, 12, 16)],
    "nlmeans": [f"nlmeans=s={s}" for s in (2, 4, 6, 9)],
    "bm3d": [f"bm3d=sigma={s}" for s in (4, 8, 12, 16)],
    "atadenoise": [f"atadenoise=0a={a}:0b={2 * a}:1a={a}:1b={2 * a}" for a in (0.05, 0.1, 0.2)],
    "fftdnoiz": [f"fftdnoiz=sigma={s}" for s in (4, 8, 12, 16)],
    "vaguedenoiser": [f"vaguedenoiser=threshold={s}" for s in (3, 6, 9, 14)],
    "owdenoise": [f"owdenoise=ls={s}:cs={s}" for s in (4, 8, 14, 20)],
    "vdiff fast": ["vdiff=preset=fast"],
    "vdiff quality": ["vdiff=preset=quality"],
}


def main() -> None:
    """Print what was asked for as Markdown tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--memory", type=int, default=0, metavar="FRAMES")
    parser.add_argument("--denoisers", action="store_true")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{describe()}, load {load()}\n")
        clip = noisy_clip(folder / "in.mp4", width, height, given.frames)
        speed(clip, given.frames)
        if given.memory:
            memory(folder, given.memory)
        if given.denoisers:
            denoisers(folder, width, height, given.frames)


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


def denoisers(folder: Path, width: int, height: int, frames: int) -> None:
    """PSNR, VMAF and speed of each at its best setting, on one clip with known truth."""
    scene = Scene(width=width, height=height, length=frames)
    lossless = EncodeOptions(codec="ffv1")
    clean, noisy = folder / "clean.mkv", folder / "noisy.mkv"
    write_video(map(scene.clean, range(frames)), clean, clip=scene.clip, encode=lossless)
    drawn = (scene.noisy(n, _SIGMA) for n in range(frames))
    write_video(drawn, noisy, clip=scene.clip, encode=lossless)
    print("| filter | best setting | PSNR dB | VMAF | fps |\n|---|---|---|---|---|")
    for name, settings in _DENOISERS.items():
        best = max(_tried(noisy, clean, settings, folder, frames))
        print(f"| {name} | `{best[3]}` | {best[0]:.2f} | {best[1]:.1f} | {best[2]:.1f} |")


def _tried(
    noisy: Path, clean: Path, settings: list[str], folder: Path, frames: int
) -> Iterator[tuple[float, float, float, str]]:
    program = f"{_VDIFF} ffmpeg -v error" if settings[0].startswith("vdiff") else _FFMPEG
    out = folder / "out.mkv"
    for setting in settings:
        seconds = _seconds(f"{program} -i {noisy} -vf {setting} -c:v ffv1 -y {out}")
        yield (*_quality(out, clean), frames / seconds, setting)


def _quality(out: Path, clean: Path) -> tuple[float, float]:
    """PSNR of luma and VMAF, by the libraries that PyAV has."""
    graph = "[0:v]split[a][b];[1:v]split[c][d];[a][c]psnr[p];[b][d]libvmaf[v]"
    import imageio_ffmpeg

    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-i", str(out), "-i", str(clean)]
    words += ["-filter_complex", graph, "-map", "[p]", "-map", "[v]", "-f", "null", "-"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    psnr, vmaf = re.search(r"PSNR y:([\d.]+)", said), re.search(r"VMAF score: ([\d.]+)", said)
    if psnr is None or vmaf is None:
        raise RuntimeError(said[-500:])
    return float(psnr[1]), float(vmaf[1])


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
