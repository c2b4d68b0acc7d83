"""Frames by number: those of the reader, and seeks only where one is needed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from host_adapters.media import ClipReader, Picture, read_clip
from host_adapters.preview import reel as module
from host_adapters.preview.reel import Reel
from tests.host_adapters.media.clips import make
from vdiff_plugin.errors import FrameError, MediaError

LENGTH, GOP = 90, 60


class Counting(ClipReader):
    """Counts passes, and where they begin."""

    begun: list[int]

    def pictures(self, start: int = 0, end: int | None = None) -> Generator[Picture]:
        self.begun.append(start)
        return super().pictures(start, end)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key frames at 0 and 60, and nothing to start from between them."""
    path = tmp_path_factory.mktemp("reel") / "film.mkv"
    options = {"g": str(GOP), "sc_threshold": "0", "preset": "ultrafast"}
    return make(path, frames=LENGTH, options=options)


@pytest.fixture
def reader(film: Path) -> ClipReader:
    found = Counting(read_clip(film).source)
    found.begun = []
    return found


@pytest.fixture
def reel(reader: ClipReader) -> Iterator[Reel]:
    with closing(Reel(reader)) as opened:
        yield opened


def one(reel: Reel, n: int) -> bytes:
    return reel.frames(range(n, n + 1))[n].key


@pytest.mark.parametrize("held", [1 << 28, 1])
def test_frames_are_those_of_the_reader_in_any_order(
    film: Path, reel: Reel, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(module, "_HELD", held)
    keys = [frame.key for frame in read_clip(film).frames()]
    assert len(set(keys)) == LENGTH
    for n in (50, 51, 49, 0, 89, 61, 60, 59, 30, 31, 32, 88):
        assert one(reel, n) == keys[n]
    window = reel.frames(range(57, 63))
    assert [window[n].key for n in window] == keys[57:63]


def test_steps_to_and_fro_need_no_seek(reader: Counting, reel: Reel) -> None:
    for n in (40, 41, 42, 41, 40, 39, 35, 30, 43, 58):
        one(reel, n)
    assert reader.begun == [28]
    one(reel, 61)  # beyond a key frame, but near
    assert reader.begun == [28]
    one(reel, 5)
    assert reader.begun == [28, 0]
    one(reel, 85)  # sooner had from its own key frame
    assert reader.begun == [28, 0, 73]
    one(reel, 61)
    assert reader.begun == [28, 0, 73]  # held since


def test_memory_is_bounded(reader: ClipReader, monkeypatch: pytest.MonkeyPatch) -> None:
    size = next(reader.frames(0, 0)).nbytes
    monkeypatch.setattr(module, "_HELD", 5 * size)
    with closing(Reel(reader)) as reel:
        for n in (40, 41, 10, 70):
            one(reel, n)
            assert len(reel._held) <= 5
            assert reel._size == size * len(reel._held)


def test_what_was_asked_for_last_is_kept_whatever_it_takes(
    reader: Counting, reel: Reel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HELD", 1)
    for n in range(40, 50):
        reel.frames(range(n, n + 7))
        assert len(reel._held) == 7
    assert reader.begun == [28]


def test_there_is_no_frame_outside_the_clip(reel: Reel) -> None:
    for n in (-1, LENGTH):
        with pytest.raises(FrameError, match=f"no frame {n}; the clip has {LENGTH}"):
            one(reel, n)
    one(reel, 0)


def test_a_file_that_is_gone_is_told_and_read_again_once_it_is_back(
    film: Path, reader: ClipReader, reel: Reel
) -> None:
    one(reel, 3)
    away = film.rename(film.with_suffix(".away"))
    try:
        for n in (3, 4):  # held, and next in the pass
            with pytest.raises(MediaError, match="gone, or not what it was; start the preview"):
                one(reel, n)
    finally:
        away.rename(film)
    assert one(reel, 4) == next(reader.frames(4, 4)).key


@pytest.mark.parametrize("anew", [False, True])
def test_two_files_are_never_mixed(film: Path, tmp_path: Path, *, anew: bool) -> None:
    path = tmp_path / "film.mkv"
    path.write_bytes(film.read_bytes())
    with closing(Reel(read_clip(path))) as reel:
        one(reel, 3)
        if anew:
            path.unlink()
        make(path, frames=20)
        with pytest.raises(MediaError, match="not what it was"):
            one(reel, 4)
