"""The job folder: the manifest, the records and who may run the job."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vdiff_plugin.atomic import unwritable, whole_file
from vdiff_plugin.errors import UsageError, VdiffError
from vdiff_plugin.farm.manifest import Manifest, ManifestError, differences, read_manifest
from vdiff_plugin.farm.record import Record, read_record
from vdiff_plugin.farm.spans import Span

_PARTIAL = ".part"


class LockedError(VdiffError):
    """Somebody else runs the job."""


@dataclass(frozen=True)
class Refused:
    """A record that is not taken.

    Attributes:
        path: its file.
        reason: why.
    """

    path: Path
    reason: str


class JobFolder:
    """A job on disk. Any number of processes and machines may use it at once.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @cached_property
    def manifest(self) -> Manifest:
        """What was planned. Raises ManifestError."""
        return read_manifest(self.path / "manifest.json")

    @property
    def chunks(self) -> Path:
        """Where pieces and their records lie."""
        return self.path / "chunks"

    @property
    def index(self) -> Path:
        """The frame index of the source."""
        return self.path / "index.npz"

    @property
    def weights(self) -> Path:
        """The job's own weights, where it has any."""
        return self.path / "weights.safetensors"

    def create(self, manifest: Manifest) -> None:
        """Make the job, or find the very same one there already.

        What else belongs into the folder must be there before: the manifest comes last.

        Raises:
            UsageError: the folder holds another job.
            OutputError: the folder cannot be written.
        """
        if (self.path / "manifest.json").exists():
            self._require_equal(manifest)
            return
        try:
            self.chunks.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(self.path, error.errno) from error
        write_json(self.path / "manifest.json", manifest.model_dump(mode="json"))

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Make the folder; if the work within fails before anything is in it, it goes again.

        Raises:
            UsageError: it holds other things.
            OutputError: it cannot be made.
        """
        new = not self.path.exists()
        self.prepare()
        try:
            yield
        except BaseException:
            if new:
                with suppress(OSError):  # something is in it
                    self.path.rmdir()
            raise

    def prepare(self) -> None:
        """Make the folder. Raises as `prepared`."""
        try:
            self.path.mkdir(exist_ok=True)
            names = {each.name for each in self.path.iterdir()}
        except OSError as error:
            if isinstance(error, FileNotFoundError | NotADirectoryError):
                raise UsageError(f"{self.path}: no folder {self.path.parent}; make it") from error
            raise unwritable(self.path, error.errno) from error
        ours = {"index.npz", "weights.safetensors", "chunks", "lock", "seen", "failures"}
        if "manifest.json" not in names and {n for n in names if not n.startswith(".")} - ours:
            raise UsageError(f"{self.path}: holds other things; give a folder of its own for --job")

    def records(self) -> tuple[list[Record], list[Refused]]:
        """Records of this job, and what else lies there under a record's name."""
        taken, refused = [], []
        for path in sorted(self.chunks.glob("[0-9]*.json")):
            found = read_record(path)
            if isinstance(found, str):
                refused.append(Refused(path, found))
            elif found.job != self.manifest.job:
                refused.append(Refused(path, "of another job, settings or weights"))
            elif path.name != record_name(found.span):
                refused.append(Refused(path, f"of frames {found.span}, but named otherwise"))
            else:
                taken.append(found)
        return taken, refused

    def record(self, span: Span) -> Record | None:
        """The record of exactly these frames, if there is one of this job."""
        found = read_record(self.chunks / record_name(span))
        fits = isinstance(found, Record) and found.job == self.manifest.job and found.span == span
        return found if isinstance(found, Record) and fits else None

    def add(self, record: Record) -> None:
        """Make a finished piece count; its file must be there under its name."""
        write_json(self.chunks / record_name(record.span), record.model_dump(mode="json"))
        with suppress(OSError):
            self.failure_path(record.span).unlink(missing_ok=True)

    def forget(self, record: Record) -> None:
        """Make a piece not count any more."""
        with suppress(FileNotFoundError):
            (self.chunks / record_name(record.span)).unlink()

    def failure_path(self, span: Span) -> Path:
        """Where it is noted that these frames could not be rendered."""
        return self.path / "failures" / record_name(span)

    def note_failure(self, span: Span, note: Mapping[str, Any]) -> None:
        """Write down why frames could not be rendered, as far as that can be written at all."""
        with suppress(OSError, VdiffError):
            self.failure_path(span).parent.mkdir(exist_ok=True)
            write_json(self.failure_path(span), dict(note))

    def failures(self) -> dict[Span, dict[str, Any]]:
        """What could not be rendered and has not been since."""
        found = {}
        for path in sorted((self.path / "failures").glob("[0-9]*.json")):
            with suppress(OSError, ValueError, KeyError):
                note = json.loads(path.read_text(encoding="utf-8"))
                found[Span(note["first"], note["last"])] = note
        return found

    def sweep(self) -> None:
        """Remove what killed writers left behind and no record speaks of.

        Only for a job that is whole: before that, others may be writing.
        """
        kept = {record.file for record in self.records()[0]}
        for path in self.chunks.iterdir():
            record = path.suffix == ".json" and not path.name.startswith(".")
            if not record and path.name not in kept:
                with suppress(OSError):
                    path.unlink()

    def partial(self) -> list[Path]:
        """Files that are being written, or were when their writer died."""
        return sorted(each for each in self.chunks.glob(".*") if _PARTIAL in each.name)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second coordinator out; the system lets go when this process dies.

        Raises:
            ManifestError: there is no job.
            LockedError: somebody else holds it.
            OutputError: the folder cannot be written.
        """
        _ = self.manifest
        try:
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise unwritable(self.path / "lock", error.errno) from error
        try:
            if _take(handle):
                os.truncate(handle, 0)
                os.write(handle, f"{socket.gethostname()} process {os.getpid()}\n".encode())
            else:
                holder = os.pread(handle, 200, 0).decode(errors="replace").strip() or "another one"
                raise LockedError(f"{self.path}: {holder} runs this job; wait for it, or end it")
            yield
        finally:
            os.close(handle)

    def _require_equal(self, manifest: Manifest) -> None:
        differing = differences(manifest, self.manifest)
        if differing:
            raise UsageError(
                f"{self.path}: holds a job with another {', '.join(differing)}; "
                "choose another folder, or remove this one"
            )
        if self.manifest.job != manifest.job:
            raise ManifestError(f"{self.path}: holds another job; choose another folder")


def record_name(span: Span) -> str:
    """Name of the record of `span`."""
    return f"{span.first:08}-{span.last:08}.json"


def write_json(path: Path, value: object) -> None:
    """Write a JSON file whole or not at all. Raises OutputError."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all. Raises OutputError."""
    with whole_file(path, overwrite=True, sources=()) as part:
        try:
            part.write_text(text, encoding="utf-8")
        except OSError as error:
            raise unwritable(path, error.errno) from error


def _take(handle: int) -> bool:
    """Lock the file; on a file system without locks nobody is kept out, which is harmless."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
