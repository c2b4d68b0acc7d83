"""Peak memory of one `vdiff enhance`, and of networks, each in a process of its own.

python -m tests.benchmarks.memory IN OUT PRESET       prints kilobytes
python -m tests.benchmarks.memory --networks BACKEND  prints `bytes_a_channel` of bundled networks
python -m tests.benchmarks.memory --network BACKEND TASK PRESET   of one
"""

from __future__ import annotations

import argparse
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
from vdiff_plugin.model.presets import UPSCALING, architecture_of, preset_named
from vdiff_plugin.plugins import load_offers
from vdiff_plugin.settings import Settings

_BACKENDS = ("native", "openvino", "keras", "numpy")
_JOB = 3  # words
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
    for one in load_offers().weights:  # a fresh process each: freed memory is used again unseen
        words = ["--network", backend, one.task, one.preset]
        subprocess.run([sys.executable, "-m", "tests.benchmarks.memory", *words], check=True)


def _network(backend: str, task: str, preset: str) -> None:
    asked = Settings.of(task=task, preset=preset, backend=backend)
    width = architecture_of(task, preset).width
    with Engine() as engine:
        if task == UPSCALING:
            centres = [random_fusion(*size).centre for size in (_START, _SIZE)]
            doublings = [Doubling(each, each, (1, 1, 1)) for each in centres]
            taken = _taken(engine.upscaler(asked).upscale, *doublings)
        else:
            channels = preset_named(preset).features
            fusions = [random_fusion(*size, channels=channels) for size in (_START, _SIZE)]
            taken = _taken(engine.network(asked).restore, *fusions)
    print(f"{backend} {task} {preset}: {taken / width:.2f}")


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


def _main() -> None:
    """Parse the command line, and measure."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("job", nargs="*", metavar="IN OUT PRESET")
    parser.add_argument("--networks", metavar="BACKEND", choices=_BACKENDS)
    parser.add_argument("--network", nargs=3, metavar=("BACKEND", "TASK", "PRESET"))
    given = parser.parse_args()
    if given.networks:
        _networks(given.networks)
    elif given.network:
        _network(*given.network)
    elif len(given.job) == _JOB:
        _enhance(*given.job)
    else:
        parser.error("give IN OUT PRESET, or --networks BACKEND")


if __name__ == "__main__":
    _main()
