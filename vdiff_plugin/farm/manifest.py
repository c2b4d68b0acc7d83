"""The manifest: everything that the pixels and the file of a job depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from vdiff_plugin.errors import VdiffError
from vdiff_plugin.farm.spans import Span

FORMAT: Final = "vdiff-farm-1"
_PLACES = {"job", "out", "overwrite"}  # where things lie differs from machine to machine


class ManifestError(VdiffError):
    """A job that cannot be read, or that does not fit what is here."""


class Origin(BaseModel):
    """The source file.

    Attributes:
        path: where it lay when the job was planned.
        size: in bytes.
        sha256: of its content.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    size: int
    sha256: str


class Row(BaseModel):
    """One chunk.

    Attributes:
        first, last: the frames that it gives, both included.
        needs_first, needs_last: the frames that it reads: the model's radius more on
            each side, up to the clip's ends.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: int
    last: int
    needs_first: int
    needs_last: int

    @property
    def span(self) -> Span:
        """The frames that it gives."""
        return Span(self.first, self.last)


class Encoding(BaseModel):
    """How frames are written, nothing left to be chosen on the machine that renders.

    Attributes:
        container: libav's name of the output's format.
        codec: libav's name of the encoder.
        pix_fmt: libav's name of the pixel format; None takes what fits the clip.
        crf: quality, if asked for.
        options: for the encoder, its number of threads among them: some codecs write
            other bits with another number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    container: str
    codec: str
    pix_fmt: str | None
    crf: float | None
    options: Mapping[str, str]


class Manifest(BaseModel):
    """What was planned. Equal manifests of equal `job` give interchangeable chunks.

    Attributes:
        format: version of this file's form.
        job: hash of all that follows but places; every record repeats it.
        source: the input.
        out: the output that `join` writes.
        overwrite: whether `out` may be replaced.
        settings: as of `Settings`, precision settled.
        weights: SHA-256 of the job's own weights file; empty if it uses bundled ones.
        fingerprint: of the opened session: stages, network and weights, settings, clip.
        versions: of libraries and plug-ins that pixels or bits depend on.
        encoding: how frames are written.
        probe: what was found when the source was opened.
        index: SHA-256 of the frame index.
        radius: frames on each side of n that frame n can depend on.
        chunk_frames: the most frames that a chunk has.
        chunks: the table.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["vdiff-farm-1"] = FORMAT
    job: str = ""
    source: Origin
    out: str
    overwrite: bool = False
    settings: dict[str, Any]
    weights: str
    fingerprint: str
    versions: dict[str, str]
    encoding: Encoding
    probe: dict[str, Any]
    index: str
    radius: int
    chunk_frames: int
    chunks: tuple[Row, ...]

    @property
    def span(self) -> Span:
        """All frames of the job."""
        return Span(self.chunks[0].first, self.chunks[-1].last)

    @property
    def table(self) -> tuple[Span, ...]:
        """The chunks as spans."""
        return tuple(row.span for row in self.chunks)

    def identity(self) -> str:
        """The hash that `job` should be."""
        values = self.model_dump(mode="json", exclude=_PLACES)
        del values["source"]["path"]
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def named(self) -> Manifest:
        """The same with its `job` filled in."""
        return self.model_copy(update={"job": self.identity()})


def read_manifest(path: Path) -> Manifest:
    """The manifest in the file `path`.

    Raises:
        ManifestError: none there, damaged, or of another version.
    """
    try:
        text = path.read_text(encoding="utf-8")
        manifest = Manifest.model_validate_json(text)
    except FileNotFoundError as error:
        raise ManifestError(
            f"{path.parent}: no job in it; make one with vdiff farm plan IN OUT --job DIR"
        ) from error
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise ManifestError(f"{path}: {_reason(path, error)}; plan the job anew") from error
    if manifest.job != manifest.identity():
        raise ManifestError(f"{path}: was changed by hand or damaged; plan the job anew")
    return manifest


def differences(mine: Manifest, theirs: Manifest) -> list[str]:
    """In words, what of two manifests is not the same; places left out."""
    left = mine.model_dump(mode="json", exclude=_PLACES)
    right = theirs.model_dump(mode="json", exclude=_PLACES)
    found = []
    for name in left:
        if name == "source":
            same = left[name]["sha256"] == right[name]["sha256"]
            found += [] if same else ["source"]
        elif left[name] != right[name]:
            found.append(_differing(name, left[name], right[name]))
    return found


def _differing(name: str, left: Any, right: Any) -> str:
    if not (isinstance(left, dict) and isinstance(right, dict)):
        return name
    keys = sorted(key for key in left | right if left.get(key) != right.get(key))
    pairs = (f"{key} {right.get(key)!r}, now {left.get(key)!r}" for key in keys)
    return f"{name} ({'; '.join(pairs)})" if name in ("settings", "versions") else name


def _reason(path: Path, error: Exception) -> str:
    try:
        form = json.loads(path.read_text(encoding="utf-8")).get("format")
    except (OSError, ValueError, AttributeError):
        return "cannot be read" if isinstance(error, OSError) else "damaged"
    return f"format {form!r}, but this vdiff knows {FORMAT!r}" if form != FORMAT else "damaged"
