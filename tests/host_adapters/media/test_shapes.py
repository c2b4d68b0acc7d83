"""Pixels that are not square stay so in every container, and nothing else of a header moves."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from host_adapters.media import EncodeOptions, enhance
from host_adapters.media.ebml import Element, children, head, joined
from host_adapters.media.matroska import broken_spans
from host_adapters.media.matroska_shape import TRACKS, display_size, shaped
from host_adapters.media.nut_shape import checksum
from host_adapters.media.nut_shape import shaped as nut_shaped
from host_adapters.media.shapes import ShapedPipe, shapes_of, write_shapes
from tests.host_adapters.media.clips import Recipe, describe, make, make_film
from vdiff_plugin.settings import Settings

SETTINGS = Settings.of(strength=0)
SHAPE = Fraction(16, 11)
SHAPES = [SHAPE, Fraction(8, 9), Fraction(349, 240), Fraction(5, 2), Fraction(65535, 65534)]
FILES = [
    ("mkv", "ffv1"),
    ("mkv", "mpeg2video"),
    ("mkv", "libvpx-vp9"),
    ("mkv", "libsvtav1"),
    ("webm", "libvpx-vp9"),
    ("avi", "ffv1"),
    ("nut", "ffv1"),
    ("mp4", "libsvtav1"),
    ("mp4", "libvpx-vp9"),
]


def shapes(path: Path) -> dict[int, Fraction]:
    with av.open(str(path)) as container:
        return shapes_of(container.streams)


def drain(descriptor: int, into: Path) -> None:
    with os.fdopen(descriptor, "rb") as source:
        into.write_bytes(source.read())


def probed(path: Path, *what: str) -> dict[str, Any]:
    words = ["ffprobe", "-v", "warning", "-of", "json", *what, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert not done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """With sound, subtitles, attachments and chapters, as PyAV writes it: of unknown shape."""
    return make_film(
        tmp_path / "film.mkv",
        video=Recipe(codec="ffv1"),
        subtitles={"eng": "subrip"},
        attachment=True,
        chapters=True,
        metadata={"title": "Film"},
    )


@pytest.mark.parametrize(("ending", "codec"), FILES)
def test_the_shape_is_kept(tmp_path: Path, ending: str, codec: str) -> None:
    source, out = make(tmp_path / "in.mkv", codec="ffv1"), tmp_path / f"out.{ending}"
    assert write_shapes(source, "matroska", {0: SHAPE}) == {}
    enhance(source, out, settings=SETTINGS, encode=EncodeOptions(codec=codec))
    assert shapes(out) == {0: SHAPE}


@pytest.mark.ffmpeg
@pytest.mark.parametrize(("ending", "codec"), FILES[:7])
def test_others_read_the_shape(tmp_path: Path, ending: str, codec: str) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / f"out.{ending}"
    words = ["-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.4,setsar=16/11,format=yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", *words, "-c:v", "ffv1", str(source)], check=True)
    enhance(source, out, settings=SETTINGS, encode=EncodeOptions(codec=codec))
    assert probed(out, "-show_streams")["streams"][0]["sample_aspect_ratio"] == "16:11"


@pytest.mark.parametrize("shape", SHAPES)
def test_only_the_shape_changes(film: Path, shape: Fraction) -> None:
    before, data = describe(film), film.read_bytes()
    assert write_shapes(film, "matroska", {0: shape}) == {}
    assert shapes(film) == {0: shape}
    assert describe(film) == before
    assert broken_spans(film) == []
    after = film.read_bytes()
    place = after.index(bytes.fromhex("1f43b675"))
    assert after[place:] == data[place:]


def test_the_list_of_places_names_what_is_there(film: Path) -> None:
    write_shapes(film, "matroska", {0: SHAPE})
    data = film.read_bytes()
    first = head(data)
    begin = first.length + (first.size or 0)
    begin += head(data[begin : begin + 12]).length
    listed = head(data[begin : begin + 12])
    content = data[begin + listed.length : begin + listed.length + (listed.size or 0)]
    places = {}
    for entry in children(content)[1:]:  # behind the checksum
        number, place = (int.from_bytes(each.content) for each in children(entry.content))
        places[number] = place
    assert {TRACKS, 0x1549A966, 0x1043A770, 0x1941A469} <= set(places)
    for number, place in places.items():
        assert head(data[begin + place : begin + place + 12]).number == number


def test_a_second_video_keeps_its_shape(tmp_path: Path) -> None:
    """It is copied, its own stream does not say the shape, and attachments have no place."""
    source = tmp_path / "two.mkv"
    with av.open(str(source), "w") as container:
        for _ in range(2):
            container.add_attachment("font.ttf", "application/x-truetype-font", b"font")
            stream = container.add_stream("ffv1", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for stream in container.streams.video:
            picture = av.VideoFrame(64, 48, "yuv420p")
            picture.pts = 0
            container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    both = {0: SHAPE, 1: Fraction(8, 9)}
    assert write_shapes(source, "matroska", both) == {}
    enhance(source, tmp_path / "out.mkv", settings=SETTINGS)
    assert shapes(tmp_path / "out.mkv") == both


@pytest.mark.parametrize("size", [(720, 576), (1440, 1080), (64, 48), (3, 5)])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_size_on_the_screen_holds_the_picture(size: tuple[int, int], shape: Fraction) -> None:
    across, down, unit = display_size(*size, shape)
    assert Fraction(across * size[1], down * size[0]) == shape
    if unit == 0:
        assert size[0] <= across <= 4 * size[0]
        assert size[1] <= down <= 4 * size[1]


def test_sizes_people_know() -> None:
    assert display_size(720, 576, Fraction(64, 45)) == (1024, 576, 0)
    assert display_size(1440, 1080, Fraction(4, 3)) == (1920, 1080, 0)
    assert display_size(720, 480, Fraction(8, 9)) == (720, 540, 0)


@pytest.mark.parametrize("data", [b"", b"\x1a", bytes(64), b"\x1a\x45\xdf\xa3\x80" + bytes(40)])
def test_what_is_no_header_stays(data: bytes) -> None:
    assert shaped(data, {0: SHAPE}) == data
    assert nut_shaped(data, {0: SHAPE}) == data


def test_a_header_without_room_stays(film: Path, tmp_path: Path) -> None:
    data = film.read_bytes()
    full = tmp_path / "full.mkv"
    place = data.index(bytes.fromhex("ec01000000000000"))
    full.write_bytes(data[:place] + b"\x42\x86" + data[place + 1 :])
    assert shaped(full.read_bytes(), {0: SHAPE}) == full.read_bytes()
    begin = data[: data.index(bytes.fromhex("1549a966"))]
    assert shaped(begin, {0: SHAPE}) == begin


def test_what_cannot_be_said_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source, out = make(tmp_path / "in.mkv", codec="ffv1"), tmp_path / "out.ts"
    write_shapes(source, "matroska", {0: SHAPE})
    enhance(source, out, settings=SETTINGS, encode=EncodeOptions(codec="mpeg2video"))
    assert (
        f"{out}: stream 0 lacks the shape of its pixels, 16:11, which mpegts files do not say of "
        "it; play it with that shape, or write to .mkv"
    ) in caplog.text


@pytest.mark.parametrize("container", ["matroska", "nut", "webm"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_pipe_says_the_shape(tmp_path: Path, container: str, shape: Fraction) -> None:
    out = tmp_path / "piped"
    read, write = os.pipe()
    reader = threading.Thread(target=drain, args=(read, out))
    reader.start()
    pipe = ShapedPipe(write, container)
    codec = {"matroska": "ffv1", "nut": "rawvideo", "webm": "libvpx-vp9"}[container]
    with av.open(pipe, "w", format=container) as written:
        stream = written.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        written.start_encoding()
        pipe.release({0: shape})
        for n in range(3):
            picture = av.VideoFrame(64, 48, "yuv420p")
            picture.pts = n
            written.mux(stream.encode(picture))
        written.mux(stream.encode(None))
    os.close(write)
    reader.join()
    assert shapes(out) == {0: shape}
    with av.open(str(out)) as again:
        assert sum(1 for _ in again.decode(video=0)) == 3


def test_checksums_of_nut() -> None:
    """The one of an empty packet is zero, and one bit moves by the polynomial."""
    assert checksum(b"") == 0
    assert checksum(b"\x01") == 0x04C11DB7
    assert checksum(b"\x01\x00") == 0xD219C1DC


def test_elements_are_written_as_they_were_read(film: Path) -> None:
    data = film.read_bytes()
    first = head(data)
    ebml = children(data[: first.length + (first.size or 0)])[0]
    assert joined([ebml]) == data[: len(ebml.encoded())]
    with pytest.raises(ValueError, match="whole elements"):
        children(data[:20])
    assert Element(0xEC, bytes(126)).encoded()[:2] == b"\xec\xfe"
    assert Element(0xEC, bytes(127)).encoded()[:3] == b"\xec\x40\x7f"
