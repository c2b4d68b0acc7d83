"""How long the last frame is shown: containers say it in ways of their own."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from host_adapters.media import enhance, read_clip
from host_adapters.media.mp4 import track_end
from tests.host_adapters.media.clips import Recipe, add_video, encoded, make, make_film
from vdiff_plugin.settings import Settings

SETTINGS = Settings.of(stages="colour:gamma=1.1")
TIMES = [0, 120, 240, 280, 360, 480, 560, 600, 720, 840, 960, 1080]  # ms
LAST = 40  # ms
ORDERS = {"in order": {"bf": "0"}, "reordered": {"bf": "3"}}


def variable(path: Path, order: str, **details: Any) -> Path:
    """H.264 of a variable rate, whose last frame is short."""
    return make(
        path,
        pts=TIMES,
        frames=len(TIMES),
        time_base=Fraction(1, 1000),
        options=ORDERS[order],
        **details,
    )


def end_of(path: Path) -> float:
    """When the container says that it ends, in seconds."""
    if path.suffix == ".mkv":
        with av.open(str(path)) as container:
            return (container.duration or 0) / 1e6
    end = track_end(path, 1)
    assert end is not None
    return float(end)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("begins", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_file_ends_when_it_ended(tmp_path: Path, order: str, begins: str, ending: str) -> None:
    path, out = variable(tmp_path / f"in.{begins}", order), tmp_path / f"out.{ending}"
    assert end_of(path) == pytest.approx((TIMES[-1] + LAST) / 1000)
    enhance(path, out, settings=SETTINGS)
    assert end_of(out) == pytest.approx(end_of(path), abs=0.0011)
    source = read_clip(out).source
    assert [round(float(source.seconds(n)) * 1000) for n in range(len(TIMES))] == TIMES


@pytest.mark.parametrize("begins", ["mp4", "mkv"])
def test_the_last_frame_is_as_long_as_the_header_says(tmp_path: Path, begins: str) -> None:
    source = read_clip(variable(tmp_path / f"in.{begins}", "reordered")).source
    shown = [source.index.duration(n) * source.time_base for n in range(len(TIMES))]
    steps = [b - a for a, b in pairwise(TIMES)]
    assert [round(float(each) * 1000) for each in shown] == [*steps, LAST]


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_slide_at_the_end_stays_as_long(tmp_path: Path, ending: str) -> None:
    """And is no sign of a file that is cut off."""
    path = tmp_path / f"in.{ending}"
    with av.open(str(path), "w") as container:
        recipe = Recipe(pts=TIMES, frames=12, time_base=Fraction(1, 1000), options={"bf": "3"})
        stream = add_video(container, recipe)
        container.start_encoding()
        for packet in encoded(stream, recipe):
            packet.duration = 5000 if packet.pts == TIMES[-1] else packet.duration
            container.mux(packet)
    assert end_of(path) == pytest.approx(6.08)
    enhance(path, tmp_path / f"out.{ending}", settings=SETTINGS)
    assert end_of(tmp_path / f"out.{ending}") == pytest.approx(6.08)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_longer_sound_does_not_hold_the_last_frame(tmp_path: Path, ending: str) -> None:
    path = make_film(tmp_path / f"in.{ending}", video=Recipe(pts=[0, 1, 2, 3, 5], frames=5))
    sound = tmp_path / f"sound.{ending}"
    with av.open(str(path)) as film, av.open(str(sound), "w") as out:
        streams = {each.index: out.add_stream_from_template(each) for each in film.streams}
        for packet in film.demux():
            late = packet.pts is not None and packet.stream.type == "video" and packet.pts > 0
            if packet.size and not (late and packet.pts * packet.time_base > Fraction(1, 10)):
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    index = read_clip(sound).source.index
    assert index.end > 0.19  # the sound's
    assert index.duration(len(index) - 1) == index.duration(0)


@pytest.mark.parametrize("cut", [0, 7, 40, 200, 5000])
def test_headers_that_are_cut_off_say_nothing(tmp_path: Path, cut: int) -> None:
    path = make(tmp_path / "in.mp4", muxing={"movflags": "faststart"})
    assert track_end(path, 1) == Fraction(2, 5)
    assert track_end(path, 2) is None
    at = path.read_bytes().index(b"tkhd")
    path.write_bytes(path.read_bytes()[: min(cut, at + 10)])
    assert track_end(path, 1) is None


def test_a_header_of_unknown_length_says_nothing(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mp4")
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, data.index(b"tkhd") + 4 + 20, 0xFFFFFFFF)
    path.write_bytes(data)
    assert track_end(path, 1) is None
    assert read_clip(path).source.index.duration(9) > 0
