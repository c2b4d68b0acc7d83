"""The same job through Open Job Description, Dask, array scripts: the same output."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from host_adapters.farm.openjd import template
from host_adapters.farm.scripts import script
from host_adapters.farm.server import NoServerError, ask, stop
from tests.host_adapters.farm.jobs import TEMPORAL, Program, content, until
from vdiff_plugin.errors import UnknownNameError
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.spans import Span

OPENJD = str(Path(sys.executable).with_name("openjd"))
VDIFF = str(Path(sys.executable).with_name("vdiff"))


@pytest.fixture
def folder(program: Program, film: Path) -> JobFolder:
    """A planned job of four chunks: job, in.mkv, out.mkv."""
    shutil.copy(film, program.folder / "in.mkv")
    words = ("in.mkv", "out.mkv", "--job", "job", "--chunk-frames", "6", *TEMPORAL)
    program.good("farm", "plan", *words)
    return JobFolder(program.folder / "job")


def require_whole(program: Program) -> None:
    program.good("enhance", "in.mkv", "whole.mkv", *TEMPORAL)
    assert content(program.folder / "out.mkv") == content(program.folder / "whole.mkv")


def tool(program: Program, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a farm's own tool, with our plug-in on the path of what it starts."""
    return subprocess.run(
        [str(word) for word in words],
        cwd=program.folder,
        env=os.environ | {"PYTHONPATH": str(program.plugins)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def values(folder: Path) -> list[str]:
    places = {"Job": "job", "Source": "in.mkv", "Out": "out.mkv"}
    given = [f"{name}={folder / place}" for name, place in places.items()] + [f"Vdiff={VDIFF}"]
    return [word for each in given for word in ("-p", each)]


# Open Job Description


def test_openjd_checks_and_finishes_the_template(program: Program, folder: JobFolder) -> None:
    said = program.good("farm", "openjd", "job", "-o", "template.yaml")
    assert said.startswith("openjd run template.yaml --step Join --run-dependencies -p Job=/")
    checked = tool(program, OPENJD, "check", "template.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    given = values(program.folder)
    done = tool(
        program, *(OPENJD, "run", "template.yaml", "--step", "Join", "--run-dependencies"), *given
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Session ended successfully" in done.stdout
    tasks = re.findall(r"Frame\(CHUNK\[INT\]\) = (\S+)", done.stdout)
    assert tasks == [str(span) for span in folder.manifest.table]
    assert re.search(r"openjd_env: VDIFF_FARM_SOCKET=/\S+", done.stdout)
    assert "rendering without it" not in done.stdout
    assert "openjd_progress: 100.0" in done.stdout
    require_whole(program)
    assert not _listening()


def test_a_failing_task_says_why_and_fails_the_session(program: Program, folder: JobFolder) -> None:
    failed = program(
        "farm", "render", "job", "--range", "0-8", "--progress", "openjd", wrong="raise=7"
    )
    assert failed.returncode == 1
    lines = failed.stderr.splitlines()
    assert lines[0] == "openjd_status: frames 0-8"
    assert any(re.fullmatch(r"openjd_progress: \d+\.\d", line) for line in lines)
    assert lines[-2].startswith("openjd_fail: frame 7 cannot be rendered (ArithmeticError:")
    assert lines[-1].startswith("vdiff: frame 7 cannot be rendered")
    assert folder.record(Span(0, 5)) is not None


def test_tasks_that_ignore_our_chunks_on_a_machine_with_other_paths(
    program: Program, folder: JobFolder, tmp_path: Path
) -> None:
    """The job was planned elsewhere: here everything lies in another place."""
    moved = tmp_path / "mnt"
    moved.mkdir()
    for name in ("job", "in.mkv"):
        (program.folder / name).rename(moved / name)
    program.good("farm", "openjd", moved / "job", "-o", "t.yaml", "--no-server")
    rule = {
        "source_path_format": "POSIX",
        "source_path": str(program.folder),
        "destination_path": str(moved),
    }
    rules = json.dumps({"version": "pathmapping-1.0", "path_mapping_rules": [rule]})
    done = tool(
        program,
        *(OPENJD, "run", "t.yaml", "--step", "Join", "--run-dependencies", "-p", "ChunkFrames=16"),
        *("--path-mapping-rules", rules, *values(program.folder)),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"Frame\(CHUNK\[INT\]\) = (\S+)", done.stdout) == ["0-11", "12-23"]
    for name in ("in.mkv", "out.mkv"):
        (moved / name).rename(program.folder / name)
    require_whole(program)


def test_ranges_that_cross_our_chunks_join_all_the_same(
    program: Program, folder: JobFolder
) -> None:
    program.good("farm", "render", "job", "--range", "8-15")
    program.good("farm", "render", "job", "--range", "0-7,16-23")
    assert {str(each.span) for each in folder.records()[0]} == {
        *("0-5", "6-7", "8-11", "12-15", "16-17", "18-23"),
    }
    program.good("farm", "join", "job")
    require_whole(program)


def test_a_bundle_for_deadline_cloud(program: Program, folder: JobFolder) -> None:
    said = program.good("farm", "openjd", "job", "--bundle", "-o", "bundle")
    assert said == "deadline bundle submit bundle\n"
    bundle = program.folder / "bundle"
    read = {path.name: yaml.safe_load(path.read_text()) for path in bundle.iterdir()}
    assert set(read) == {"template.yaml", "parameter_values.yaml", "asset_references.yaml"}
    checked = tool(program, OPENJD, "check", bundle / "template.yaml")
    assert checked.returncode == 0, checked.stdout
    source, out = str(program.folder / "in.mkv"), str(program.folder / "out.mkv")
    assert {
        each["name"]: each["value"] for each in read["parameter_values.yaml"]["parameterValues"]
    } == {
        "Job": str(folder.path),
        "Source": source,
        "Out": out,
    }
    assets = read["asset_references.yaml"]["assetReferences"]
    assert assets["inputs"] == {"filenames": [source], "directories": [str(folder.path)]}
    assert str(folder.path) in assets["outputs"]["directories"]
    again = program("farm", "openjd", "job", "--bundle", "-o", "bundle")
    assert again.returncode == 1
    assert "exists already" in again.stderr


def test_names_that_yaml_would_trip_over(folder: JobFolder) -> None:
    origin = folder.manifest.source.model_copy(update={"path": '/films/a: "b" {{c}}\n#d.mkv'})
    odd = folder.manifest.model_copy(update={"source": origin})
    assert yaml.safe_load(template(odd))["name"] == 'vdiff a: "b" c#d.mkv'


# A server for the tasks of a session


@contextmanager
def serving(program: Program) -> Iterator[Path]:
    address = program.folder / "v.sock"
    try:
        program.good("farm", "serve", "job", "--socket", address, "--detach")
        yield address
    finally:
        program.good("farm", "serve", "job", "--socket", address, "--stop")


def test_a_server_renders_and_survives_what_fails(program: Program, folder: JobFolder) -> None:
    job, told = folder.manifest.job, []
    with serving(program) as address:
        assert ask(address, job, [Span(0, 8)], lambda *each: told.append(each)) == [
            Span(0, 5),
            Span(6, 8),
        ]
        assert told[-1] == (9, 9)
        assert ask(address, job, [Span(0, 5)]) == []
        with pytest.raises(Exception, match="not all of the job's"):
            ask(address, job, [Span(20, 99)])
        with pytest.raises(NoServerError):
            ask(address, "another job", [Span(0, 5)])
    with pytest.raises(NoServerError):
        ask(address, job, [Span(0, 5)])
    stop(address)


def test_a_task_whose_server_is_gone_does_its_work(program: Program, folder: JobFolder) -> None:
    done = tool(
        program,
        "env",
        f"VDIFF_FARM_SOCKET={program.folder / 'gone.sock'}",
        *(sys.executable, "-m", "vdiff_plugin", "farm", "render", "job", "--chunk", "1"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "rendered 6-11\n"
    assert "rendering without it" in done.stderr


def _listening() -> list[str]:
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=False)
    return [line for line in found.stdout.splitlines() if "farm serve" in line]


# Array jobs


def test_the_parallel_script_runs(program: Program, folder: JobFolder) -> None:
    if shutil.which("parallel") is None:
        pytest.skip("GNU parallel is not on the PATH")
    program.good("farm", "openjd", "job", "--script", "parallel", "-o", "go.sh")
    path = f"{Path(VDIFF).parent}{os.pathsep}{os.environ['PATH']}"
    done = tool(program, "env", f"PATH={path}", "bash", "go.sh", "-j", "2")
    assert done.returncode == 0, done.stderr
    require_whole(program)


_SBATCH = """\
#!/bin/bash
# What sbatch does with our script, one task after the other. test_slurm.py has the real one.
array=""
for word in "$@"; do case "$word" in --array=*) array=${word#--array=};; esac; done
while [[ "$1" == --* ]]; do shift; done
echo "sbatch $array $*" >> sbatch.log
if [[ -n "$array" ]]; then
    range=${array%%%*}
    for k in $(seq "${range%-*}" "${range#*-}"); do
        SLURM_ARRAY_TASK_ID=$k bash "$@" >> tasks.log || exit 1
    done
    echo "7;cluster"
else
    bash "$@" >> tasks.log
fi
"""


def test_the_slurm_script_submits_an_array_and_a_join(program: Program, folder: JobFolder) -> None:
    program.good("farm", "render", "job", "--chunk", "0,2-3")
    stand_in = program.folder / "bin" / "sbatch"
    stand_in.parent.mkdir()
    stand_in.write_text(_SBATCH)
    stand_in.chmod(0o755)
    program.good("farm", "openjd", "job", "--script", "slurm", "-o", "go.sh")
    path = os.pathsep.join([str(stand_in.parent), str(Path(VDIFF).parent), os.environ["PATH"]])
    done = tool(program, "env", f"PATH={path}", "bash", "go.sh")
    assert done.returncode == 0, done.stderr
    log = (program.folder / "sbatch.log").read_text().splitlines()
    assert log[0].startswith("sbatch 0-3%200 ")
    assert log[1].endswith(" join")
    require_whole(program)


def test_scripts_quote_what_shells_would_read(folder: JobFolder) -> None:
    origin = folder.manifest.source.model_copy(update={"path": "/films/it's $HOME/in.mkv"})
    folder.manifest = folder.manifest.model_copy(update={"source": origin})
    for kind in ("slurm", "parallel"):
        text = script(folder, kind)
        line = next(each for each in text.splitlines() if each.startswith("source="))
        told = subprocess.run(
            ["bash", "-c", f'{line}; printf %s "$source"'],
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout == "/films/it's $HOME/in.mkv"
        subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    with pytest.raises(UnknownNameError, match="no script 'pbs'; have parallel, slurm"):
        script(folder, "pbs")


# A Dask cluster that is not ours


@contextmanager
def scheduler(program: Program) -> Iterator[str]:
    place = program.folder / "scheduler.json"
    words = ("-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard")
    process = program.python(*words, "--scheduler-file", place, "--host", "127.0.0.1")
    try:
        text = until(lambda: place.exists() and place.read_text())
        yield json.loads(text)["address"]
    finally:
        _end(process)


def worker(program: Program, address: str, seconds: float) -> subprocess.Popen[str]:
    """One that takes so many seconds for a frame."""
    words = ("-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny")
    return program.python(*words, "--no-dashboard", wrong=f"slow={seconds}")


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def test_workers_that_join_and_die_on_a_cluster_of_its_own(
    program: Program, folder: JobFolder
) -> None:
    with scheduler(program) as address:
        first = worker(program, address, 2)
        work = program.start("farm", "run", "job", "--dask", address)
        until(lambda: _beacons(folder))
        late = worker(program, address, 0.2)
        until(lambda: any(name.endswith(f"-{late.pid}") for name in _beacons(folder)))
        first.kill()
        first.communicate(timeout=60)
        _, err = work.communicate(timeout=120)
        _end(late)
    assert work.returncode == 0, err
    require_whole(program)


def test_a_scheduler_that_is_not_there_is_said(program: Program, folder: JobFolder) -> None:
    done = program("farm", "run", "job", "--dask", "tcp://127.0.0.1:9")
    assert done.returncode == 2
    assert done.stderr.startswith("vdiff: no Dask scheduler at tcp://127.0.0.1:9")
    assert len(done.stderr.splitlines()) == 1


def _beacons(folder: JobFolder) -> list[str]:
    return [each.name for each in (folder.path / "running").glob("*")]


@pytest.mark.parametrize(
    ("count", "given", "taken"),
    [(0, None, [None] * 3), (1, None, [None] * 3), (2, None, ["0", "1", "0"]), (2, "5", ["5"] * 3)],
)
def test_workers_of_one_machine_share_its_gpus(
    count: int, given: str | None, taken: list[str | None]
) -> None:
    pytest.importorskip("distributed")
    from host_adapters.farm.dask_worker import take_gpu

    name = "CUDA_VISIBLE_DEVICES"
    environments = [{name: given} if given else {} for _ in taken]
    for number, environment in enumerate(environments):
        take_gpu(number, count, environment)
    assert [environment.get(name) for environment in environments] == taken
