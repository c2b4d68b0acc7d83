"""Peak memory of one `vdiff enhance`, and of networks, each in a process of its own.

python -m tests.benchmarks.memory IN OUT PRESET       prints kilobytes
python -m tests.benchmarks.memory --network BACKEND   prints `bytes_a_channel` of its networks
"""

from __future__ import annotations

import gc
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.vdiff_plugin.networks import random_fusion
from vdiff_plugin.cli import main
from vdiff_plugin.contracts import Change, Doubling
from vdiff_plugin.engine import Engine
from vdiff_plugin.model.presets import PRESETS, UPSCALERS, UPSCALING
from vdiff_plugin.settings import Settings

_SIZE = (1152, 1536)
_START = (64, 64)  # of a picture that makes libraries start


def peak(path: Path, out: Path, preset: str) -> float:
    """Gigabytes that enhancing `path` with `preset` took at its largest."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", str(path), str(out), preset]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e6


def _enhance(source: str, target: str, preset: str) -> None:
    words = ["enhance", source, target, "--preset", preset, "--codec", "ffv1", "-y"]
    if code := main.run(words):
        sys.exit(code)
    print(_kilobytes("VmHWM"))


def _networks(backend: str) -> None:
    with Engine() as engine:
        for name, preset in PRESETS.items():
            network = engine.network(Settings.of(preset=name, backend=backend))
            fusions = [random_fusion(*size, channels=preset.features) for size in (_START, _SIZE)]
            taken = _taken(network.restore, *fusions)
            print(f"{backend} {name}: {taken / preset.width:.2f}")
        for name, preset in UPSCALERS.items():
            asked = Settings.of(task=UPSCALING, preset=name, backend=backend)
            upscaler = engine.upscaler(asked)
            centres = [random_fusion(*size).centre for size in (_START, _SIZE)]
            taken = _taken(upscaler.upscale, *(Doubling(each, each, (1, 1, 1)) for each in centres))
            print(f"{backend} {UPSCALING} {name}: {taken / preset.width:.2f}")


def _taken[T](work: Callable[[T], Change], small: T, large: T) -> float:
    """Bytes a pixel that `work` takes for a `large` picture, beside what comes out."""
    work(small)
    gc.collect()
    before = _kilobytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    change = work(large)
    taken = 1024 * (_kilobytes("VmHWM") - before) - change.luma.nbytes - change.chroma.nbytes
    return taken / math.prod(_SIZE)


def _kilobytes(name: str) -> int:
    # Not getrusage: its peak counts the parent's memory too, from before the exec.
    status = Path("/proc/self/status").read_text()
    return int(next(re.finditer(rf"{name}:\s+(\d+) kB", status))[1])


if __name__ == "__main__":
    if sys.argv[1] == "--network":
        _networks(sys.argv[2])
    else:
        _enhance(*sys.argv[1:])
