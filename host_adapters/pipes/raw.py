"""Raw video: samples and nothing else, in any pixel format that libav packs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import av
from av.video.codeccontext import VideoCodecContext

from host_adapters.media.codecs import layout_named
from host_adapters.media.colour import ColourTags
from host_adapters.media.convert import Converter
from host_adapters.media.formats import Layout, planar_layout, unpack
from host_adapters.pipes.contracts import Piped
from host_adapters.pipes.stdio import read_exactly, write_all
from vdiff_plugin.errors import MediaError, SettingsError
from vdiff_plugin.frame import ClipInfo, Frame, Matrix


@dataclass(frozen=True, kw_only=True)
class RawVideo:
    """What raw video does not say of itself.

    Attributes:
        width, height: pixels.
        layout: libav's pixel format.
        matrix: None goes by size.
        range: libav's number of the colour range; 0 is what the format usually means.
    """

    width: int
    height: int
    layout: Layout
    matrix: Matrix | None = None
    range: int = 0

    @classmethod
    def named(
        cls,
        size: str | None,
        pix_fmt: str | None,
        matrix: Matrix | None = None,
        range_: int = 0,
    ) -> RawVideo:
        """From the words of a command line, `1920x1080` and `yuv420p`.

        Raises:
            SettingsError, UnknownNameError: a word is missing or means nothing.
        """
        if size is None or pix_fmt is None:
            raise SettingsError("raw video says nothing of itself; give --size WxH and --pix-fmt")
        width, times, height = size.lower().partition("x")
        if not (times and width.isdecimal() and height.isdecimal() and int(width) * int(height)):
            raise SettingsError(f"size {size!r} is none; write it as 1920x1080")
        layout = layout_named(pix_fmt)
        return cls(width=int(width), height=int(height), layout=layout, matrix=matrix, range=range_)

    def clip(self) -> ClipInfo:
        """The clip as the core sees it."""
        tags = ColourTags(range=self.range)
        return ClipInfo(
            width=self.width,
            height=self.height,
            format=self.layout.format,
            matrix=self.matrix or tags.guess_matrix(self.width, self.height),
            full_range=tags.full_range(self.layout),
        )


class RawReader:
    """Frames of raw video."""

    def __init__(self, source: BinaryIO, video: RawVideo) -> None:
        self._source = source
        self._layout = video.layout
        self._decoder = raw_codec("r", video.width, video.height, video.layout)
        blank = av.VideoFrame(video.width, video.height, video.layout.name)
        encoder = raw_codec("w", video.width, video.height, video.layout)
        self._size = sum(packet.size for packet in encoder.encode(blank))
        self.clip = video.clip()

    def frames(self) -> Iterator[Piped]:
        """The frames in order. Raises MediaError where the stream ends within one."""
        n = 0
        while data := read_exactly(self._source, self._size):
            if len(data) < self._size:
                raise MediaError(
                    f"stdin: ends within frame {n}; check --size and --pix-fmt, one frame is "
                    f"{self._size} bytes"
                )
            (picture,) = self._decoder.decode(av.Packet(bytes(data)))
            yield Piped(Frame(unpack(picture, self._layout)))
            n += 1


class RawWriter:
    """Writes raw video.

    Args:
        output: where to.
        clip: what is written.
        layout: the pixel format that the input had; kept where the clip still fits it.
    """

    def __init__(self, output: BinaryIO, clip: ClipInfo, layout: Layout) -> None:
        kept = layout if layout.format == clip.format else planar_layout(clip.format)
        if kept is None:
            raise SettingsError(f"libav has no pixel format for {clip.format}; use other --stages")
        self._output = output
        self._converter = Converter(clip, kept)
        self._encoder = raw_codec("w", clip.width, clip.height, kept)

    def write(self, frame: Frame, _ticket: object = None) -> None:
        """Write a frame's samples."""
        for packet in self._encoder.encode(self._converter.picture(frame)):
            write_all(self._output, memoryview(bytes(packet)))

    def finish(self) -> None:
        """Raw video has no end of its own."""


def raw_codec(mode: str, width: int, height: int, layout: Layout) -> VideoCodecContext:
    """Libav's decoder (`r`) or encoder (`w`) of raw video."""
    codec = av.Codec("rawvideo", "w" if mode == "w" else "r").create("video")
    codec.width, codec.height, codec.pix_fmt = width, height, layout.name
    if codec.is_encoder:
        codec.time_base = Fraction(1, 25)  # it wants one and never uses it
    codec.open()
    return codec
