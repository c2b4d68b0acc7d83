"""Video files of every kind, made with libav alone, and what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

QUIET = {"x265-params": "log-level=none"}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A video stream to encode.

    Attributes:
        pts: when each frame is shown, in units of `time_base`.
        tags: attributes of the encoder's context, such as `colorspace`.
    """

    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    size: tuple[int, int] = (64, 48)
    frames: int = 10
    pts: Sequence[int] = ()
    time_base: Fraction = Fraction(1, 25)
    rate: Fraction = Fraction(25)
    options: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, int | Fraction] = field(default_factory=dict)
    rotation: int = 0
    moving: bool = True

    def times(self) -> Sequence[int]:
        step = 1 / (self.rate * self.time_base)
        return self.pts or [int(n * step) for n in range(self.frames)]


def make(path: Path, *, muxing: Mapping[str, str] | None = None, **details: Any) -> Path:
    """Write one video stream; see `Recipe` for the keywords."""
    recipe = Recipe(**details)
    with av.open(str(path), "w", container_options=dict(muxing or {})) as container:
        stream = add_video(container, recipe)
        container.start_encoding()
        for packet in encoded(stream, recipe):
            container.mux(packet)
    return path


def add_video(container: OutputContainer, recipe: Recipe) -> VideoStream:
    options = dict(QUIET if recipe.codec == "libx265" else {}) | dict(recipe.options)
    stream = container.add_stream(recipe.codec, rate=recipe.rate, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = recipe.size
    stream.pix_fmt = recipe.pix_fmt
    configure(stream.codec_context, recipe)
    stream.time_base = recipe.time_base
    if recipe.rotation:
        stream.set_display_rotation(recipe.rotation)
    return stream


def configure(context: VideoCodecContext, recipe: Recipe) -> None:
    context.time_base = recipe.time_base
    for name, value in recipe.tags.items():
        setattr(context, name, value)


def encoded(stream: VideoStream, recipe: Recipe) -> Iterator[av.Packet[VideoStream]]:
    """Packets of the stream, each with its duration."""
    times = list(recipe.times())
    last = int(1 / (recipe.rate * recipe.time_base)) or 1
    durations = dict(zip(times, [*np.diff(times).tolist(), last], strict=True))
    still = paint(0, recipe.size, recipe.pix_fmt)
    for n, pts in enumerate(times):
        picture = paint(n, recipe.size, recipe.pix_fmt) if recipe.moving else still
        picture.pts, picture.time_base = pts, recipe.time_base
        for packet in stream.encode(picture):
            yield _with_duration(packet, durations)
    for packet in stream.encode(None):
        yield _with_duration(packet, durations)


def _with_duration(
    packet: av.Packet[VideoStream], durations: Mapping[int, int]
) -> av.Packet[VideoStream]:
    assert packet.pts is not None
    packet.duration = durations[packet.pts]
    return packet


def paint(n: int, size: tuple[int, int], pix_fmt: str) -> av.VideoFrame:
    """Picture n: a moving gradient with some noise, in any format that libav can make."""
    width, height = size
    rng = np.random.default_rng(n)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([2 * x + 3 * y + 5 * n, 3 * x + y + 7 * n, x + 2 * y + 3 * n], axis=2) % 220
    deep = (waves + 16) * 257 + rng.integers(0, 900, waves.shape)
    alpha = (x * 700 + n * 50) % 65536
    samples = np.dstack([deep, alpha]).astype(np.uint16)
    picture = av.VideoFrame.from_ndarray(samples, format="rgba64le")
    return picture.reformat(format=pix_fmt) if pix_fmt != "rgba64le" else picture


def make_film(
    path: Path,
    *,
    video: Recipe | None = None,
    audio: Sequence[str] = ("aac",),
    subtitles: Mapping[str, str] | None = None,
    attachment: bool = False,
    cover: bool = False,
    chapters: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a file with all that films have.

    Args:
        path: where to.
        video: its picture.
        audio: codecs.
        subtitles: language -> codec, such as {"eng": "subrip"}.
        attachment: a font.
        cover: a PNG picture.
        chapters: two of them.
        metadata: of the whole file.
    """
    recipe = video or Recipe()
    seconds = float((recipe.times()[-1] + 1) * recipe.time_base)
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        pictures = add_video(container, recipe)
        sounds = [_add_audio(container, codec) for codec in audio]
        texts = [_add_subtitles(container, *each) for each in (subtitles or {}).items()]
        covers = [_add_cover(container)] if cover and container.format.name == "mp4" else []
        if cover and not covers:  # Matroska has it as an attachment
            container.add_attachment("cover.png", "image/png", png())
        if attachment:
            container.add_attachment("font.ttf", "application/x-truetype-font", b"\0font" * 40)
        if chapters:
            container.set_chapters(_chapters(seconds))
        container.start_encoding()
        parts: list[Iterable[av.Packet[Any]]] = [covers, encoded(pictures, recipe)]
        parts += [_sound(each, seconds) for each in sounds]
        parts += [_lines(*each) for each in texts]
        for packet in chain.from_iterable(parts):
            container.mux(packet)
    return path


def _add_audio(container: OutputContainer, codec: str) -> AudioStream:
    stream = container.add_stream(codec, rate=48000)
    assert isinstance(stream, AudioStream)
    stream.layout = "stereo"
    stream.metadata.update({"language": "deu", "title": "Ton"})
    stream.disposition = Disposition.default
    return stream


def _add_subtitles(container: OutputContainer, language: str, codec: str) -> tuple[Stream, str]:
    stream = container.add_mux_stream(codec, time_base=Fraction(1, 1000))
    stream.metadata["language"] = language
    stream.disposition = Disposition.forced
    return stream, codec


def _add_cover(container: OutputContainer) -> av.Packet[Any]:
    stream = container.add_stream("png", rate=1)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb24"
    stream.disposition = Disposition.attached_pic
    stream.metadata.update({"filename": "cover.png", "mimetype": "image/png"})
    packet: av.Packet[Any] = av.Packet(png())
    packet.stream, packet.pts, packet.dts = stream, 0, 0
    return packet


def png() -> bytes:
    """A small picture as a PNG file."""
    context = av.Codec("png", "w").create("video")
    context.width, context.height, context.pix_fmt = 16, 16, "rgb24"
    context.time_base = Fraction(1, 25)
    picture = paint(0, (16, 16), "rgb24")
    picture.pts = 0
    return b"".join(bytes(each) for each in [*context.encode(picture), *context.encode(None)])


def _sound(stream: AudioStream, seconds: float) -> Iterator[av.Packet[AudioStream]]:
    context = stream.codec_context
    step = context.frame_size or 1024
    for start in range(0, int(seconds * 48000), step):
        tone = np.sin((np.arange(step) + start) * 0.05)
        shaped = np.repeat(tone[None, :], 2, axis=0)
        if context.format.name in ("s16", "s16p"):
            samples = (shaped * 9000).astype(np.int16)
        else:
            samples = (shaped * 0.3).astype(np.float32)
        if not context.format.is_planar:
            samples = samples.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples), format=context.format.name, layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _lines(stream: Stream, codec: str) -> Iterator[av.Packet[Stream]]:
    for n in range(3):
        text = f"Line {n}".encode()
        if codec == "mov_text":
            text = len(text).to_bytes(2, "big") + text
        packet: av.Packet[Stream] = av.Packet(text)
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = 100 * n
        packet.duration = 80
        packet.is_keyframe = True
        yield packet


def _chapters(seconds: float) -> list[Any]:
    middle, end = int(seconds * 500), int(seconds * 1000)
    base = Fraction(1, 1000)
    return [
        {"id": 1, "start": 0, "end": middle, "time_base": base, "metadata": {"title": "One"}},
        {"id": 2, "start": middle, "end": end, "time_base": base, "metadata": {"title": "Two"}},
    ]


def damage(path: Path, numbers: Sequence[int]) -> Path:
    """Overwrite the packets of some frames (in file order) with zeros; the count stays."""
    data = path.read_bytes()
    with av.open(str(path)) as container:
        packets = [bytes(each) for each in container.demux(video=0) if each.size]
    for number in numbers:
        packet = packets[number]
        assert data.count(packet) == 1
        data = data.replace(packet, packet[:4] + bytes(len(packet) - 4))
    damaged = path.with_name(f"damaged-{path.name}")
    damaged.write_bytes(data)
    return damaged


def describe(path: Path) -> dict[str, Any]:
    """What a file holds beside its pictures, as libav reads it."""
    with av.open(str(path)) as container:
        return {
            "metadata": dict(container.metadata),
            "chapters": [
                (
                    float(each["start"] * each["time_base"]),
                    float(each["end"] * each["time_base"]),
                    each["metadata"],
                )
                for each in container.chapters()
            ],
            "streams": [(each.type, each.disposition, each.language) for each in container.streams],
        }


def payload(path: Path, number: int) -> list[tuple[float, bytes]]:
    """Times in seconds and bytes of the packets of a stream.

    Without the empty lines by which mp4 says that a subtitle ends: its muxer adds them.
    """
    with av.open(str(path)) as container:
        stream = container.streams[number]
        base = Fraction(stream.time_base.num, stream.time_base.den)
        return [
            (round(float((each.pts or 0) * base), 3), bytes(each))
            for each in container.demux(stream)
            if each.size and bytes(each) != b"\0\0"
        ]
