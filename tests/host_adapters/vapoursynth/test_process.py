"""One engine a process, for as long as any core uses it; and a process without VapourSynth."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from host_adapters.hooks import vdiff_hosts

TWO_CORES = """\
import vapoursynth as vs

class Policy(vs.EnvironmentPolicy):
    current = None
    def on_policy_registered(self, api):
        self.api = api
    def get_current_environment(self):
        return self.current
    def set_environment(self, environment):
        before, self.current = self.current, environment
        return before

policy = Policy()
vs.register_policy(policy)
from host_adapters.vapoursynth import vdiff
from vdiff_plugin.engine import Engine

made, closed = [], []
start, close = Engine.__init__, Engine.close
def starting(self, **given):
    made.append(self)
    start(self, **given)
def closing(self):
    closed.append(self)
    close(self)
Engine.__init__, Engine.close = starting, closing

def script():
    core = vs.core.core
    clip = core.std.BlankClip(width=48, height=32, format=vs.GRAY8, length=3)
    vdiff(clip).get_frame(1)
    vdiff(clip, strength=0.5).get_frame(1)

cores = [policy.api.create_environment() for _ in range(2)]
for each in cores:
    with policy.api.wrap_environment(each).use():
        script()
print(len(made), len(closed))
for each in cores:
    policy.api.destroy_environment(each)
    print(len(made), len(closed))
third = policy.api.create_environment()
with policy.api.wrap_environment(third).use():
    script()
policy.api.destroy_environment(third)
print(len(made), len(closed))
"""
ABSENT = """\
import sys
sys.modules["vapoursynth"] = None
{statement}
"""


def _python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.vapoursynth
def test_cores_share_an_engine_and_the_last_one_closes_it() -> None:
    done = _python(TWO_CORES)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["1 0", "1 0", "1 1", "2 2"]


@pytest.mark.parametrize("name", ["vdiff", "vdiff_changes"])
def test_without_vapoursynth_the_import_says_how_to_get_it(name: str) -> None:
    done = _python(ABSENT.format(statement=f"from host_adapters.vapoursynth import {name}"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: vdiff: VapourSynth is not installed; pip install 'vdiff-plugin[vapoursynth]'"
    )
    assert "During handling" not in done.stderr


def test_without_vapoursynth_the_template_is_still_written() -> None:
    statement = (
        "from host_adapters.vapoursynth.__main__ import main\nsys.exit(main(['template', 'no']))"
    )
    done = _python(ABSENT.format(statement=statement))
    assert (done.returncode, done.stderr) == (1, "vdiff: no: no such file; check the name\n")


def test_importing_the_package_imports_neither_vapoursynth_nor_the_core() -> None:
    done = _python(
        "import sys, host_adapters.vapoursynth\n"
        "print([n for n in ('vapoursynth', 'numpy', 'vdiff_plugin.engine') if n in sys.modules])"
    )
    assert done.stdout == "[]\n"


def test_no_other_name_is_there() -> None:
    import host_adapters.vapoursynth

    with pytest.raises(AttributeError, match="has no attribute 'restore'"):
        _ = host_adapters.vapoursynth.restore


@pytest.mark.vapoursynth
def test_doctor_names_the_release() -> None:
    host = vdiff_hosts()["vapoursynth"]()
    assert host.missing() == ""
    assert host.version().startswith("VapourSynth R")
