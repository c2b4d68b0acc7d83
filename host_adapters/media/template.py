"""A stream to copy parameters from, made of nothing but a Matroska header in memory.

Muxers write HDR metadata from the stream's parameters. PyAV can only copy those from a
stream that it has read. So a header that says what we want to say is written here, read
by libav, and used as the template of the output stream.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import av
from av.video.stream import VideoStream

from host_adapters.media.ebml import Element
from host_adapters.media.hdr import Hdr, Mastering

_CODECS = {
    "h264": "V_MPEG4/ISO/AVC",
    "hevc": "V_MPEGH/ISO/HEVC",
    "av1": "V_AV1",
    "vp9": "V_VP9",
    "ffv1": "V_FFV1",
    "prores": "V_PRORES",
}
_EBML, _DOCTYPE, _VERSION, _READ_VERSION = "1A45DFA3", "4282", "4287", "4285"
_SEGMENT, _INFO, _SCALE, _MUXER, _WRITER = "18538067", "1549A966", "2AD7B1", "4D80", "5741"
_TRACKS, _ENTRY, _NUMBER, _UID, _TYPE, _CODEC = "1654AE6B", "AE", "D7", "73C5", "83", "86"
_VIDEO, _WIDTH, _HEIGHT, _COLOUR = "E0", "B0", "BA", "55B0"
_MAX_CLL, _MAX_FALL, _MASTER = "55BC", "55BD", "55D0"
_CLUSTER, _TIMESTAMP = "1F43B675", "E7"
_CHROMATICITIES = ("55D1", "55D2", "55D3", "55D4", "55D5", "55D6", "55D7", "55D8")
_BRIGHTEST, _DARKEST = "55D9", "55DA"


def can_template(canonical: str) -> bool:
    """True if streams of this codec (libav's name of the format) can carry HDR metadata."""
    return canonical in _CODECS


@contextmanager
def template_stream(canonical: str, width: int, height: int, hdr: Hdr) -> Iterator[VideoStream]:
    """A video stream without packets whose parameters hold `hdr`."""
    header = _document(_CODECS[canonical], width, height, hdr)
    with av.open(io.BytesIO(header), format="matroska") as container:
        yield container.streams.video[0]


def _document(codec: str, width: int, height: int, hdr: Hdr) -> bytes:
    video = _uint(_WIDTH, width) + _uint(_HEIGHT, height) + _element(_COLOUR, _colour(hdr))
    entry = _uint(_NUMBER, 1) + _uint(_UID, 1) + _uint(_TYPE, 1) + _text(_CODEC, codec)
    tracks = _element(_TRACKS, _element(_ENTRY, entry + _element(_VIDEO, video)))
    info = _element(_INFO, _uint(_SCALE, 1_000_000) + _text(_MUXER, "-") + _text(_WRITER, "-"))
    cluster = _element(_CLUSTER, _uint(_TIMESTAMP, 0))
    kind = _text(_DOCTYPE, "matroska") + _uint(_VERSION, 4) + _uint(_READ_VERSION, 2)
    return _element(_EBML, kind) + _element(_SEGMENT, info + tracks + cluster)


def _colour(hdr: Hdr) -> bytes:
    data = b""
    if hdr.light:
        data += _uint(_MAX_CLL, hdr.light[0]) + _uint(_MAX_FALL, hdr.light[1])
    if hdr.mastering:
        data += _element(_MASTER, _mastering(hdr.mastering))
    return data


def _mastering(display: Mastering) -> bytes:
    points = (*display.red, *display.green, *display.blue, *display.white)
    data = b"".join(_real(name, float(x)) for name, x in zip(_CHROMATICITIES, points, strict=True))
    data += _real(_BRIGHTEST, float(display.brightest))
    return data + _real(_DARKEST, float(display.darkest))


def _element(name: str, data: bytes) -> bytes:
    return Element(int(name, 16), data).encoded()


def _uint(name: str, value: int) -> bytes:
    return _element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _real(name: str, value: float) -> bytes:
    return _element(name, struct.pack(">d", value))


def _text(name: str, value: str) -> bytes:
    return _element(name, value.encode("ascii"))
