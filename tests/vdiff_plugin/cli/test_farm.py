"""`vdiff farm` on the command line: words, refusals, and the document that explains it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import typer

from tests.clips import count_frames, write_clip
from tests.host_adapters.media.clips import make
from vdiff_plugin.cli import main
from vdiff_plugin.cli.farm import farm
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.files import enhance

DOC = (Path(__file__).parents[3] / "docs" / "farm.md").read_text(encoding="utf-8")
LINES = re.findall(r"^    (vdiff farm .*)$", DOC, re.MULTILINE)
PLAN = (
    "farm",
    "plan",
    "in.mkv",
    "out.mkv",
    "--job",
    "job",
    "--stages",
    "colour",
    "--codec",
    "ffv1",
)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobFolder:
    monkeypatch.chdir(tmp_path)
    write_clip(Path("in.mkv"), frames=9)
    assert main.run([*PLAN, "--chunk-frames", "3"]) == 0
    return JobFolder("job")


def test_a_job_from_plan_to_verify(job: JobFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([*PLAN, "--chunk-frames", "3"]) == 0  # twice the same is once
    assert capsys.readouterr().out == (
        "job: 9 frames in 3 chunks, ffv1 in matroska; next: vdiff farm run job\n"
    )
    assert main.run(["farm", "render", "job", "--chunk", "2", "--progress", "openjd"]) == 0
    out, err = capsys.readouterr()
    assert out == "rendered 6-8\n"
    assert err.splitlines()[0] == "openjd_status: frames 6-8"
    assert err.splitlines()[-1] == "openjd_progress: 100.0"
    assert main.run(["farm", "render", "job", "--range", "7"]) == 0
    assert capsys.readouterr().out == "rendered nothing: it was there\n"
    assert main.run(["farm", "status", "job"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["chunk", "frames", "state", "done", "seconds", "host", "note"]
    assert [line.split()[1:4] for line in table[1:4]] == [
        ["0-2", "waiting", "0"],
        ["3-5", "waiting", "0"],
        ["6-8", "done", "3"],
    ]
    assert main.run(["farm", "join", "job"]) == 1
    assert "6 of 9 frames are not rendered: 0-2,3-5; vdiff farm run" in capsys.readouterr().err
    assert main.run(["farm", "run", "job", "--no-join"]) == 0
    assert not Path("out.mkv").exists()
    assert main.run(["farm", "run", "job"]) == 0
    assert count_frames(Path("out.mkv")) == 9
    capsys.readouterr()
    assert (
        main.run(["farm", "verify", "job", "--frames", "2", "--borders", "1", "--seed", "3"]) == 0
    )
    assert capsys.readouterr().out.endswith("all the same\n")
    assert main.run(["farm", "status", "job", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["whole"]
    assert [row["frames"] for row in found["chunks"]] == [3, 3, 3]


def test_what_the_source_lacks_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("in.mkv"), frames=6)  # without colour tags
    assert main.run([*PLAN, "--chunk-frames", "3"]) == 0
    assert capsys.readouterr().err.count("names no colour matrix") == 1
    for words in (["run", "job"], ["verify", "job"]):
        assert main.run(["farm", *words]) == 0
        assert "names no colour matrix" not in capsys.readouterr().err


def test_an_output_is_not_replaced_unasked(
    job: JobFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out.mkv").write_bytes(b"mine")
    assert main.run(["farm", "run", "job"]) == 1
    assert "exists already; -y replaces it" in capsys.readouterr().err
    assert Path("out.mkv").read_bytes() == b"mine"
    assert not job.records()[0]  # it was said before any work
    assert main.run(["farm", "run", "job", "--out", "other.mkv"]) == 0
    assert main.run(["farm", "join", "job", "-y"]) == 0
    assert count_frames(Path("out.mkv")) == count_frames(Path("other.mkv")) == 9


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["render", "job"], 2, "either --chunk 3 or --range 59-117"),
        (["render", "job", "--chunk", "1", "--range", "2"], 2, "either --chunk 3 or --range"),
        (["render", "job", "--chunk", "3"], 2, "no chunk 3; the job has 0 to 2"),
        (["render", "job", "--range", "8-9"], 2, "not all of the job's; it has 0-8"),
        (["render", "job", "--range", "x"], 2, "give frames such as 59-117"),
        (["render", "job", "--range", "1", "--progress", "loud"], 2, "no progress 'loud'; have"),
        (["run", "nowhere"], 1, "nowhere: no job in it; make one with vdiff farm plan"),
        (["run", "job", "--workers", "2", "--dask", "tcp://x:1"], 2, "give one of them"),
        (["run", "job", "--source", "none.mkv"], 1, "cannot be read"),
        (["openjd", "job", "-o", "t.sh", "--script", "pbs"], 2, "have parallel, slurm"),
        (["openjd", "job", "-o", "in.mkv"], 1, "exists already"),
        (["bogus"], 2, "no command 'bogus'; have join, openjd, plan"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    job: JobFolder, capsys: pytest.CaptureFixture[str], words: list[str], code: int, told: str
) -> None:
    capsys.readouterr()
    assert main.run(["farm", *words]) == code
    err = capsys.readouterr().err
    assert told in err
    assert err.startswith("vdiff: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--chunk-frames", "2"), "holds a job with another chunk_frames, chunks"),
        (("--crf", "3", "--codec", "h264"), "holds a job with another encoding"),
        (("--strength", "0.4"), "another settings (strength 1.0, now 0.4)"),
    ],
)
def test_a_second_plan_must_be_the_same(
    job: JobFolder, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], told: str
) -> None:
    assert main.run([*PLAN, "--chunk-frames", "3", *more]) == 2  # the last of two options wins
    assert told in capsys.readouterr().err


def test_farm_alone_shows_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["farm"]) == 0
    shown = capsys.readouterr().out
    for name in ("plan", "render", "run", "join", "status", "verify", "openjd"):
        assert re.search(rf"^  {name} ", shown, re.MULTILINE)


def test_enhance_resumes_from_python(job: JobFolder) -> None:
    how = {"stages": "colour", "codec": "ffv1"}
    assert enhance("in.mkv", "resumed.mkv", resume=True, **how).frames == 9
    assert not Path("resumed.mkv.vdiff-parts").exists()
    with pytest.raises(Exception, match="exists already"):
        enhance("in.mkv", "resumed.mkv", resume=True, **how)


@pytest.mark.parametrize("line", LINES)
def test_the_document_names_only_what_exists(line: str) -> None:
    commands = typer.main.get_command(farm).commands  # type: ignore[attr-defined]
    _, _, name, *words = shlex.split(line)
    known = {one for param in commands[name].params for one in param.opts}
    assert {word for word in words if word.startswith("-")} <= known


def test_the_document_shows_all_of_it() -> None:
    shown = {line.split()[2] for line in LINES}
    assert shown == {"plan", "render", "run", "join", "status", "verify", "openjd"}
