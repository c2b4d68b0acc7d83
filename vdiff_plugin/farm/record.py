"""Records: what a renderer vouches for when a piece of a job is finished."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from vdiff_plugin.farm.spans import Span

_BLOCK = 1 << 20


class Record(BaseModel):
    """One finished piece: frames `first` to `last` in one file.

    Attributes:
        job: of the manifest it was rendered for.
        first, last: frame numbers, both included.
        count: frames in the file.
        frames: a hash of each rendered frame's samples, before they were encoded.
        file: name of the file, beside the record.
        size: of the file, in bytes.
        sha256: of the file.
        extradata: SHA-256 of what the encoder wants said in the header.
        delay: frames by which the encoder's decoding order runs ahead.
        repeated, concealed: frames of the source that were damaged.
        doubtful: stretches of it in which something was damaged.
        seconds: for the whole piece, by the wall.
        host: where it was rendered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: str
    first: int
    last: int
    count: int
    frames: tuple[str, ...]
    file: str
    size: int
    sha256: str
    extradata: str
    delay: int = 0
    repeated: tuple[int, ...] = ()
    concealed: tuple[int, ...] = ()
    doubtful: tuple[tuple[int, int], ...] = ()
    seconds: float = 0.0
    host: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        wanted = self.last - self.first + 1
        if self.first < 0 or not wanted == self.count == len(self.frames):
            raise ValueError(f"{self.count} frames, {len(self.frames)} hashes, {wanted} wanted")
        if Path(self.file).name != self.file:
            raise ValueError("the file is elsewhere")
        return self

    @property
    def span(self) -> Span:
        """The frames."""
        return Span(self.first, self.last)


def read_record(path: Path) -> Record | str:
    """The record in a file, or why there is none."""
    try:
        return Record.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        return f"cannot be read ({error})"
    except ValidationError as error:
        return f"damaged ({error.errors()[0]['msg'].lower()})"


def file_fault(record: Record, folder: Path) -> str:
    """What is wrong with the file of a record; empty if it is the one that was written."""
    path = folder / record.file
    try:
        size = path.stat().st_size
        if size != record.size:
            return f"{record.file} has {size} bytes instead of {record.size}"
        found = content_hash(path)
    except OSError as error:
        return f"{record.file} cannot be read ({(error.strerror or 'unknown').lower()})"
    return (
        "" if found == record.sha256 else f"{record.file} holds something else (its hash differs)"
    )


def content_hash(path: Path) -> str:
    """SHA-256 of a file. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
