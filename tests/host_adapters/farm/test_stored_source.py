"""What one machine finds out about a source, another one reads back whole."""

from __future__ import annotations

import json
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from host_adapters.farm.stored_source import index_hash, load_index, restore, save_index, store
from host_adapters.media import Source, probe
from tests.host_adapters.media.clips import damage, make
from vdiff_plugin.farm.manifest import ManifestError

TOLD_ALREADY = {"notes"}


def again(source: Source, folder: Path) -> Source:
    """The source after a journey through files."""
    stored = json.loads(json.dumps(store(source)))
    path = folder / "index.npz"
    save_index(source.index, path)
    return restore(stored, load_index(stored, path, index_hash(source.index)), source.path)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other)) and one.dtype == other.dtype
    return bool(one == other)


@pytest.mark.parametrize("kind", ["plain", "deep", "uneven", "damaged", "uncounted"])
def test_every_fact_comes_back(tmp_path: Path, kind: str) -> None:
    recipe: dict[str, Any] = {
        "plain": {"rotation": 90, "tags": {"color_trc": 16}},
        "deep": {"codec": "ffv1", "pix_fmt": "yuva444p10le"},
        "uneven": {"pts": [0, 41, 80, 300], "time_base": Fraction(1, 1000)},
        "damaged": {"codec": "ffv1", "frames": 12},
        "uncounted": {},
    }[kind]
    names = {"plain": "in.mp4", "uncounted": "in.h264"}
    path = make(tmp_path / names.get(kind, "in.mkv"), **recipe)
    if kind == "damaged":
        path = damage(path, [5])
    source = probe(path)
    found = again(source, tmp_path)
    for part, other in ((source, found), (source.index, found.index)):
        for each in fields(part):
            if each.name not in TOLD_ALREADY | {"index"}:
                assert same(getattr(part, each.name), getattr(other, each.name)), each.name


def test_an_index_of_another_source_is_refused(tmp_path: Path) -> None:
    one = probe(make(tmp_path / "one.mkv"))
    two = probe(make(tmp_path / "two.mkv", frames=7))
    save_index(two.index, tmp_path / "index.npz")
    with pytest.raises(ManifestError, match="not the job's own index"):
        load_index(store(one), tmp_path / "index.npz", index_hash(one.index))
    (tmp_path / "index.npz").write_bytes(b"PK")
    with pytest.raises(ManifestError, match="damaged"):
        load_index(store(one), tmp_path / "index.npz", index_hash(one.index))
