"""What was measured, kept a line a measurement, so that a broken-off run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One method on one harmed clip.

    Attributes:
        method: its name; empty for the harmed clip as it is.
        version: of what did the work.
        form: `yuv420` or `rgb`.
        harm: name of the harm.
        clip: name of the clip.
        frames: measured.
        setting: strengths and variant; empty for what has none.
        measures: by name: `psnr`, `psnr_y`, `ssim`, `vmaf`, `flicker`, `fps` ...
    """

    method: str
    version: str
    form: str
    harm: str
    clip: str
    frames: int
    setting: Mapping[str, float | str] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> tuple[object, ...]:
        """What makes two rows the same measurement."""
        setting = tuple(sorted(self.setting.items()))
        return self.method, self.version, self.form, self.harm, self.clip, self.frames, setting

    def with_measures(self, measures: Mapping[str, float]) -> Row:
        """The same row with what was measured."""
        return replace(self, measures=measures)


class Rows:
    """Rows of a file, the newest of each key.

    Args:
        path: a JSON object a line; made and added to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = {row.key: row for row in _read(path)}
        if path.exists() and not path.read_bytes().endswith(b"\n"):
            with path.open("a", encoding="utf-8") as file:
                file.write("\n")  # behind a line that a kill cut short

    def find(self, like: Row, *measures: str) -> Row | None:
        """The row with the same key, if it has all of these measures."""
        found = self._rows.get(like.key)
        return found if found and found.measures.keys() >= set(measures) else None

    def add(self, row: Row) -> None:
        """Keep it, on the disk too."""
        known = self._rows.get(row.key)
        if known:
            row = row.with_measures({**known.measures, **row.measures})
        self._rows[row.key] = row
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())


def _read(path: Path) -> Iterator[Row]:
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield Row(**json.loads(line))
        except ValueError:
            continue  # a line that was cut short
