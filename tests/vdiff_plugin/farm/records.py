"""Manifests and records for tests that open no video."""

from __future__ import annotations

import hashlib
from typing import Any

from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.manifest import Encoding, Manifest, Origin, Row
from vdiff_plugin.farm.record import Record
from vdiff_plugin.farm.spans import Span, chunk_table


def manifest(frames: int = 30, at_most: int = 10, **changes: Any) -> Manifest:
    rows = tuple(
        Row(
            first=each.first,
            last=each.last,
            needs_first=max(0, each.first - 2),
            needs_last=min(frames - 1, each.last + 2),
        )
        for each in chunk_table(Span(0, frames - 1), at_most)
    )
    values: dict[str, Any] = {
        "source": Origin(path="/films/in.mkv", size=100, sha256="ab" * 32),
        "out": "/films/out.mkv",
        "settings": {"strength": 1.0},
        "weights": "",
        "fingerprint": "cd" * 16,
        "versions": {"av": "19"},
        "encoding": Encoding(
            container="matroska", codec="ffv1", pix_fmt=None, crf=None, options={"threads": "4"}
        ),
        "probe": {},
        "index": "ef" * 32,
        "radius": 2,
        "chunk_frames": at_most,
        "chunks": rows,
    }
    return Manifest(**(values | changes)).named()


def record(job: str, span: Span, data: bytes = b"frames") -> Record:
    return Record(
        job=job,
        first=span.first,
        last=span.last,
        count=len(span),
        frames=tuple(f"{n:032x}" for n in span.frames()),
        file=f"{span.first}-{span.last}.nut",
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        extradata="",
    )


def finish(folder: JobFolder, span: Span, data: bytes = b"frames") -> Record:
    """Pretend that frames were rendered: a file and its record."""
    made = record(folder.manifest.job, span, data)
    (folder.chunks / made.file).write_bytes(data)
    folder.add(made)
    return made
