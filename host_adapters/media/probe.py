"""Looking at a file before any work: is it video that we may process, and what is it?"""

from __future__ import annotations

import logging
import re
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.sidedata.sidedata import Type
from av.video.stream import VideoStream

from host_adapters.media.colour import ColourTags
from host_adapters.media.decode import decode_from, pictures_of
from host_adapters.media.demux import choose_video, open_input, video_stream
from host_adapters.media.formats import Layout, layout_of
from host_adapters.media.index import FrameIndex, index_packets, index_pictures
from host_adapters.media.matroska import broken_spans, missing_bytes
from host_adapters.media.mp4 import track_end
from host_adapters.media.rational import fraction
from host_adapters.media.source import Source, interlaced, is_same, require_same
from vdiff_plugin.errors import MediaError
from vdiff_plugin.frame import ClipInfo

logger = logging.getLogger(__name__)

_FIRST = 8  # pictures decoded to see whether packets and pictures agree on times
_SAMPLES = 6  # places in the file looked at for interlacing and changes of size
_PATIENCE = 64  # pictures decoded for each of them, where seeking lands too early
_RATE_ERROR = Fraction(1, 50)
_SLACK = 0.25  # seconds that a header may promise beyond the last packet
_ROUNDED = Fraction(2, 1000)  # seconds by which headers round when the video ends
_FIELDS = (2, 3, 4, 5)  # AVFieldOrder: all that is neither unknown nor progressive
_KEPT = {
    Type.MASTERING_DISPLAY_METADATA: "mastering_display_metadata",
    Type.CONTENT_LIGHT_LEVEL: "content_light_level",
    Type.DISPLAYMATRIX: "display_matrix",
}
_OF_FRAMES = {
    Type.A53_CC: "closed captions",
    Type.DYNAMIC_HDR_PLUS: "HDR10+",
    Type.DYNAMIC_HDR_VIVID: "HDR Vivid",
    Type.DOVI_METADATA: "Dolby Vision",
    Type.DOVI_RPU_BUFFER: "Dolby Vision",
    Type.S12M_TIMECODE: "timecodes",
    Type.AFD: "active format description",
}
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


def probe(path: Path) -> Source:
    """Open `path`, number its frames and decode the first ones.

    Raises:
        MediaError: no file, no video, no frames, or nothing that can be decoded.
        UnsupportedMediaError: interlaced, a pixel format we do not process, or a size
            that changes.
    """
    with open_input(path) as container:
        stream = choose_video(container, path)
        number = stream.index
        promised = _promised_end(container, stream)
        stated = _stated_end(path, container, stream)
        checked = "matroska" in container.format.name
        broken = broken_spans(path) if checked else []
        index = index_packets(container, stream, broken)
    if not index.packets:
        raise MediaError(f"{path}: a video stream without frames; give one with a picture")
    with open_input(path) as container:
        stream = video_stream(container, number)
        first = list(islice(pictures_of(container, stream), _FIRST))
        if not first:
            name = stream.codec_context.name
            raise MediaError(f"{path}: no frame can be decoded ({name}); give an undamaged file")
        source = _describe(path, container, stream, first, index)
        if stream.codec_context.field_order in _FIELDS:
            raise interlaced(source, 0)
    source = _number_frames(source, first)
    _look_ahead(source, first[0])
    source = replace(source, truncated=_missing(source, promised))
    return source if source.truncated else _with_end(source, stated)


def _describe(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    first: list[av.VideoFrame],
    index: FrameIndex,
) -> Source:
    picture = first[0]
    layout = layout_of(picture.format.name)
    tags = ColourTags.of(picture, stream.codec_context, layout)
    side_data: dict[str, bytes] = {
        name: bytes(picture.side_data[kind])
        for kind, name in _KEPT.items()
        if kind in picture.side_data
    }
    side_data.update({str(k): v for k, v in stream.codec_context.coded_side_data.items()})
    return Source(
        path=path,
        container=container.format.name,
        stream=stream.index,
        codec=stream.codec_context.name,
        info=_clip_info(picture, layout, tags),
        layout=layout,
        tags=tags,
        time_base=fraction(stream.time_base),
        rate=_rate(stream, index),
        sar=fraction(stream.sample_aspect_ratio),
        index=index,
        side_data=side_data,
        frame_data=frozenset(
            name for kind, name in _OF_FRAMES.items() for each in first if kind in each.side_data
        ),
        notes=_notes(tags, layout, picture),
    )


def _clip_info(picture: av.VideoFrame, layout: Layout, tags: ColourTags) -> ClipInfo:
    matrix = tags.known_matrix() or tags.guess_matrix(picture.width, picture.height)
    return ClipInfo(
        width=picture.width,
        height=picture.height,
        format=layout.format,
        matrix=matrix,
        full_range=tags.full_range(layout),
        chroma_location=tags.chroma_location(),
    )


def _notes(tags: ColourTags, layout: Layout, picture: av.VideoFrame) -> tuple[str, ...]:
    """What is taken for granted, or made of the pictures, without being asked."""
    notes = []
    if tags.known_matrix() is None and layout.format.family == "yuv":
        guess = tags.guess_matrix(picture.width, picture.height)
        notes.append(f"names no colour matrix; {guess} is taken by its size")
    if layout.name == "pal8":
        notes.append("its palette is expanded to 8-bit RGB with alpha")
    return tuple(notes)


