"""Compile the plug-in: the C shim that editing hosts load. Any C11 compiler does.

The wheel carries one that was compiled when it was built; where there was no compiler,
`vdiff frei0r build` and `install` compile it themselves. Only the standard library and
the finder of compilers are imported, so that the wheel's build can run this file.
"""

from __future__ import annotations

import runpy
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
PLUGIN = "vdiff.so"  # hosts know the filter by this name
BUILT = HERE / PLUGIN
SOURCES = ("vdiff_f0r.c", "vdiff_link.c")
FLAGS = ("-O2", "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra")
# It must stay when a host unloads it: instances are destructed after that in some.
_LINKED = ("-Wl,-z,nodelete", "-ldl", "-lpthread")


def build(out: Path = BUILT) -> Path:
    """Compile into `out`, which appears only when whole.

    Raises:
        FileNotFoundError: no C compiler.
        subprocess.CalledProcessError: it failed; its messages are in `stderr`.
    """
    cc = _compiler()()
    if cc is None:
        raise FileNotFoundError("no C compiler; install gcc or clang, or set CC")
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        made = Path(folder) / out.name
        sources = [str(HERE / name) for name in SOURCES]
        command = [cc, *FLAGS, "-o", str(made), *sources, *_LINKED]
        subprocess.run(command, check=True, capture_output=True, text=True)
        made.replace(out)
    return out


def _compiler() -> Callable[[], str | None]:
    """The finder of `vdiff_plugin.native.build`, by its place: nothing is installed yet."""
    path = HERE.parents[1] / "vdiff_plugin" / "native" / "build.py"
    finder: Callable[[], str | None] = runpy.run_path(str(path))["compiler"]
    return finder
