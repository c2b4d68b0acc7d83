"""Peak memory of one `vdiff enhance`, in a process of its own.

python -m tests.benchmarks.memory IN OUT [PRESET]     prints kilobytes
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from vdiff_plugin.cli import main


def peak(path: Path, out: Path, preset: str) -> float:
    """Gigabytes that enhancing `path` with `preset` took at its largest."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", str(path), str(out), preset]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e6


if __name__ == "__main__":
    source, target, size = sys.argv[1:]
    words = ["enhance", source, target, "--preset", size, "--codec", "ffv1", "-y"]
    if code := main.run(words):
        sys.exit(code)
    # Not getrusage: its peak counts the parent's memory too, from before the exec.
    status = Path("/proc/self/status").read_text()
    print(next(re.finditer(r"VmHWM:\s+(\d+) kB", status))[1])
