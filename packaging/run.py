"""Set vdiff up in `.venv` at the top of this repository, then run it there.

    python3 packaging/run.py demo [OPTIONS]   the main job: `vdiff demo`
    python3 packaging/run.py test [OPTIONS]   the tests: `pytest`
    python3 packaging/run.py vdiff ARGS...    any vdiff command

Standard library only, in a syntax that older Pythons can read, so that they can say
what is wrong. VDIFF_VENV names another folder for the environment.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get("VDIFF_VENV", ROOT / ".venv")).absolute()
STAMP = VENV / "vdiff-stamp"
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
SUPPORTED = ((3, 12), (3, 13))  # what the pinned TensorFlow has wheels for
EXTRAS = {"demo": "", "vdiff": "", "test": "dev,docs,farm,openvino,plot,timeline,vapoursynth"}


def main(args: list[str]) -> int:
    """Set up what the job needs, then do it; its exit code is ours."""
    job, *rest = args or [""]
    if job not in EXTRAS:
        say("packaging/run.py knows demo, test and vdiff; name one")
        return 2
    if not is_ready(EXTRAS[job]):
        set_up(find_python(), EXTRAS[job])
    try:
        return subprocess.call(command_line(job, rest), cwd=ROOT if job == "test" else None)
    except KeyboardInterrupt:
        return 130


def command_line(job: str, rest: list[str]) -> list[str]:
    """The command that does `job` inside the environment."""
    if job == "test":
        return [in_venv("python"), "-m", "pytest", *rest]
    return [in_venv("vdiff"), *(["demo"] if job == "demo" else []), *rest]


def in_venv(program: str) -> str:
    """Path of a program of the environment."""
    return str(VENV / ("Scripts" if os.name == "nt" else "bin") / program)


def find_python() -> str:
    """A Python of a supported version: this one, or one on the PATH."""
    if sys.version_info[:2] in SUPPORTED:
        return sys.executable
    names = [f"python{major}.{minor}" for major, minor in SUPPORTED]
    for name in names:
        if (found := shutil.which(name)) and works(found):
            return found
    here = ".".join(map(str, sys.version_info[:2]))
    say(f"this is Python {here}, and no {' or '.join(names)} is on the PATH; install one")
    sys.exit(2)


def works(python: str) -> bool:
    """True if `python` starts: a version switcher's shim may point at nothing."""
    return subprocess.call([python, "-c", ""], stderr=subprocess.DEVNULL) == 0


def fingerprint(extra: str) -> str:
    """What an environment is made from; when any of it changes, it is made anew."""
    digest = hashlib.sha256(f"{extra}\n{ROOT}\n".encode())
    native = ROOT / "vdiff_plugin" / "native"
    for path in (ROOT / "pyproject.toml", CONSTRAINTS, *sorted(native.glob("*.[ch]"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_ready(extra: str) -> bool:
    """True if the environment holds what `extra` needs; the tests' one holds it all."""
    return STAMP.exists() and STAMP.read_text() in {fingerprint(extra), fingerprint(EXTRAS["test"])}


def set_up(python: str, extra: str) -> None:
    """Make the environment and install vdiff into it, pinned; exit 1 if that fails."""
    make_room()
    say(f"setting up {VENV} (some minutes the first time)")
    if subprocess.call([python, "-m", "venv", str(VENV)]):
        say(f"{python} cannot make virtual environments; install its venv module")
        sys.exit(1)
    target = f"{ROOT}[{extra}]" if extra else str(ROOT)
    pip = [in_venv("python"), "-m", "pip", "--disable-pip-version-check", "install", "-qq"]
    if subprocess.call([*pip, "--constraint", str(CONSTRAINTS), "--editable", target]):
        say("pip could not install what is needed; its reason stands above")
        sys.exit(1)
    STAMP.write_text(fingerprint(extra))


def make_room() -> None:
    """Remove the environment that an earlier run made; leave anybody else's alone."""
    if VENV.exists() and not STAMP.exists():
        say(f"{VENV} was not made by this script; move it away, or set VDIFF_VENV")
        sys.exit(1)
    if VENV.exists():
        shutil.rmtree(VENV)
    VENV.mkdir(parents=True)
    STAMP.write_text("")


def say(text: str) -> None:
    """One line on stderr; stdout belongs to the job."""
    print(f"vdiff: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
