"""Compile the kernels: `python -m vdiff_plugin.native.build`, or the wheel's build.

Any C11 compiler does. Without one vdiff runs its networks on another backend.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
LIBRARY = HERE / "kernels.so"
_SOURCES = (
    "run.c", "conv.c", "quick_avx2.c", "quick_avx512.c", "pixels.c", "pixels_avx2.c",
    "warp.c", "warp_avx2.c", "measure.c", "clipping.c", "upscale.c",
)  # fmt: skip
# Contracted or reordered float arithmetic would round differently from other backends.
_FLAGS = (
    "-O3", "-std=gnu11", "-fPIC", "-shared", "-ffp-contract=off", "-fno-math-errno",
    "-fno-trapping-math",
)  # fmt: skip


def compiler() -> str | None:
    """The C compiler: `$CC`, else cc, gcc or clang from the path."""
    wanted = os.environ.get("CC")
    names = (wanted,) if wanted else ("cc", "gcc", "clang")
    return next((path for name in names if (path := shutil.which(name))), None)


def build(out: Path = LIBRARY) -> Path:
    """Compile into `out`, which appears only when whole.

    Raises:
        FileNotFoundError: no C compiler.
        subprocess.CalledProcessError: it failed; its messages are in `stderr`.
    """
    cc = compiler()
    if cc is None:
        raise FileNotFoundError("no C compiler; install gcc or clang, or set CC")
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        made = Path(folder) / out.name
        sources = [str(HERE / name) for name in _SOURCES]
        command = [cc, *_FLAGS, "-o", str(made), *sources, "-lm"]
        subprocess.run(command, check=True, capture_output=True, text=True)
        made.replace(out)
    return out


if __name__ == "__main__":
    build()
