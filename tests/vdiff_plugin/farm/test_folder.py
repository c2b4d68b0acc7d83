from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.vdiff_plugin.farm.records import finish, manifest
from vdiff_plugin.errors import OutputError, UsageError
from vdiff_plugin.farm.beacon import beacons, died_at, light
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.manifest import ManifestError, differences, read_manifest
from vdiff_plugin.farm.origin import SourceChangedError, bind, require_unchanged
from vdiff_plugin.farm.record import file_fault
from vdiff_plugin.farm.spans import Span
from vdiff_plugin.farm.status import status


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    made = JobFolder(tmp_path / "job")
    made.prepare()
    made.create(manifest())
    return made


def test_the_identity_is_of_what_matters_and_not_of_places() -> None:
    one = manifest()
    assert manifest(out="/elsewhere.mkv", overwrite=True).job == one.job
    moved = one.source.model_copy(update={"path": "/mnt/in.mkv"})
    assert manifest(source=moved).job == one.job
    others: list[dict[str, Any]] = [
        {"source": one.source.model_copy(update={"sha256": "00" * 32})},
        {"settings": {"strength": 0.5}},
        {"weights": "11" * 32},
        {"fingerprint": "22" * 16},
        {"versions": {"av": "20"}},
        {"encoding": one.encoding.model_copy(update={"crf": 20.0})},
        {"index": "33" * 32},
        {"at_most": 5},
    ]
    assert len({one.job, *(manifest(**each).job for each in others)}) == len(others) + 1


def test_differences_are_told_in_words() -> None:
    mine, theirs = manifest(settings={"strength": 0.5}), manifest(settings={"strength": 1.0})
    assert differences(mine, theirs) == ["settings (strength 1.0, now 0.5)"]
    assert differences(mine, mine) == []
    assert "chunks" in differences(manifest(at_most=5), manifest())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text[:100], "damaged; plan the job anew"),
        (lambda text: text.replace('"radius": 2', '"radius": 3'), "changed by hand or damaged"),
        (lambda text: text.replace("vdiff-farm-1", "vdiff-farm-9"), "format 'vdiff-farm-9', but"),
        (lambda _: "[]", "damaged; plan the job anew"),
    ],
)
def test_a_bad_manifest_is_refused(
    folder: JobFolder, change: Callable[[str], str], told: str
) -> None:
    path = folder.path / "manifest.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(ManifestError, match=told):
        read_manifest(path)


def test_a_manifest_reads_back(folder: JobFolder, tmp_path: Path) -> None:
    assert JobFolder(folder.path).manifest == manifest()
    with pytest.raises(ManifestError, match="no job in it; make one with vdiff farm plan"):
        _ = JobFolder(tmp_path).manifest


def test_a_folder_takes_one_job(folder: JobFolder, tmp_path: Path) -> None:
    folder.create(manifest(out="/elsewhere.mkv"))
    assert folder.manifest.out == "/films/out.mkv"
    with pytest.raises(UsageError, match=r"another settings \(strength 1.0, now 0.2\)"):
        folder.create(manifest(settings={"strength": 0.2}))
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(UsageError, match="holds other things"):
        JobFolder(tmp_path).prepare()
    with pytest.raises(UsageError, match="no folder"):
        JobFolder(tmp_path / "a" / "b").prepare()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        JobFolder(tmp_path / "file").prepare()


def test_records_that_do_not_fit_are_refused_with_a_reason(folder: JobFolder) -> None:
    good = finish(folder, Span(0, 9))
    other = good.model_dump(mode="json") | {"job": "someone else's"}
    elsewhere = good.model_dump(mode="json") | {"file": "../../etc/passwd"}
    texts = {
        "00000010-00000019.json": json.dumps(other),
        "00000011-00000019.json": json.dumps(good.model_dump(mode="json")),
        "00000012-00000019.json": json.dumps(elsewhere),
        "00000013-00000019.json": "{",
    }
    for name, text in texts.items():
        (folder.chunks / name).write_text(text)
    taken, refused = folder.records()
    assert taken == [good]
    reasons = [each.reason for each in refused]
    assert reasons[0] == "of another job, settings or weights"
    assert reasons[1] == "of frames 0-9, but named otherwise"
    assert "the file is elsewhere" in reasons[2]
    assert reasons[3].startswith("damaged")


