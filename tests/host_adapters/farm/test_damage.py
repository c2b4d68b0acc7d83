"""Jobs whose files are not what they should be: nothing of them reaches the output."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_adapters.farm.join import IncompleteError, check
from host_adapters.farm.opened import OpenJob
from host_adapters.farm.plan import plan
from host_adapters.farm.run import finish, run, serial
from tests.host_adapters.farm.jobs import (
    CHUNKS,
    LOSSLESS,
    MEAN,
    resumed,
    states,
)
from tests.host_adapters.media.clips import make
from tests.vdiff_plugin.networks import random_weights_file
from vdiff_plugin.engine import Engine
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.manifest import ManifestError
from vdiff_plugin.farm.origin import SourceChangedError
from vdiff_plugin.settings import Settings


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


def _give_back(hidden: Path, place: Path) -> None:
    for path in list(hidden.iterdir()):
        path.rename(place / path.name)
