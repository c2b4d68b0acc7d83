"""What farms suffer from, done to the real thing; after each, the undisturbed output."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_adapters.farm.join import IncompleteError, check
from host_adapters.farm.opened import OpenJob
from host_adapters.farm.plan import plan
from host_adapters.farm.run import FailedFramesError, finish, run, serial
from host_adapters.media import enhance
from tests.host_adapters.farm.jobs import LOSSLESS, MEAN, TEMPORAL, Program, content, states, until
from tests.host_adapters.media.clips import make
from tests.vdiff_plugin.networks import random_weights_file
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import OutputError, VdiffError
from vdiff_plugin.farm.beacon import beacons
from vdiff_plugin.farm.folder import JobFolder, LockedError
from vdiff_plugin.farm.manifest import ManifestError
from vdiff_plugin.farm.origin import SourceChangedError
from vdiff_plugin.farm.spans import Span
from vdiff_plugin.farm.status import status
from vdiff_plugin.settings import Settings

CHUNKS = 4


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


# Files that are not what they should be


@pytest.fixture
def finished(tmp_path: Path, film: Path, engine: Engine) -> JobFolder:
    """A job whose chunks are all there, not joined yet."""
    source = tmp_path / "in.mkv"
    shutil.copy(film, source)
    folder = plan(
        source,
        tmp_path / "out.mkv",
        tmp_path / "job",
        chunk_frames=6,
        settings=MEAN,
        encode=LOSSLESS,
        engine=engine,
    )
    with OpenJob(folder, engine=engine) as job:
        run(job, serial(job))
    return folder


def piece(folder: JobFolder, k: int) -> Path:
    record = folder.record(folder.manifest.table[k])
    assert record
    return folder.chunks / record.file


def cut_short(folder: JobFolder) -> None:
    os.truncate(piece(folder, 1), piece(folder, 1).stat().st_size - 100)


def flip_a_bit(folder: JobFolder) -> None:
    data = bytearray(piece(folder, 1).read_bytes())
    data[len(data) // 2] ^= 1
    piece(folder, 1).write_bytes(data)


def swap_files(folder: JobFolder) -> None:
    one, other = piece(folder, 1), piece(folder, 2)
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)


def swap_records(folder: JobFolder) -> None:
    one, other = (folder.chunks / f"{n:08}-{n + 5:08}.json" for n in (6, 12))
    text = one.read_text()
    one.write_text(other.read_text())
    other.write_text(text)


def lose_a_file(folder: JobFolder) -> None:
    piece(folder, 1).unlink()


def tear_a_record(folder: JobFolder) -> None:
    path = folder.chunks / "00000006-00000011.json"
    path.write_text(path.read_text()[:200])


def claim_more(folder: JobFolder) -> None:
    path = folder.chunks / "00000006-00000011.json"
    path.write_text(path.read_text().replace('"count": 6', '"count": 7'))


DAMAGES = [cut_short, flip_a_bit, swap_files, swap_records, lose_a_file, tear_a_record, claim_more]


def resumed(folder: JobFolder, engine: Engine) -> None:
    """Run the job to its end, and compare with one that nothing happened to."""
    with OpenJob(folder, engine=engine) as job, folder.lock():
        finish(job, run(job, serial(job)))
    require_undisturbed(folder, engine)


def require_undisturbed(folder: JobFolder, engine: Engine) -> None:
    source, out = Path(folder.manifest.source.path), Path(folder.manifest.out)
    whole = out.with_name("whole.mkv")
    enhance(source, whole, settings=MEAN, encode=LOSSLESS, engine=engine)
    assert content(out) == content(whole)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_chunk_that_is_not_what_was_recorded_is_rendered_again(
    finished: JobFolder, engine: Engine, damage: Callable[[JobFolder], None]
) -> None:
    damage(finished)
    with OpenJob(finished, engine=engine) as job, pytest.raises(IncompleteError) as caught:
        finish(job, check(finished))
    assert re.search(r"frames 6-11|6-11\b|6-17", str(caught.value))
    assert not Path(finished.manifest.out).exists()
    resumed(finished, engine)


@pytest.mark.parametrize("other", ["settings", "weights", "source"])
def test_chunks_of_another_job_are_not_taken(
    tmp_path: Path, film: Path, finished: JobFolder, other: str, engine: Engine
) -> None:
    source, settings = film, MEAN
    if other == "settings":
        settings = Settings.of(stages=("mean:radius=1",))
    if other == "source":
        source = make(tmp_path / "other.mkv", codec="ffv1", frames=24)
    weights = {}
    if other == "weights":
        weights = {
            seed: Settings.of(
                backend="numpy", precision="fp32", weights=random_weights_file(tmp_path, seed=seed)
            )
            for seed in (0, 1)
        }
        settings = weights[1]
        small = {"settings": weights[0], "encode": LOSSLESS, "engine": engine, "end": 5}
        finished = plan(film, tmp_path / "out.mkv", tmp_path / "weighty", **small)
    end = 5 if weights else None
    foreign = plan(
        source,
        tmp_path / "foreign.mkv",
        tmp_path / "foreign",
        chunk_frames=6,
        settings=settings,
        encode=LOSSLESS,
        engine=engine,
        end=end,
    )
    assert foreign.manifest.job != finished.manifest.job
    with OpenJob(foreign, engine=engine) as job:
        run(job, serial(job))
    for path in finished.chunks.iterdir():
        path.unlink()
    shutil.copytree(foreign.chunks, finished.chunks, dirs_exist_ok=True)
    with pytest.raises(IncompleteError, match="of another job, settings or weights"):
        check(finished)
    if not weights:
        resumed(finished, engine)


def test_other_weights_under_the_jobs_name_are_refused(tmp_path: Path, film: Path) -> None:
    weights = random_weights_file(tmp_path, seed=0)
    settings = Settings.of(backend="numpy", weights=weights)
    folder = plan(film, tmp_path / "out.mkv", tmp_path / "job", settings=settings)
    shutil.copy(random_weights_file(tmp_path, seed=1), folder.weights)
    with OpenJob(folder) as job, pytest.raises(ManifestError, match="not the job's own weights"):
        _ = job.session


def test_a_changed_source_stops_the_job(tmp_path: Path, finished: JobFolder) -> None:
    source = Path(finished.manifest.source.path)
    before = source.read_bytes()
    stamp = source.stat()
    for k, data in enumerate((before[:-1], before[:-1] + b"?", before[:99] + b"?" + before[100:])):
        source.write_bytes(data)
        os.utime(source, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as if it were the same
        with pytest.raises(SourceChangedError, match="is not the file that the job was planned"):
            OpenJob(finished)
        assert k < 3
    source.write_bytes(before)
    with OpenJob(finished) as job:
        assert job.stamp["size"] == len(before)


def test_a_source_that_changes_under_the_work_spoils_no_chunk(
    tmp_path: Path, film: Path, engine: Engine
) -> None:
    source = tmp_path / "in.mkv"
    shutil.copy(film, source)
    how: dict[str, Any] = {"settings": MEAN, "encode": LOSSLESS, "engine": engine}
    folder = plan(source, tmp_path / "out.mkv", tmp_path / "job", chunk_frames=6, **how)

    def touch(done: int, _total: int) -> None:
        if done == 8:
            os.utime(source)

    with OpenJob(folder, engine=engine) as job, pytest.raises(SourceChangedError):
        run(job, serial(job, touch))
    assert states(folder) == {"records": 1, "files": 1, "partial": 0}
    resumed(folder, engine)  # its bytes are the same: only its times were new


def test_other_versions_are_refused(
    finished: JobFolder, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host_adapters.farm.versions.av.ffmpeg_version_info", "0.1")
    with (
        OpenJob(finished, engine=engine) as job,
        pytest.raises(ManifestError, match=r"ffmpeg \S+ \(here 0.1\); install the same"),
    ):
        _ = job.session


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


def test_files_that_appear_late_are_waited_for(finished: JobFolder, tmp_path: Path) -> None:
    for names in ("00000006-*", "*.nut"):  # record and file, or files without their records
        hidden = tmp_path / "hidden"
        hidden.mkdir()
        for path in list(finished.chunks.glob(names)):
            path.rename(hidden / path.name)
        with pytest.raises(IncompleteError):
            check(finished)
        appear = threading.Timer(0.6, lambda: _give_back(hidden, finished.chunks))  # noqa: B023
        appear.start()
        begin = time.monotonic()
        assert len(check(finished, wait=20).pieces) == CHUNKS
        assert time.monotonic() - begin < 10
        appear.join()
        hidden.rmdir()


def test_clocks_are_not_looked_at(finished: JobFolder, engine: Engine) -> None:
    made = {each.file for each in finished.records()[0]}
    for k, path in enumerate(sorted(finished.path.rglob("*"))):
        os.utime(path, (0, 0) if k % 2 else (4e9, 4e9))
    resumed(finished, engine)
    assert {each.file for each in finished.records()[0]} == made


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


def _give_back(hidden: Path, place: Path) -> None:
    for path in list(hidden.iterdir()):
        path.rename(place / path.name)
