"""Outputs that appear under their name only when they are whole."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from vdiff_plugin.errors import OutputError


@contextmanager
def whole_file(path: Path, *, overwrite: bool | None, sources: tuple[Path, ...]) -> Iterator[Path]:
    """A temporary name beside `path` that becomes `path` when the block ends well.

    On any failure, an interrupt included, the temporary file is removed and `path` is as
    it was before.

    Args:
        path: where the output belongs.
        overwrite: True replaces an existing file; None and False refuse to.
        sources: files that must not be written over, by whatever name.

    Raises:
        OutputError: `path` may not or cannot be written.
    """
    require_writable(path, overwrite=overwrite, sources=sources)
    # The suffix stays, for the muxer goes by it. Names are limited in bytes.
    stem = path.stem.encode(errors="ignore")[:80].decode(errors="ignore")
    temporary = path.with_name(f".{stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield temporary
        try:
            _publish(temporary, path, overwrite=bool(overwrite))
        except OSError as error:
            raise unwritable(path, error.errno) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_whole(
    path: Path, data: bytes, *, overwrite: bool | None, sources: tuple[Path, ...] = ()
) -> None:
    """Make `path` a file of `data`; see `whole_file`.

    Raises:
        OutputError: `path` may not or cannot be written.
    """
    with whole_file(path, overwrite=overwrite, sources=sources) as part:
        try:
            part.write_bytes(data)
        except OSError as error:
            raise unwritable(path, error.errno) from error


@contextmanager
def whole_text(
    path: Path, *, overwrite: bool | None, sources: tuple[Path, ...] = ()
) -> Iterator[Callable[[str], None]]:
    """A function that adds text to what becomes `path` when the block ends well.

    Raises:
        OutputError: `path` may not or cannot be written.
    """
    with whole_file(path, overwrite=overwrite, sources=sources) as part:
        try:
            file = part.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise unwritable(path, error.errno) from error

        def write(text: str) -> None:
            try:
                file.write(text)
            except OSError as error:
                raise unwritable(path, error.errno) from error

        try:
            yield write
            _flush(file, path)
        finally:
            with suppress(OSError):
                file.close()


def _flush(file: TextIO, path: Path) -> None:
    try:
        file.flush()
    except OSError as error:
        raise unwritable(path, error.errno) from error


def require_writable(path: Path, *, overwrite: bool | None, sources: tuple[Path, ...]) -> None:
    """Raise OutputError if `path` is taken, is one of `sources`, or its folder is closed."""
    try:
        _look_at(path, overwrite=overwrite, sources=sources)
    except OSError as error:
        raise unwritable(path, error.errno) from error


def _look_at(path: Path, *, overwrite: bool | None, sources: tuple[Path, ...]) -> None:
    if path.is_dir():
        raise OutputError(f"{path}: a directory; give a file name")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: no folder {path.parent}; make it first")
    if any(path.exists() and source.exists() and path.samefile(source) for source in sources):
        raise OutputError(f"{path}: is the input; give another name for the output")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path}: a device or pipe; give the name of an ordinary file")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already; -y replaces it")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: no permission to write in {path.parent}; choose another folder")


def _publish(temporary: Path, path: Path, *, overwrite: bool) -> None:
    _sync(temporary)
    if overwrite:
        temporary.replace(path)
    else:
        _link_new(temporary, path)
    _sync(path.parent)


def _link_new(temporary: Path, path: Path) -> None:
    """Name the file without a chance of replacing one that appeared meanwhile."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError as error:
        raise OutputError(f"{path}: appeared meanwhile; -y replaces it") from error
    except OSError:  # a file system without links
        if path.exists():
            raise OutputError(f"{path}: appeared meanwhile; -y replaces it") from None
        temporary.replace(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # not every folder can
            raise
    finally:
        os.close(handle)


def unwritable(path: Path, number: int | None) -> OutputError:
    """Why `path` cannot be written, from the system's error number."""
    reasons = {
        errno.ENOSPC: "the disk is full; free some space or choose another folder",
        errno.EDQUOT: "the disk quota is used up; choose another folder",
        errno.EFBIG: "larger than a file may be here; choose another folder",
        errno.ENAMETOOLONG: "the name is too long; give a shorter one",
    }
    closed = dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS),
        "no permission to write here; choose another folder",
    )
    text = os.strerror(number) if number and number < 200 else "the muxer failed"
    default = f"cannot be written ({text.lower()}); try a .mkv file or another folder"
    return OutputError(f"{path}: {(reasons | closed).get(number or 0, default)}")