def _rate(stream: VideoStream, index: FrameIndex) -> Fraction:
    """Frames per second: what the file says if its frames bear it out, else as measured."""
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    told = next((fraction(rate) for rate in rates if rate), Fraction(25))
    if len(index) < _FIRST or not index.seekable:
        return told
    span = int(index.pts[-1] - index.pts[0]) * fraction(stream.time_base)
    measured = (len(index) - 1) / span
    return told if abs(told / measured - 1) < _RATE_ERROR else measured.limit_denominator(1001)


def _number_frames(source: Source, first: list[av.VideoFrame]) -> Source:
    """Settle which frames there are: by packets where pictures agree, else by decoding."""
    index = source.index
    times = [picture.pts for picture in first]
    known = [pts for pts in times if pts is not None]
    forward = len(known) == len(times) and all(a < b for a, b in pairwise(known))
    if not (index.seekable and forward and set(known) <= set(index.pts.tolist())):
        logger.warning("%s: times of its frames are unsure; counting them first", source.path)
        return _count_frames(source)
    # Frames before the first keyframe that do not come out lack what they refer to; others
    # that do not come out are damaged, and keep their number.
    begin = min(known[0], *index.keys[:1].tolist()) if len(index.keys) else known[0]
    index = index.starting_at(begin)
    lost, notes = len(source.index) - len(index), source.notes
    if lost:
        notes = (*notes, f"{lost} leading frames refer to what was cut off, and are left out")
    return replace(source, index=index, info=source.info.with_length(len(index)), notes=notes)


def _count_frames(source: Source) -> Source:
    """Decode everything once to know how many frames there are."""
    times: list[int | None] = []
    unlike: dict[int, av.VideoFrame] = {}
    with open_input(source.path) as container:
        for picture in pictures_of(container, video_stream(container, source.stream), "SLICE"):
            if not unlike and not is_same(source, picture):
                unlike[len(times)] = picture
            times.append(picture.pts)
    step = max(1, round(1 / (source.rate * source.time_base)))
    index = index_pictures(times, source.index, step)
    counted = replace(source, index=index, info=source.info.with_length(len(index)))
    for n, picture in unlike.items():
        require_same(counted, picture, n)
    return counted


def _look_ahead(source: Source, first: av.VideoFrame) -> None:
    """Refuse early what would be refused later: look at frames all over the file."""
    require_same(source, first, 0)
    index, keys = source.index, source.index.keys
    if not index.seekable or len(keys) < 2:
        return
    for at in sorted({round(k * (len(keys) - 1) / _SAMPLES) for k in range(1, _SAMPLES + 1)}):
        n = index.number(int(keys[at]))
        with closing(decode_from(source.path, source.stream, index, n, "SLICE")) as pictures:
            for picture in islice(pictures, _PATIENCE):
                if picture.pts is None or not index.pts[0] <= picture.pts <= index.pts[-1]:
                    continue
                require_same(source, picture, index.number(picture.pts))
                if picture.pts >= keys[at]:
                    break


def _promised_end(container: InputContainer, stream: VideoStream) -> float:
    """When the file says that it ends, in seconds; 0 if it does not say."""
    if clock := _CLOCK.match(stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = clock.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if stream.frames and stream.duration:
        end = (stream.start_time or 0) + stream.duration
        return float(end * fraction(stream.time_base))
    return (container.duration or 0) / 1e6 if "matroska" in container.format.name else 0.0


def _stated_end(path: Path, container: InputContainer, stream: VideoStream) -> Fraction:
    """When the header says that the video ends, counted from 0; 0 if it does not say."""
    if "mp4" in container.format.name:
        return track_end(path, stream.id) or Fraction(0)
    if "matroska" not in container.format.name:
        return Fraction(0)
    if "DURATION" in stream.metadata:
        return Fraction(_promised_end(container, stream))
    alone = len(container.streams) == 1
    return Fraction(container.duration or 0, av.time_base) if alone else Fraction(0)


def _with_end(source: Source, stated: Fraction) -> Source:
    """With the last frame shown until the video's stated end."""
    index = source.index
    if not stated or not index.seekable or index.pts[0] != 0:
        return source
    tolerance = int(_ROUNDED / source.time_base)
    index = index.ending_at(round(stated / source.time_base), tolerance)
    return replace(source, index=index)


def _missing(source: Source, promised: float) -> str:
    """What a truncated file lacks, or nothing."""
    index = source.index
    early = index.end + max(_SLACK, 2 / float(source.rate)) < promised
    counted = "mp4" in source.container and index.declared > 0  # frame by frame
    if index.packets < index.declared and (early or counted):
        return f"ends after {index.packets} of {index.declared} frames"
    if early and not counted:
        return f"ends after {index.end:.2f} of {promised:.2f} seconds"
    if "matroska" in source.container and (missing := missing_bytes(source.path)):
        return f"ends after {index.end:.2f} seconds, {missing} bytes before its end"
    return ""
