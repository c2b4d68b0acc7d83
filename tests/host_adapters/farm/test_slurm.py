"""Jobs on a real SLURM: array scripts, and Dask workers that SLURM starts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.host_adapters.farm.jobs import CHUNKS, TEMPORAL, Program, content, until
from tests.host_adapters.farm.slurm import LONGEST, Slurm, own_slurm
from vdiff_plugin.farm.beacon import beacons
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.spans import Span

pytestmark = pytest.mark.slurm

_DOCS = Path(__file__).parents[3] / "docs" / "farm.md"
_BIN = str(Path(sys.executable).parent)  # where `vdiff` is
_ALL_DONE = {str(number): "COMPLETED" for number in range(CHUNKS)}


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with own_slurm(tmp_path_factory.mktemp("slurm")) as slurm:
        yield slurm


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, plugins: Path, film: Path) -> dict[str, Any]:
    """What `vdiff enhance` makes of the film, uninterrupted."""
    program = Program(tmp_path_factory.mktemp("whole"), plugins)
    try:
        program.good("enhance", film, "whole.mkv", *TEMPORAL)
    finally:
        program.end()
    return content(program.folder / "whole.mkv")


@dataclass
class Cluster:
    """A user of SLURM, and a planned job: job, in.mkv, out.mkv, go.sh."""

    program: Program
    slurm: Slurm
    film: Path
    whole: dict[str, Any]

    def plan(self, chunk_frames: int = 6) -> None:
        shutil.copy(self.film, self.program.folder / "in.mkv")
        words = ("in.mkv", "out.mkv", "--job", "job", "--chunk-frames", str(chunk_frames))
        self.program.good("farm", "plan", *words, *TEMPORAL)
        self.program.good("farm", "openjd", "job", "--script", "slurm", "-o", "go.sh")

    @property
    def folder(self) -> JobFolder:
        return JobFolder(self.program.folder / "job")

    @property
    def out(self) -> Path:
        return self.program.folder / "out.mkv"

    def run(self, *words: str, wrong: str = "") -> str:
        """A command as its user gives it, with `vdiff` and our plug-in on the paths."""
        python = [str(self.program.plugins), os.environ.get("PYTHONPATH", "")]
        environment = self.slurm.environment | {
            "PATH": os.pathsep.join([_BIN, self.slurm.environment["PATH"]]),
            "PYTHONPATH": os.pathsep.join(filter(None, python)),
            "VDIFF_TEST_SMEAR": wrong,
            "DASK_TEMPORARY_DIRECTORY": str(self.program.folder / "dask"),
        }
        done = subprocess.run(
            words,
            cwd=self.program.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr + self.slurm.logs()
        return done.stdout

    def submit(self, *options: str, wrong: str = "") -> tuple[str, str]:
        """Run the script; the numbers of the array and of its join."""
        said = self.run("bash", "go.sh", *options, wrong=wrong)
        join = re.fullmatch(r"Submitted batch job (\d+)\n", said)
        assert join, said
        about = self.slurm("scontrol", "show", "job", join[1])
        array = re.search(r"Dependency=afterok:(\d+)_\*", about)
        assert array, about
        return array[1], join[1]

    def until_rendering(self, frame: int) -> None:
        """Wait for the task whose first frame this is."""
        until(lambda: any(each.span.first == frame for each in beacons(self.folder)))

    def require_whole(self) -> None:
        assert content(self.out) == self.whole

    def said(self) -> str:
        """All that jobs and daemons wrote, to tell why one failed."""
        jobs = [path.read_text() for path in sorted(self.program.folder.glob("slurm-*.out"))]
        return "\n".join([*jobs, self.slurm.logs()])


@pytest.fixture
def cluster(program: Program, slurm: Slurm, film: Path, whole: dict[str, Any]) -> Iterator[Cluster]:
    yield Cluster(program, slurm, film, whole)
    slurm("scancel", "--full", "--user", str(os.getuid()))
    until(lambda: not slurm("squeue", "--noheader"))


def test_the_script_renders_and_joins(cluster: Cluster) -> None:
    cluster.plan()
    array, join = cluster.submit("--time=7")
    assert "TimeLimit=00:07:00" in cluster.slurm("scontrol", "show", "job", join)
    assert cluster.slurm.ended(join) == {"": "COMPLETED"}, cluster.said()
    assert cluster.slurm.ended(array) == _ALL_DONE
    cluster.require_whole()


def test_more_chunks_than_an_array_may_have_tasks(cluster: Cluster) -> None:
    cluster.plan(chunk_frames=4)
    assert len(cluster.folder.manifest.chunks) > LONGEST
    array, join = cluster.submit()
    assert cluster.slurm.ended(join) == {"": "COMPLETED"}, cluster.said()
    assert cluster.slurm.ended(array) == dict.fromkeys("012", "COMPLETED")
    cluster.require_whole()


def test_lost_tasks_keep_the_join_from_running(cluster: Cluster) -> None:
    """One is cancelled, and one is killed at its third frame."""
    cluster.plan()
    array, join = cluster.submit(wrong="slow=0.3,kill=14")
    cluster.until_rendering(6)
    cluster.slurm("scancel", f"{array}_1")
    assert cluster.slurm.ended(array) == _ALL_DONE | {"1": "CANCELLED", "2": "FAILED"}
    assert cluster.slurm.ended(join) == {"": "CANCELLED"}
    assert not cluster.out.exists()
    assert [str(each.span) for each in cluster.folder.records()[0]] == ["0-5", "18-23"]
    told = cluster.program.good("farm", "status", "job")
    assert re.findall(r"^\d +(\S+) +died ", told, re.MULTILINE) == ["6-11", "12-17"]
    array, join = cluster.submit()
    assert cluster.slurm.ended(join) == {"": "COMPLETED"}, cluster.said()
    assert cluster.slurm.ended(array) == _ALL_DONE
    cluster.require_whole()


def test_a_task_that_slurm_starts_again(cluster: Cluster) -> None:
    """As after the loss of its node: the join waits for it."""
    cluster.plan()
    array, join = cluster.submit(wrong="slow=0.3")
    cluster.until_rendering(6)
    task = f"{array}_1"
    cluster.slurm("scontrol", "requeue", task)
    until(lambda: cluster.slurm.states(task) == {"1": "PENDING"})
    # Not in two minutes, but not in the same second: its credentials, revoked then, are dated
    # to the second, and slurmd would take the new ones for the old.
    cluster.slurm("scontrol", "update", f"JobId={task}", "StartTime=now+2seconds")
    assert cluster.slurm.ended(join) == {"": "COMPLETED"}, cluster.said()
    assert cluster.slurm.ended(array) == _ALL_DONE
    assert "Restarts=1" in cluster.slurm("scontrol", "show", "job", task)
    cluster.require_whole()


def test_dask_starts_workers_through_slurm(cluster: Cluster) -> None:
    """The example of the documentation, word for word but for the job's folder."""
    cluster.plan()
    example = re.search(r"^    import subprocess\n.*?\n(?=\S)", _DOCS.read_text(), re.M | re.S)
    assert example
    assert "SLURMCluster(" in example[0]
    text = "\n".join(line.removeprefix("    ") for line in example[0].splitlines())
    assert text.count("/mnt/jobs/in") == 1
    script = cluster.program.folder / "example.py"
    script.write_text(text.replace("/mnt/jobs/in", "job"))
    cluster.run(sys.executable, str(script))
    assert "Start worker at:" in cluster.said()
    assert cluster.folder.record(Span(18, 23)) is not None
    cluster.require_whole()
    until(lambda: not cluster.slurm("squeue", "--noheader"))
