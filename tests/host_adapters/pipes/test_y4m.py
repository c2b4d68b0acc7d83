"""YUV4MPEG2 in memory: what is read is what comes back, and what is broken is said."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from host_adapters.pipes.y4m import Y4mReader, Y4mWriter
from host_adapters.pipes.y4m_header import Y4mHeader
from vdiff_plugin.errors import MediaError, UnsupportedMediaError
from vdiff_plugin.frame import ClipInfo, PixelFormat

TAGS = [
    *("420jpeg", "420mpeg2", "420paldv", "420", "422", "444", "411", "444alpha", "mono"),
    *(f"{grid}p{bits}" for grid in ("420", "422", "444") for bits in (9, 10, 12, 14, 16)),
    *(f"mono{bits}" for bits in (9, 10, 12, 16)),
]


def stream(tag: str, width: int, height: int, frames: int = 3, extra: str = "") -> bytes:
    header = Y4mHeader.parse(f"YUV4MPEG2 W{width} H{height} F30000:1001 Ip A4:3 C{tag}{extra}\n")
    clip = header.clip()
    rng = np.random.default_rng(7)
    data = header.line().encode()
    for _ in range(frames):
        data += b"FRAME\n"
        for shape in clip.plane_shapes():
            plane = rng.integers(0, clip.format.peak + 1, shape)
            data += plane.astype(clip.format.dtype).tobytes()
    return data


def through(data: bytes) -> bytes:
    reader, out = Y4mReader(io.BytesIO(data)), io.BytesIO()
    writer = Y4mWriter(out, reader.header.of(reader.clip))
    for frame, line in reader.frames():
        writer.write(frame.require(reader.clip), line)
    return out.getvalue()


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("size", [(16, 8), (17, 9), (1, 1)])
def test_a_stream_comes_back_byte_for_byte(tag: str, size: tuple[int, int]) -> None:
    data = stream(tag, *size, extra=" XCOLORRANGE=FULL XOTHER=1")
    assert through(data) == data


@pytest.mark.parametrize(
    ("tag", "site"), [("420jpeg", "center"), ("420mpeg2", "left"), ("420paldv", "topleft")]
)
def test_chroma_siting_is_read(tag: str, site: str) -> None:
    assert Y4mReader(io.BytesIO(stream(tag, 8, 8))).clip.chroma_location == site


@pytest.mark.parametrize(("word", "full"), [("FULL", True), ("LIMITED", False)])
@pytest.mark.parametrize("tag", ["420jpeg", "mono"])
def test_the_range_is_read(tag: str, word: str, full: bool) -> None:
    data = stream(tag, 8, 8, extra=f" XCOLORRANGE={word}")
    assert Y4mReader(io.BytesIO(data)).clip.full_range is full


def test_a_range_from_outside_is_written_but_never_overrides() -> None:
    silent = Y4mReader(io.BytesIO(stream("422", 8, 8)), range_=2)
    assert silent.clip.full_range
    assert "XCOLORRANGE=FULL" in silent.header.line()
    said = Y4mReader(io.BytesIO(stream("422", 8, 8, extra=" XCOLORRANGE=LIMITED")), range_=2)
    assert not said.clip.full_range


def test_a_changed_format_gets_its_own_tag() -> None:
    header = Y4mHeader.parse("YUV4MPEG2 W4 H4 F25:1 C420mpeg2 XYSCSS=420MPEG2 XCOLORRANGE=FULL\n")
    deep = PixelFormat(family="yuv", bits=10, log2_w=1, log2_h=1)
    line = header.of(ClipInfo(width=8, height=6, format=deep)).line()
    assert line.split()[1:3] == ["W8", "H6"]
    assert line.endswith("C420p10 XYSCSS=420P10 XCOLORRANGE=FULL\n")
    assert header.rate == Fraction(25)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("RIFF W4 H4\n", "no YUV4MPEG2 stream"),
        ("YUV4MPEG2 W4\n", "damaged header"),
        ("YUV4MPEG2 Wx H4\n", "damaged header"),
        ("YUV4MPEG2 W4 H4 It\n", "interlaced"),
        ("YUV4MPEG2 W4 H4 C420p8888\n", "pixel format"),
        ("YUV4MPEG2 W4 H4 Cnv12\n", "pixel format"),
    ],
)
def test_a_bad_header_is_said(line: str, says: str) -> None:
    with pytest.raises((MediaError, UnsupportedMediaError), match=says):
        Y4mHeader.parse(line)


@given(st.integers(1, 400))
def test_a_stream_cut_anywhere_ends_between_frames_or_is_an_error(cut: int) -> None:
    data = stream("420jpeg", 8, 8)
    header = len(data.split(b"\n")[0]) + 1
    kept = data[: header + min(cut, len(data) - header)]
    frame = len(b"FRAME\n") + 96
    reader = Y4mReader(io.BytesIO(kept))
    if (len(kept) - header) % frame == 0:
        assert len(list(reader.frames())) == (len(kept) - header) // frame
    else:
        with pytest.raises(MediaError, match=r"^stdin: (ends within|frame \d does not begin)"):
            list(reader.frames())


def test_samples_beyond_their_depth_are_refused() -> None:
    data = bytearray(stream("mono10", 4, 4, frames=1))
    data[-2:] = b"\xff\xff"
    with pytest.raises(MediaError, match="65535 in 10-bit"):
        list(Y4mReader(io.BytesIO(bytes(data))).frames())
