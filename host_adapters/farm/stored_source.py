"""What was found out about a source, written down so that no other machine has to look again."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from host_adapters.media.colour import ColourTags
from host_adapters.media.formats import layout_of
from host_adapters.media.index import FrameIndex
from host_adapters.media.integrity import Doubt
from host_adapters.media.source import Source
from vdiff_plugin.atomic import unwritable, whole_file
from vdiff_plugin.farm.manifest import ManifestError
from vdiff_plugin.frame import ClipInfo, PixelFormat

_TIMES = ("pts", "durations", "keys")


def store(source: Source) -> dict[str, Any]:
    """A source as JSON values; its path and the long lists of its index left out."""
    index = source.index
    return {
        "container": source.container,
        "stream": source.stream,
        "codec": source.codec,
        "info": asdict(source.info),
        "layout": source.layout.name,
        "tags": asdict(source.tags),
        "time_base": str(source.time_base),
        "rate": str(source.rate),
        "sar": str(source.sar),
        "index": {
            "declared": index.declared,
            "packets": index.packets,
            "end": index.end,
            "seekable": index.seekable,
            "damaged": sorted(index.damaged),
            "doubtful": [list(each) for each in index.doubtful],
        },
        "side_data": {k: base64.b64encode(v).decode() for k, v in source.side_data.items()},
        "frame_data": sorted(source.frame_data),
        "truncated": source.truncated,
        "notes": list(source.notes),
    }


def restore(stored: Mapping[str, Any], index: FrameIndex, path: Path) -> Source:
    """The source that was stored, at `path`. Its notes were told when it was planned."""
    return Source(
        path=path,
        container=stored["container"],
        stream=stored["stream"],
        codec=stored["codec"],
        info=clip_of(stored["info"]),
        layout=layout_of(stored["layout"]),
        tags=ColourTags(**stored["tags"]),
        time_base=Fraction(stored["time_base"]),
        rate=Fraction(stored["rate"]),
        sar=Fraction(stored["sar"]),
        index=index,
        side_data={k: base64.b64decode(v) for k, v in stored["side_data"].items()},
        frame_data=frozenset(stored["frame_data"]),
        truncated=stored["truncated"],
        notes=tuple(stored["notes"]),
    )


def clip_of(stored: Mapping[str, Any]) -> ClipInfo:
    """A clip from the values that `dataclasses.asdict` made of it."""
    return ClipInfo(**{**stored, "format": PixelFormat(**stored["format"])})


def save_index(index: FrameIndex, path: Path) -> None:
    """Write the lists of an index whole or not at all. Raises OutputError."""
    with whole_file(path, overwrite=True, sources=()) as part:
        try:
            np.savez_compressed(part, allow_pickle=False, **_arrays(index))
        except OSError as error:
            raise unwritable(path, error.errno) from error


def load_index(stored: Mapping[str, Any], path: Path, wanted: str) -> FrameIndex:
    """An index from its lists in `path` and its other values in `stored`.

    Args:
        stored: what `store` made of the source.
        path: what `save_index` wrote.
        wanted: the hash that `index_hash` gave.

    Raises:
        ManifestError: the file is missing, damaged or of another source.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            lists = {name: arrays[name] for name in _TIMES}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ManifestError(f"{path}: damaged ({error}); plan the job anew") from error
    facts = dict(stored["index"])
    facts["damaged"] = frozenset(facts["damaged"])
    facts["doubtful"] = tuple(Doubt(*each) for each in facts["doubtful"])
    index = FrameIndex(**lists, **facts)
    if index_hash(index) != wanted:
        raise ManifestError(f"{path}: is not the job's own index; plan the job anew")
    return index


def index_hash(index: FrameIndex) -> str:
    """SHA-256 of an index's lists."""
    digest = hashlib.sha256()
    for name, values in _arrays(index).items():
        digest.update(f"{name} {len(values)} ".encode() + values.tobytes())
    return digest.hexdigest()


def _arrays(index: FrameIndex) -> dict[str, Any]:
    return {name: np.asarray(getattr(index, name), "<i8") for name in _TIMES}
