"""What ffmpeg's own filters say of two clips: none of our code and another build of libav."""

from __future__ import annotations

import csv
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from host_adapters import media
from vdiff_plugin.frame import ClipInfo, Frame


def store(path: Path, frames: Iterator[Frame], clip: ClipInfo) -> Path:
    """Write a clip without loss."""
    return media.write_video(frames, path, clip=clip, encode=media.EncodeOptions(codec="ffv1"))


def read_stats(program: str, name: str, distorted: Path, reference: Path) -> list[dict[str, float]]:
    """What the filter `psnr` or `ssim` prints of each frame."""
    graph = f"[0:v][1:v]{name}=stats_file=-"
    done = _run(program, distorted, reference, graph)
    found = [dict(re.findall(r"([a-zA-Z_]+):([-\d.]+|inf)", line)) for line in done.splitlines()]
    return [{key: float(value) for key, value in line.items()} for line in found if line]


def read_vmaf(program: str, distorted: Path, reference: Path) -> list[float]:
    """What libvmaf gives each frame."""
    log = distorted.with_suffix(".csv")
    _run(program, distorted, reference, f"[0:v][1:v]libvmaf=log_fmt=csv:log_path={log}")
    with log.open(newline="") as file:
        return [float(row["vmaf"]) for row in csv.DictReader(file)]


def _run(program: str, distorted: Path, reference: Path, graph: str) -> str:
    # In plain C: FFmpeg's x86 code of SSIM goes wrong at widths such as 150.
    words = [program, "-loglevel", "error", "-cpuflags", "0", "-i", distorted, "-i", reference]
    words += ["-lavfi", graph, "-f", "null", "-"]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
