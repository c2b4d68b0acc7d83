"""The recipes of docs/ffmpeg.md, each run as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest

from host_adapters.media import EncodeOptions, enhance, read_clip
from tests.host_adapters.media.clips import Recipe, make, make_film, png
from tests.host_adapters.media.test_ffprobe import hevc_hdr10, side_data
from vdiff_plugin.settings import Settings

pytestmark = pytest.mark.ffmpeg

PAGE = Path(__file__).parents[3] / "docs" / "ffmpeg.md"
RECIPES = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
SIZE = (96, 64)


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """A folder with the files that the recipes name."""
    make_film(tmp_path / "noisy.mp4", video=Recipe(frames=12, size=SIZE))
    interlaced(tmp_path / "dvd.mkv")
    make(tmp_path / "phone.mp4", rotation=90, frames=5, time_base=Fraction(1, 12800), size=SIZE)
    hevc_hdr10(tmp_path).rename(tmp_path / "hdr.mkv")
    (tmp_path / "logo.png").write_bytes(png())
    (tmp_path / "batch").mkdir()
    for name in ("one.mp4", "two.mp4"):
        shutil.copy(tmp_path / "noisy.mp4", tmp_path / "batch" / name)
    return tmp_path


def interlaced(path: Path) -> None:
    source = path.with_name("progressive.mkv")
    make(source, codec="mpeg2video", frames=6, size=SIZE)
    words = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        str(source),
        "-vf",
        "tinterlace=interleave_top,setsar=16/11",
    ]
    options = ["-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-r", "25"]
    subprocess.run([*words, *options, str(path)], check=True)


def follow(recipe: str, folder: Path) -> None:
    programs = folder / "bin"
    programs.mkdir()
    shim = programs / "vdiff"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vdiff_plugin "$@"\n')
    shim.chmod(0o755)
    root = str(Path(__file__).parents[3])
    path = f"{programs}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", recipe],
        cwd=folder,
        env=os.environ | {"PATH": path, "PYTHONPATH": root},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_there_are_ten() -> None:
    assert len(RECIPES) == 10


@pytest.mark.parametrize("number", range(10))
def test_a_recipe(number: int, footage: Path) -> None:
    recipe = RECIPES[number]
    follow(recipe, footage)
    CHECKS[number](footage)


def clean(folder: Path) -> None:
    assert count(folder / "clean.mp4") == 12
    assert sound(folder / "clean.mp4") == sound(folder / "noisy.mp4")


def dvd(folder: Path) -> None:
    with av.open(str(folder / "dvd-restored.mkv")) as container:
        pictures = list(container.decode(video=0))
        assert container.streams.video[0].sample_aspect_ratio == Fraction(16, 11)
    assert pictures
    assert not any(each.interlaced_frame for each in pictures)


def phone(folder: Path) -> None:
    info = read_clip(folder / "phone-2x.mp4").info
    assert (info.width, info.height) == (2 * SIZE[1], 2 * SIZE[0])


def hdr(folder: Path) -> None:
    assert side_data(folder / "hdr-clean.mkv") == side_data(folder / "hdr.mkv")
    assert read_clip(folder / "hdr-clean.mkv").info.format.bits == 10


def overlaid(folder: Path) -> None:
    assert count(folder / "overlaid.mp4") == 12


def live(folder: Path) -> None:
    assert count(folder / "live.mkv") == 12


def masked(folder: Path) -> None:
    assert count(folder / "masked.mp4") == 12


def scripted(folder: Path) -> None:
    assert count(folder / "scripted.mp4") == 12


def batch(folder: Path) -> None:
    assert sorted(each.name for each in (folder / "out").iterdir()) == ["one.mp4", "two.mp4"]


def chunks(folder: Path) -> None:
    whole = folder / "whole.mkv"
    encode = EncodeOptions(codec="ffv1")
    enhance(folder / "noisy.mp4", whole, settings=Settings.of(), encode=encode)
    assert keys(folder / "restored.mkv") == keys(whole)


CHECKS = (clean, dvd, phone, hdr, overlaid, live, masked, scripted, batch, chunks)


def count(path: Path) -> int:
    return len(read_clip(path))


def keys(path: Path) -> list[bytes]:
    return [frame.key for frame in read_clip(path).frames()]


def sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(each) for each in container.demux(audio=0) if each.size]