def test_what_is_wrong_with_a_file_is_told(folder: JobFolder) -> None:
    made = finish(folder, Span(0, 9))
    assert file_fault(made, folder.chunks) == ""
    path = folder.chunks / made.file
    path.write_bytes(b"framed")
    assert "holds something else" in file_fault(made, folder.chunks)
    path.write_bytes(b"frame")
    assert "has 5 bytes instead of 6" in file_fault(made, folder.chunks)
    path.unlink()
    assert "no such file" in file_fault(made, folder.chunks)


def test_sweeping_leaves_what_records_speak_of(folder: JobFolder) -> None:
    finish(folder, Span(0, 9))
    for name in ("00000000-00000009.dead.nut", ".x.0123.part.nut", ".x.0123.part.json"):
        (folder.chunks / name).touch()
    assert len(folder.partial()) == 2
    folder.sweep()
    assert {each.name for each in folder.chunks.iterdir()} == {
        "0-9.nut",
        "00000000-00000009.json",
    }


def test_the_states_of_chunks(folder: JobFolder) -> None:
    finish(folder, Span(0, 4))
    lost = finish(folder, Span(10, 19))
    (folder.chunks / lost.file).unlink()
    folder.note_failure(Span(20, 29), {"first": 20, "last": 29, "frame": 22, "error": "bad"})
    found = status(folder)
    assert [row.state for row in found.chunks] == ["partly", "damaged", "failed"]
    assert [row.frames for row in found.chunks] == [5, 0, 0]
    assert found.chunks[2].note == "frame 22: bad"
    with light(folder, Span(20, 29)) as beacon:
        beacon.at(24)
        assert status(folder).chunks[2].state == "running"
        assert status(folder).chunks[2].note == "at frame 24"
    finish(folder, Span(20, 29))
    assert [row.state for row in status(folder).chunks] == ["partly", "damaged", "done"]
    assert not status(folder).whole
    json.dumps(status(folder).to_json())


def test_a_beacon_outlives_only_a_killed_renderer(folder: JobFolder) -> None:
    with pytest.raises(ValueError, match="no"), light(folder, Span(0, 9)):
        raise ValueError("no")
    assert beacons(folder) == []
    script = (
        "import os, signal, sys\n"
        "from vdiff_plugin.farm.beacon import light\n"
        "from vdiff_plugin.farm.folder import JobFolder\n"
        "from vdiff_plugin.farm.spans import Span\n"
        "with light(JobFolder(sys.argv[1]), Span(0, 9)) as beacon:\n"
        "    beacon.at(7)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(folder.path)], check=False)
    assert [(each.frame, each.alive) for each in beacons(folder)] == [(7, False)]
    assert died_at(folder, Span(0, 9)) == 7
    assert status(folder).chunks[0].state == "died"


def test_a_source_is_hashed_once_while_it_stays_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "in.mkv"
    path.write_bytes(b"film" * 100)
    job = JobFolder(tmp_path / "job")
    job.prepare()
    job.create(manifest(source=bind(path)))
    require_unchanged(job, path)
    assert not (job.path / "seen").exists()  # it was changed a moment ago: no telling
    hashed = []
    monkeypatch.setattr("vdiff_plugin.farm.origin.time.time", lambda: time.monotonic() + 1e6)
    real = bind(path).sha256
    monkeypatch.setattr(
        "vdiff_plugin.farm.origin.content_hash", lambda file: hashed.append(file) or real
    )
    require_unchanged(job, path)
    require_unchanged(job, path)
    assert hashed == [path]
    os.utime(path, ns=(1, 1))
    require_unchanged(job, path)
    assert len(hashed) == 2


def test_a_note_does_not_vouch_for_another_file(tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    path.write_bytes(b"film" * 100)
    job = JobFolder(tmp_path / "job")
    job.prepare()
    job.create(manifest(source=bind(path)))
    stamp = path.stat()
    path.write_bytes(b"fiim" * 100)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    with pytest.raises(SourceChangedError, match="put that one back, or plan anew"):
        require_unchanged(job, path)
