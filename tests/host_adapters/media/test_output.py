"""Outputs appear whole or not at all, and nothing is written over unasked."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from host_adapters.media import EncodeOptions, enhance, read_clip, write_video
from tests.host_adapters.media.clips import make
from vdiff_plugin.atomic import unwritable, whole_file
from vdiff_plugin.errors import FrameError, OutputError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.settings import Settings

SETTINGS = Settings.of(stages=("colour",))
LARGE: dict[str, Any] = {"codec": "ffv1", "size": (320, 180), "frames": 30}


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make(tmp_path / "in.mkv", codec="ffv1")


@pytest.mark.parametrize("overwrite", [None, False])
def test_an_existing_file_is_left_alone(clip: Path, overwrite: bool | None) -> None:
    out = clip.with_name("out.mkv")
    out.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already; -y replaces it"):
        enhance(clip, out, settings=SETTINGS, overwrite=overwrite)
    assert out.read_bytes() == b"mine"
    enhance(clip, out, settings=SETTINGS, overwrite=True)
    assert len(read_clip(out)) == 10
    assert names(clip.parent) == {"in.mkv", "out.mkv"}


@pytest.mark.parametrize("link", ["same", "symbolic", "hard", "roundabout"])
def test_the_input_is_never_the_output(clip: Path, link: str) -> None:
    before = clip.read_bytes()
    out = {"same": clip, "roundabout": clip.parent / ".." / clip.parent.name / clip.name}.get(
        link, clip.with_name("link.mkv")
    )
    if link == "symbolic":
        out.symlink_to(clip)
    elif link == "hard":
        out.hardlink_to(clip)
    with pytest.raises(OutputError, match="is the input"):
        enhance(clip, out, settings=SETTINGS, overwrite=True)
    assert clip.read_bytes() == before


def test_names_that_cannot_be_written(clip: Path) -> None:
    folder = clip.parent
    for out, told in (
        (folder, "a directory"),
        (folder / "nowhere" / "out.mkv", "no folder"),
        (folder / "out.xyz", r"no container has this suffix; use one of \.mkv"),
        (folder / "out", "no container has this suffix"),
    ):
        with pytest.raises(OutputError, match=told):
            enhance(clip, out, settings=SETTINGS)
    assert names(folder) == {"in.mkv"}


def test_a_failing_block_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")

    def fail() -> None:
        with whole_file(path, overwrite=True, sources=()) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == {"out.txt"}


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"

    def race() -> None:
        with whole_file(path, overwrite=None, sources=()) as part:
            part.write_text("ours")
            path.write_text("theirs")

    with pytest.raises(OutputError, match="appeared meanwhile"):
        race()
    assert path.read_text() == "theirs"
    assert names(tmp_path) == {"out.txt"}


def test_the_temporary_name_has_the_suffix_and_the_folder(tmp_path: Path) -> None:
    with whole_file(tmp_path / "out.mkv", overwrite=None, sources=()) as part:
        assert part.parent == tmp_path
        assert part.suffix == ".mkv"
        part.write_bytes(b"whole")
        assert not (tmp_path / "out.mkv").exists()
    assert names(tmp_path) == {"out.mkv"}


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("ending", ["mkv", "mp4", "avi"])
def test_a_file_that_grows_too_large_is_removed(tmp_path: Path, ending: str) -> None:
    path = make(tmp_path / "in.mkv", **LARGE)
    encode = EncodeOptions(codec="mjpeg", pix_fmt="yuv420p")
    with file_size_limit(60_000), pytest.raises(OutputError, match="larger than a file may be"):
        enhance(path, tmp_path / f"out.{ending}", settings=SETTINGS, encode=encode)
    assert names(tmp_path) == {"in.mkv"}


@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov", "ts"])
def test_a_full_disk(tmp_path: Path, ending: str) -> None:
    path = make(tmp_path / "in.mkv", **LARGE)
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small disk here")
    try:
        with pytest.raises(OutputError, match="the disk is full"):
            enhance(path, disk / f"out.{ending}", settings=SETTINGS)
        assert names(disk) == set()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_folder_without_permission(clip: Path) -> None:
    closed = clip.parent / "closed"
    closed.mkdir()
    closed.chmod(0o500)
    clip.parent.chmod(0o755)
    program = (
        "import os, sys\n"
        "from host_adapters.media import enhance\n"
        "from vdiff_plugin.errors import OutputError\n"
        "from vdiff_plugin.settings import Settings\n"
        "sys.path.insert(0, os.getcwd())\n"
        "folder = os.open(sys.argv[1], os.O_RDONLY)\n"
        "os.fchdir(folder)\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "try: enhance('in.mkv', 'closed/out.mkv', settings=Settings.of(stages=('colour',)))\n"
        "except OutputError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(clip.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no permission to write" in done.stdout, done.stderr
    assert names(closed) == set()


def test_what_the_system_says_in_one_line() -> None:
    path = Path("o.mkv")
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, None, 10**9):
        text = str(unwritable(path, number))
        assert text.startswith("o.mkv: ")
        assert "\n" not in text


CLIP = ClipInfo(width=16, height=16, format=PixelFormat(family="yuv", log2_w=1, log2_h=1))


def frame(value: int, clip: ClipInfo = CLIP) -> Frame:
    return Frame(tuple(np.full(shape, value, np.uint8) for shape in clip.plane_shapes()))


def test_frames_of_ones_own_become_a_file(tmp_path: Path) -> None:
    frames = [frame(20 * n) for n in range(5)]
    path = write_video(
        frames, tmp_path / "o.mkv", clip=CLIP, rate=30, encode=EncodeOptions(codec="ffv1")
    )
    clip = read_clip(path)
    assert [each.key for each in clip.frames()] == [each.key for each in frames]
    assert clip.source.rate == 30
    assert (clip.info.matrix, clip.info.full_range) == ("bt709", False)


def test_motion_jpeg_as_everybody_writes_it(tmp_path: Path) -> None:
    encode = EncodeOptions(codec="mjpeg")
    path = write_video(map(frame, (60, 90)), tmp_path / "o.avi", clip=CLIP, rate=30, encode=encode)
    lumas = [int(each.planes[0].mean()) for each in read_clip(path).frames()]
    assert lumas == pytest.approx([60, 90], abs=2)


def test_a_frame_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    other = ClipInfo(width=8, height=8, format=CLIP.format)
    with pytest.raises(FrameError, match="do not fit the clip"):
        write_video([frame(1), frame(2, other)], tmp_path / "o.mkv", clip=CLIP)
    assert names(tmp_path) == set()
