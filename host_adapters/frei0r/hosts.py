"""Editing hosts on this machine, and whether they see the plug-in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from host_adapters.frei0r.build import PLUGIN
from host_adapters.frei0r.place import Places, find_shotcut, of_prefix, of_user

_PATIENCE = 120  # seconds: the worker may start for the first time
_SYSTEM = ("/usr/local/lib/frei0r-1", "/usr/lib/frei0r-1", "/usr/lib64/frei0r-1")


@dataclass(frozen=True)
class Sight:
    """What one host sees.

    Attributes:
        host: the program.
        seen: whether it finds the plug-in; None where it takes no frei0r plug-ins.
        says: a few words about it.
    """

    host: str
    seen: bool | None
    says: str


def search_path() -> tuple[Path, ...]:
    """Folders where hosts look for plug-ins, first to last."""
    named = os.environ.get("FREI0R_PATH")
    if named:
        return tuple(Path(each) for each in named.split(":") if each)
    return (Path.home() / ".frei0r-1" / "lib", *map(Path, _SYSTEM))


def installed() -> Path | None:
    """The plug-in that hosts find first."""
    return next((path for each in search_path() if (path := each / PLUGIN).is_file()), None)


def look() -> Iterator[Sight]:
    """Each host that is here, tried."""
    for program, probe in _PROBES.items():
        if path := shutil.which(program):
            yield probe(path)


def _ffmpeg(path: str) -> Sight:
    """Renders a frame, so that the worker is tried as well."""
    picture = "color=gray:size=64x64,format=rgba"
    words = [path, "-nostdin", "-v", "error", "-f", "lavfi", "-i", picture]
    done = _run([*words, "-vf", "frei0r=filter_name=vdiff", "-frames:v", "1", "-f", "null", "-"])
    if "No such filter: 'frei0r'" in done.stderr:
        return Sight(path, None, "was built without frei0r")
    return _sight(path, done.returncode == 0, "restores a frame", done.stderr)


def _melt(path: str) -> Sight:
    done = _run([path, "-query", "filter=frei0r.vdiff"])
    return _sight(path, "show change map" in done.stdout, "lists frei0r.vdiff", "")


def _gst(path: str) -> Sight:
    done = _run([path, "frei0r-filter-vdiff"])
    return _sight(path, done.returncode == 0, "lists frei0r-filter-vdiff", "")


def _kdenlive(path: str) -> Sight:
    name = "frei0r_vdiff.xml"
    there = any((each.kdenlive / name).is_file() for each in _usual_places())
    return _sight(path, there and installed() is not None, "has the effect", "")


def _shotcut(path: str) -> Sight:
    filters = find_shotcut()
    there = filters is not None and (filters / "vdiff" / "meta.qml").is_file()
    return _sight(path, there and installed() is not None, "has the panel", "")


def _flowblade(path: str) -> Sight:
    return _sight(path, installed() is not None, "finds it through MLT", "")


_PROBES: dict[str, Callable[[str], Sight]] = {
    "ffmpeg": _ffmpeg,
    "melt": _melt,
    "gst-inspect-1.0": _gst,
    "kdenlive": _kdenlive,
    "shotcut": _shotcut,
    "flowblade": _flowblade,
}


def _usual_places() -> tuple[Places, ...]:
    return of_user(Path.home()), of_prefix(Path("/usr/local")), of_prefix(Path("/usr"))


def _sight(host: str, seen: bool, good: str, why: str) -> Sight:
    lines = [line for line in why.splitlines() if line.startswith("vdiff: ")] or why.splitlines()
    told = lines[0].removeprefix("vdiff: ") if lines else "does not see it"
    return Sight(host, seen, good if seen else told)


def _run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    strict = os.environ | {"VDIFF_FREI0R_STRICT": "1"}
    try:
        return subprocess.run(
            words, env=strict, capture_output=True, text=True, errors="replace",
            timeout=_PATIENCE, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(words, 1, "", str(error))


class Frei0rHost:
    """What `vdiff doctor` says of the plug-in for editors."""

    def missing(self) -> str:
        """Empty if it lies where hosts look, else how to put it there."""
        return "" if installed() else "not installed for editors; run vdiff frei0r install --user"

    def version(self) -> str:
        """Where it lies."""
        return str(installed())
