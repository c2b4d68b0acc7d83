"""What is known of a video file before its frames are processed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from host_adapters.media.colour import ColourTags
from host_adapters.media.formats import Layout
from host_adapters.media.index import FrameIndex
from vdiff_plugin.errors import UnsupportedMediaError
from vdiff_plugin.frame import ClipInfo


@dataclass(frozen=True, kw_only=True)
class Source:
    """A video file, probed.

    Attributes:
        path: the file.
        container: libav's name of the container format, such as `matroska,webm`.
        stream: number of the video stream in the file.
        codec: libav's name of its decoder.
        info: the clip as the core sees it.
        layout: the decoder's pixel format.
        tags: colour tags, unknown values included.
        time_base: unit of all pts, in seconds.
        rate: average frames per second.
        sar: width to height of a pixel; 0 if unknown.
        index: the frames by number.
        side_data: libav's structures that hold for the whole stream, by their name.
        frame_data: names of the side data that its first frames carry one by one.
        truncated: what the file lacks at its end; empty if it is whole.
        notes: what the user should know before its frames are processed.
    """

    path: Path
    container: str
    stream: int
    codec: str
    info: ClipInfo
    layout: Layout
    tags: ColourTags
    time_base: Fraction
    rate: Fraction
    sar: Fraction
    index: FrameIndex
    side_data: Mapping[str, bytes]
    frame_data: frozenset[str] = frozenset()
    truncated: str = ""
    notes: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.index)

    def seconds(self, n: int) -> Fraction:
        """When frame n is shown."""
        return int(self.index.pts[n]) * self.time_base

    def describe(self, n: int) -> str:
        """Frame n for a message: number, pts and time."""
        return f"frame {n} (pts {self.index.pts[n]}, {float(self.seconds(n)):.3f} s)"


def is_same(source: Source, picture: av.VideoFrame) -> bool:
    """True for a picture like the first one, and not interlaced."""
    was, now = source.info, picture
    form = (now.width, now.height, now.format.name)
    return not now.interlaced_frame and form == (was.width, was.height, source.layout.name)


def require_same(source: Source, picture: av.VideoFrame, n: int) -> None:
    """Refuse a picture that `is_same` is false for.

    Raises:
        UnsupportedMediaError: with what to do about it.
    """
    if is_same(source, picture):
        return
    if picture.interlaced_frame:
        raise interlaced(source, n)
    was, now = source.info, picture
    raise UnsupportedMediaError(
        f"{source.path}: changes at {source.describe(n)} from {was.width}x{was.height} "
        f"{source.layout.name} to {now.width}x{now.height} {now.format.name}; split it there, "
        "or make it uniform first (ffmpeg -i IN -vf scale=W:H,format=F -c:v ffv1 OUT.mkv)"
    )


def interlaced(source: Source, n: int) -> UnsupportedMediaError:
    """The refusal of a clip whose frame n is interlaced."""
    return UnsupportedMediaError(
        f"{source.path}: {source.describe(n)} is interlaced; deinterlace first (ffmpeg -i IN "
        "-vf bwdif -c:v ffv1 OUT.mkv), or if it is progressive in truth, say so with "
        "-vf setfield=prog"
    )
