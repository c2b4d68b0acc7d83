"""Whether the source is still the file that was planned with.

Hashing a long film takes a while, so a machine that has done it notes which file it saw:
device, inode, size, times of modification and change. Every write to a file changes the
last of these. The note counts only while all are the same, and is not written for a file
that has just been changed, whose next change might bear the same time.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from vdiff_plugin.errors import MediaError, OutputError
from vdiff_plugin.farm.folder import JobFolder, write_text
from vdiff_plugin.farm.manifest import Manifest, Origin
from vdiff_plugin.farm.record import content_hash

_FRESH = 2.0  # seconds in which two changes may bear the same time

Stamp = dict[str, int | str]


class SourceChangedError(MediaError):
    """The source is not what was planned with."""


def bind(path: Path) -> Origin:
    """Hash a source for a new manifest. Raises MediaError."""
    try:
        size = path.stat().st_size
        return Origin(path=str(path.resolve()), size=size, sha256=content_hash(path))
    except OSError as error:
        raise _unreadable(path, error) from error


def stamp(path: Path) -> Stamp:
    """What tells one state of a file from another. Raises MediaError."""
    try:
        found = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return {
        "path": str(path.resolve()),
        "device": found.st_dev,
        "inode": found.st_ino,
        "size": found.st_size,
        "modified": found.st_mtime_ns,
        "changed": found.st_ctime_ns,
    }


def require_unchanged(job: JobFolder, path: Path) -> Stamp:
    """Make sure that `path` holds what the job was planned with.

    Returns:
        Its stamp, for `require_stamp` after the work.

    Raises:
        SourceChangedError: it holds something else.
        MediaError: it cannot be read.
    """
    now = stamp(path)
    note = _note_path(job, path)
    with suppress(OSError):
        if note.read_text(encoding="utf-8") == _text(job.manifest, now):
            return now
    try:
        changed = now["size"] != job.manifest.source.size
        changed = changed or content_hash(path) != job.manifest.source.sha256
    except OSError as error:
        raise _unreadable(path, error) from error
    if changed:
        raise _changed(path)
    require_stamp(path, now)
    if abs(time.time() - int(now["changed"]) / 1e9) > _FRESH:
        _write_note(note, _text(job.manifest, now))
    return now


def require_stamp(path: Path, before: Stamp) -> None:
    """Make sure that a file was not touched since. Raises SourceChangedError."""
    if stamp(path) != before:
        raise _changed(path)


def _note_path(job: JobFolder, path: Path) -> Path:
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]
    return job.path / "seen" / f"{socket.gethostname()}-{place}.json"


def _text(manifest: Manifest, seen: Stamp) -> str:
    return f"{manifest.job} {sorted(seen.items())}\n"


def _write_note(note: Path, text: str) -> None:
    """Saves time only, so a full disk is no reason to stop."""
    with suppress(OSError, OutputError):
        note.parent.mkdir(exist_ok=True)
        write_text(note, text)


def _changed(path: Path) -> SourceChangedError:
    return SourceChangedError(
        f"{path}: is not the file that the job was planned with; put that one back, or plan anew"
    )


def _unreadable(path: Path, error: OSError) -> MediaError:
    reason = (error.strerror or "unknown").lower()
    return MediaError(f"{path}: cannot be read ({reason}); give the source with --source")
