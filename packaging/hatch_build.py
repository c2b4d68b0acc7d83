"""Compile the native kernels into the wheel, where a C compiler is at hand."""

from __future__ import annotations

import runpy
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NATIVE = Path("vdiff_plugin") / "native"


class NativeKernels(BuildHookInterface[Any]):
    """Adds `kernels.so`; without a compiler the wheel is one for every platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See `BuildHookInterface`."""
        del version
        build = runpy.run_path(str(Path(self.root) / _NATIVE / "build.py"))
        try:
            library: Path = build["build"]()
        except FileNotFoundError as error:
            self.app.display_warning(f"no native kernels: {error}")
            return
        except subprocess.CalledProcessError as error:
            self.app.display_warning(f"no native kernels: {error.stderr}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append(str(library.relative_to(self.root)))
