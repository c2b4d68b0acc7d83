"""Compile what is in C into the wheel, where a C compiler is at hand."""

from __future__ import annotations

import runpy
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Each has a function `build` that compiles and gives the library's path.
_BUILDS = {
    "native kernels": Path("vdiff_plugin") / "native" / "build.py",
    "frei0r plug-in": Path("host_adapters") / "frei0r" / "build.py",
}


class NativeLibraries(BuildHookInterface[Any]):
    """Adds the libraries; without a compiler the wheel is one for every platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See `BuildHookInterface`."""
        del version
        for name, script in _BUILDS.items():
            self._add(name, Path(self.root) / script, build_data)

    def _add(self, name: str, script: Path, build_data: dict[str, Any]) -> None:
        try:
            library: Path = runpy.run_path(str(script))["build"]()
        except FileNotFoundError as error:
            self.app.display_warning(f"no {name}: {error}")
            return
        except subprocess.CalledProcessError as error:
            self.app.display_warning(f"no {name}: {error.stderr}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append(str(library.relative_to(self.root)))
