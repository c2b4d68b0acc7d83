"""Putting the plug-in where hosts look: the library, its worker, editors' panels."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from host_adapters.frei0r.build import BUILT, HERE, PLUGIN, build
from vdiff_plugin.atomic import write_whole
from vdiff_plugin.errors import OutputError, ResourceError

logger = logging.getLogger(__name__)
WORKER = "vdiff-worker"
_EDITORS = HERE / "editors"
_ROOT = HERE.parents[1]  # the folder that our packages lie in


@dataclass(frozen=True, kw_only=True)
class Places:
    """Folders that one installation writes to.

    Attributes:
        plugins: for the library and its worker.
        kdenlive: for Kdenlive's effect.
        shotcut: for Shotcut's panel, which it reads from its own folder only; None where
            no Shotcut is known.
    """

    plugins: Path
    kdenlive: Path
    shotcut: Path | None


def of_user(home: Path, shotcut: Path | None = None) -> Places:
    """Folders below a user's home: no special rights are needed."""
    data = os.environ.get("XDG_DATA_HOME")
    share = Path(data) if data else home / ".local" / "share"
    return Places(
        plugins=home / ".frei0r-1" / "lib", kdenlive=share / "kdenlive" / "effects", shotcut=shotcut
    )


def of_prefix(prefix: Path, shotcut: Path | None = None) -> Places:
    """Folders below a prefix such as /usr/local, for all users."""
    return Places(
        plugins=prefix / "lib" / "frei0r-1",
        kdenlive=prefix / "share" / "kdenlive" / "effects",
        shotcut=shotcut,
    )


def find_shotcut() -> Path | None:
    """The folder of filters of the Shotcut on the PATH, if there is one."""
    program = shutil.which("shotcut")
    if program is None:
        return None
    root = Path(program).resolve().parent
    for share in (root / "share", root.parent / "share"):
        filters = share / "shotcut" / "qml" / "filters"
        if filters.is_dir():
            return filters
    return None


def own_shotcut() -> Path | None:
    """The same where we may write to it; else a line says what to do."""
    filters = find_shotcut()
    if filters is None or os.access(filters, os.W_OK):
        return filters
    logger.warning(
        "%s: cannot be written to, so Shotcut gets no panel; let an administrator run "
        "vdiff frei0r install --shotcut %s",
        *(filters, filters),
    )
    return None


def place(places: Places) -> Iterator[Path]:
    """Write everything, and give each file's path.

    Raises:
        OutputError: a folder that cannot be written to.
        ResourceError: no plug-in came with vdiff, and none can be compiled.
    """
    yield from place_plugin(places.plugins)
    kdenlive = _EDITORS / "kdenlive" / "frei0r_vdiff.xml"
    yield _write(places.kdenlive / kdenlive.name, kdenlive.read_bytes())
    if places.shotcut is not None:
        for source in sorted((_EDITORS / "shotcut" / "vdiff").iterdir()):
            yield _write(places.shotcut / "vdiff" / source.name, source.read_bytes())


def place_plugin(folder: Path) -> Iterator[Path]:
    """Write the library, and beside it what starts its worker.

    Raises:
        OutputError: the folder cannot be written to.
        ResourceError: no plug-in came with vdiff, and none can be compiled.
    """
    yield _write(folder / WORKER, worker_script().encode(), executable=True)
    yield _write(folder / PLUGIN, library().read_bytes(), executable=True)


def library() -> Path:
    """The compiled plug-in, compiled now where none newer than its sources is there.

    Raises:
        ResourceError: there is none, and none can be compiled.
    """
    try:
        changed = max(path.stat().st_mtime for path in HERE.glob("vdiff_*.[ch]"))
        if BUILT.is_file() and BUILT.stat().st_mtime >= changed:
            return BUILT
        return build()
    except (FileNotFoundError, PermissionError) as error:
        if BUILT.is_file():
            return BUILT  # from the wheel
        raise ResourceError(f"the plug-in is not compiled: {error}") from error
    except subprocess.CalledProcessError as error:
        raise ResourceError(f"the C compiler failed: {error.stderr.strip()}") from error


def worker_script() -> str:
    """A shell script that turns into the worker.

    Editors that come as bundles set variables that would break our Python; those of now
    are the right ones.
    """
    start = (
        f"import sys; sys.path.insert(0, {str(_ROOT)!r}); "
        "from host_adapters.frei0r.worker import main; main()"
    )
    libraries = os.environ.get("LD_LIBRARY_PATH")
    settle = f"LD_LIBRARY_PATH={shlex.quote(libraries)}" if libraries else "unset LD_LIBRARY_PATH"
    return (
        "#!/bin/sh\n"
        "# Written by vdiff frei0r; started by vdiff.so, never by hand.\n"
        f"{settle}\n"
        "unset LD_PRELOAD\n"
        f"exec {shlex.quote(sys.executable)} -E -P -c {shlex.quote(start)}\n"
    )


def _write(path: Path, data: bytes, *, executable: bool = False) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or "cannot be made").lower()
        raise OutputError(f"{path.parent}: {reason}; use --user or another --prefix") from error
    write_whole(path, data, overwrite=True)
    if executable:
        path.chmod(0o755)
    return path
