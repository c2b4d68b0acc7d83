"""What farms suffer from, done to the real thing; after each, the undisturbed output."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from host_adapters.farm.opened import OpenJob
from host_adapters.farm.plan import plan
from host_adapters.farm.run import FailedFramesError, run, serial
from tests.host_adapters.farm.jobs import (
    CHUNKS,
    LOSSLESS,
    MEAN,
    TEMPORAL,
    Program,
    content,
    resumed,
    states,
    until,
)
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import OutputError, VdiffError
from vdiff_plugin.farm.beacon import beacons
from vdiff_plugin.farm.folder import JobFolder, LockedError
from vdiff_plugin.farm.spans import Span
from vdiff_plugin.farm.status import status


class Stage:
    """A planned job of four chunks, and what its output must be.

    Args:
        program: the real vdiff.
        film: the source, which is copied.
    """

    def __init__(self, program: Program, film: Path) -> None:
        self.program = program
        self.source = program.folder / "in.mkv"
        self.out = program.folder / "out.mkv"
        shutil.copy(film, self.source)
        words = ("in.mkv", "out.mkv", "--job", "job", "--chunk-frames", "6", *TEMPORAL)
        program.good("farm", "plan", *words)
        self.folder = JobFolder(program.folder / "job")

    def undisturbed(self) -> dict[str, Any]:
        self.program.good("enhance", "in.mkv", "whole.mkv", *TEMPORAL)
        return content(self.program.folder / "whole.mkv")

    def require_whole(self) -> None:
        assert content(self.out) == self.undisturbed()
        assert states(self.folder) == {"records": CHUNKS, "files": CHUNKS, "partial": 0}


@pytest.fixture
def stage(program: Program, film: Path) -> Stage:
    return Stage(program, film)


def running(folder: JobFolder) -> list[int]:
    """Processes that render now, as their beacons say."""
    names = [each.name for each in (folder.path / "running").glob("*")]
    return [int(name.rpartition("-")[2]) for name in names]


# Kills


def test_a_worker_is_killed_and_the_run_ends_well(stage: Stage) -> None:
    work = stage.program.start("farm", "run", "job", "--workers", "2", wrong="slow=0.15")
    victim = until(lambda: running(stage.folder))[0]
    assert victim != work.pid
    os.kill(victim, signal.SIGKILL)
    _, err = work.communicate(timeout=120)
    assert work.returncode == 0, err
    stage.require_whole()


def test_the_coordinator_is_killed_with_its_workers_and_run_goes_on(stage: Stage) -> None:
    work = stage.program.start("farm", "run", "job", "--workers", "2", wrong="slow=0.1")
    until(lambda: states(stage.folder)["records"])
    workers = running(stage.folder)
    work.kill()
    work.communicate(timeout=60)
    assert not stage.out.exists()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    made = {each.file for each in stage.folder.records()[0]}
    assert 0 < len(made) < CHUNKS
    assert stage.program.good("farm", "run", "job").endswith("out.mkv: 24 frames\n")
    assert made < {each.file for each in stage.folder.records()[0]}  # not rendered again
    stage.require_whole()


# Each of these dies by SIGKILL in the midst of publishing a piece.
_DEATHS = {
    "before its file has its name": ("vdiff_plugin.atomic", "_publish", ".nut"),
    "before its record has its name": ("vdiff_plugin.atomic", "_publish", ".json"),
    "between the file and its record": ("vdiff_plugin.farm.folder.JobFolder", "add", ""),
}


@pytest.mark.parametrize("moment", _DEATHS)
def test_the_last_writer_is_killed_in_mid_rename(stage: Stage, moment: str) -> None:
    place, name, suffix = _DEATHS[moment]
    script = stage.program.folder / "die.py"
    script.write_text(
        "import os, signal, sys\n"
        "from pkgutil import resolve_name\n"
        f"place, name = resolve_name({place!r}), {name!r}\n"
        "real = getattr(place, name)\n"
        "def die(first, *rest, **named):\n"
        f"    if not {suffix!r} or (str(first).endswith({suffix!r}) and 'chunks' in str(first)):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(first, *rest, **named)\n"
        "setattr(place, name, die)\n"
        "from vdiff_plugin.cli.main import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    stage.program.good("farm", "render", "job", "--chunk", "0-2")
    dying = stage.program.python(script, "farm", "render", "job", "--chunk", "3")
    dying.communicate(timeout=60)
    assert dying.returncode == -signal.SIGKILL
    left = states(stage.folder)
    assert left["records"] == 3
    assert left["files"] + left["partial"] >= 4
    assert status(stage.folder).chunks[3].state == "died"
    assert stage.program("farm", "join", "job").returncode == 1
    assert not stage.out.exists()
    stage.program.good("farm", "run", "job")
    stage.require_whole()


def test_enhance_resume_is_killed_and_goes_on(program: Program, film: Path) -> None:
    shutil.copy(film, program.folder / "in.mkv")
    words = ("enhance", "in.mkv", "out.mkv", "--resume", *TEMPORAL)
    script = program.folder / "short.py"
    script.write_text(
        "import sys\n"
        "from host_adapters.farm import resume\n"
        "resume.enhance_resumably.__kwdefaults__['chunk_frames'] = 6\n"
        "from vdiff_plugin.cli.main import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    work = program.python(script, *words, wrong="slow=0.1")
    folder = JobFolder(program.folder / "out.mkv.vdiff-parts")
    until(lambda: folder.chunks.exists() and states(folder)["records"] > 1)
    work.kill()
    work.communicate(timeout=60)
    others = program.python(script, *words, "--strength", "0.5")
    assert "another settings (strength 1.0, now 0.5)" in others.communicate(timeout=60)[1]
    made = len(folder.records()[0])
    again = program.python(script, *words, "--progress", "json")
    _, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    first = json.loads(next(line for line in err.splitlines() if line.startswith("{")))
    assert first["frame"] >= 6 * made
    program.good("enhance", "in.mkv", "whole.mkv", *TEMPORAL)
    assert content(program.folder / "out.mkv") == content(program.folder / "whole.mkv")
    assert not folder.path.exists()


# Poison


def test_a_poison_frame_is_named_and_all_else_kept(stage: Stage) -> None:
    done = stage.program("farm", "run", "job", "--workers", "2", wrong="raise=13")
    assert done.returncode == 1
    assert "1 of 4 chunks failed: frames 12-17: frame 13 cannot be rendered" in done.stderr
    assert "ArithmeticError: a poisonous frame" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    found = json.loads(stage.program.good("farm", "status", "job", "--json"))
    assert [row["state"] for row in found["chunks"]] == ["done", "done", "failed", "done"]
    assert found["chunks"][2]["note"] == "frame 13: ArithmeticError: a poisonous frame"
    note = json.loads(stage.folder.failure_path(Span(12, 17)).read_text())
    assert "vdiff_smear.py" in note["traceback"]
    assert not stage.out.exists()
    stage.program.good("farm", "run", "job")  # mended
    assert status(stage.folder).whole
    assert not stage.folder.failures()
    stage.require_whole()


@pytest.mark.slow
def test_a_frame_that_kills_every_worker_is_named(stage: Stage) -> None:
    done = stage.program("farm", "run", "job", "--workers", "2", wrong="kill=13,slow=0.02")
    assert done.returncode == 1
    assert "frames 12-17: every worker that tried died at frame 13" in done.stderr
    assert stage.folder.record(Span(0, 5)) is not None
    stage.program.good("farm", "run", "job")
    stage.require_whole()


# Disks


def test_a_full_disk_leaves_nothing_half_done(stage: Stage) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))

    done = subprocess.run(
        [*_vdiff(), "farm", "render", "job", "--chunk", "1"],
        cwd=stage.program.folder,
        env=os.environ | {"PYTHONPATH": str(stage.program.plugins)},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "larger than a file may be here" in done.stderr
    assert states(stage.folder) == {"records": 0, "files": 0, "partial": 0}
    stage.program.good("farm", "run", "job")
    stage.require_whole()


def test_a_full_file_system_stops_the_run_and_what_is_there_stays(
    tmp_path: Path, film: Path, engine: Engine
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=68k", "none", str(small)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        how: dict[str, Any] = {"settings": MEAN, "encode": LOSSLESS, "engine": engine}
        folder = plan(film, tmp_path / "out.mkv", small / "job", chunk_frames=6, **how)
        full = pytest.raises(OutputError, match="the disk is full")
        with OpenJob(folder, engine=engine) as job, full:
            run(job, serial(job))
        made = states(folder)
        assert 0 < made["records"] == made["files"] < CHUNKS
        assert made["partial"] == 0
        subprocess.run(["mount", "-o", "remount,size=4m", str(small)], check=True)
        resumed(folder, engine)
        shutil.rmtree(folder.path)
    finally:
        subprocess.run(["umount", str(small)], check=False)


# Two of them


def test_a_second_coordinator_is_kept_out(stage: Stage) -> None:
    first = stage.program.start("farm", "run", "job", wrong="slow=0.1")
    until(lambda: running(stage.folder))
    second = stage.program("farm", "run", "job")
    assert second.returncode == 1
    assert re.fullmatch(rf"vdiff: job: \S+ process {first.pid} runs this job; .*\n", second.stderr)
    _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    stage.require_whole()


def test_two_renderers_of_the_same_chunks_do_no_harm(stage: Stage) -> None:
    words = ("farm", "render", "job", "--chunk", "0-3")
    both = [stage.program.start(*words, wrong="slow=0.03") for _ in range(2)]
    for each in both:
        _, err = each.communicate(timeout=60)
        assert each.returncode == 0, err
    stage.program.good("farm", "join", "job")
    stage.require_whole()


def test_the_lock_goes_with_its_holder(finished: JobFolder) -> None:
    with finished.lock(), pytest.raises(LockedError, match="runs this job"), finished.lock():
        pass
    with finished.lock():
        pass


def test_failures_in_this_process_are_told_together(
    tmp_path: Path, film: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    how: dict[str, Any] = {"settings": MEAN, "encode": LOSSLESS, "engine": engine}
    folder = plan(film, tmp_path / "out.mkv", tmp_path / "job", chunk_frames=6, **how)
    with OpenJob(folder, engine=engine) as job:
        real = job.session.render

        def sometimes(n: int, *args: Any, **named: Any) -> Any:
            if n in (3, 20):
                raise ZeroDivisionError(f"no {n}")
            return real(n, *args, **named)

        monkeypatch.setattr(job.session, "render", sometimes)
        with pytest.raises(FailedFramesError) as caught:
            run(job, serial(job))
    text = str(caught.value)
    assert "2 of 4 chunks failed: frames 0-5: frame 3" in text
    assert "frames 18-23: frame 20 cannot be rendered (ZeroDivisionError: no 20)" in text
    assert isinstance(caught.value, VdiffError)
    assert not beacons(folder)
    assert [row.state for row in status(folder).chunks] == ["failed", "done", "done", "failed"]
    resumed(folder, engine)


def _vdiff() -> list[str]:
    import sys

    return [sys.executable, "-m", "vdiff_plugin"]
