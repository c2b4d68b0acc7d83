"""Build the wheel, install it in an empty environment, and use it from elsewhere.

    python packaging/check_wheel.py

What only works inside the repository (a data file left out of the wheel, a dependency
that nobody declared) fails here. Prints a line a step; exits 1 at the first failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
PACKAGES = ("vdiff_plugin", "host_adapters")
DATA = ("*.safetensors", "*.md", "*.toml", "*.c", "*.h", "*.xml", "*.qml", "*.mlt", "py.typed")
COMPILED = {Path("vdiff_plugin/native/kernels.so"), Path("host_adapters/frei0r/vdiff.so")}


class CheckError(Exception):
    """The wheel is not what it should be."""


def main() -> int:
    """Run every step in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="vdiff-wheel-") as folder:
        try:
            check(Path(folder))
        except CheckError as error:
            step(f"FAILED: {error}")
            return 1
    step("the wheel works")
    return 0


def check(folder: Path) -> None:
    """Build, look inside, install, run."""
    wheel = build(folder / "dist")
    require_complete(wheel)
    python = install(wheel, folder / "venv")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    use(python.parent, elsewhere)


def build(into: Path) -> Path:
    """The wheel of this tree."""
    step("building")
    run([sys.executable, "-m", "pip", "-qq", "wheel", "--no-deps", "-w", into, ROOT], ROOT)
    (wheel,) = into.glob("vdiff_plugin-*.whl")
    return wheel


def require_complete(wheel: Path) -> None:
    """Both packages with all their modules and data, and nothing beside them."""
    with zipfile.ZipFile(wheel) as archive:
        inside = {Path(name) for name in archive.namelist()}
    wanted = {path.relative_to(ROOT) for package in PACKAGES for path in package_files(package)}
    if lost := wanted - inside:
        raise CheckError(f"left out of {wheel.name}: {', '.join(sorted(map(str, lost)))}")
    if shutil.which("cc") and (lost := COMPILED - inside):
        lacking = " and no ".join(sorted(map(str, lost)))
        raise CheckError(f"{wheel.name} has no {lacking}, though there is a C compiler")
    tops = {path.parts[0] for path in inside if not path.parts[0].endswith(".dist-info")}
    if tops != set(PACKAGES):
        raise CheckError(f"{wheel.name} installs {sorted(tops)}; it should be {sorted(PACKAGES)}")
    step(f"{wheel.name}: {len(inside)} files, {wheel.stat().st_size / 1e6:.1f} MB")


def package_files(package: str) -> list[Path]:
    """Modules and data files of one package of the tree."""
    patterns = ("*.py", *DATA)
    return [path for pattern in patterns for path in (ROOT / package).rglob(pattern)]


def install(wheel: Path, venv: Path) -> Path:
    """An empty environment that holds the wheel and what it depends on; its Python."""
    step("installing into an empty environment")
    run([sys.executable, "-m", "venv", venv], ROOT)
    python = venv / "bin" / "python"
    run([python, "-m", "pip", "-qq", "install", "-c", CONSTRAINTS, wheel], venv)
    return python


def use(programs: Path, folder: Path) -> None:
    """Run the installed program in `folder`, where nothing of the repository is near."""
    where = "import vdiff_plugin; print(vdiff_plugin.__file__)"
    if str(programs.parent) not in run([programs / "python", "-c", where], folder):
        raise CheckError("the environment imports vdiff_plugin from somewhere else")
    for words in (("--version",), ("info",), ("demo", "--out", "demo", "--frames", "12")):
        step(f"vdiff {' '.join(words)}")
        run([programs / "vdiff", *words], folder)
    if not any((folder / "demo").iterdir()):
        raise CheckError("vdiff demo wrote nothing")


def run(command: Sequence[str | Path], folder: Path) -> str:
    """Run a command and return its stdout. Raises CheckError with its last words."""
    words = [str(word) for word in command]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(words, cwd=folder, env=clean, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip()[-2000:]
        raise CheckError(f"{' '.join(words)} exited {done.returncode}\n{last}")
    return done.stdout


def step(text: str) -> None:
    """One line about what goes on."""
    print(f"check_wheel: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
