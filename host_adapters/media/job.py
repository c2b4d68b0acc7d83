"""The main job: a video file in, a better one out, everything else as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from host_adapters.media.atomic import require_writable, whole_file
from host_adapters.media.channel import read_ahead, write_behind
from host_adapters.media.codecs import EncodeOptions, choose_encoder
from host_adapters.media.colour import FULL, LIMITED, ColourTags, matrix_number
from host_adapters.media.containers import container_of, has_times
from host_adapters.media.convert import Converter
from host_adapters.media.encoder import VideoSpec, counts_frames
from host_adapters.media.hdr import Hdr
from host_adapters.media.reader import ClipReader, Damage, Picture, read_clip
from host_adapters.media.remux import Copier
from host_adapters.media.render import render_stretch, stretch_needed
from host_adapters.media.source import Source
from host_adapters.media.timeline import Timeline
from host_adapters.media.writer import Target, VideoWriter
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import MediaError, SettingsError
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.session import Session
from vdiff_plugin.settings import Settings, parse_stage

Progress = Callable[[int, int], None]  # frames done, frames in all

_AHEAD = 8  # decoded pictures waiting to be rendered
_BEHIND = 8  # rendered frames waiting to be encoded


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a job did.

    Attributes:
        path: the file written.
        frames: how many.
        codec: the encoder used.
        pix_fmt: libav's name of the pixel format written.
        damage: frames of the input that were damaged.
    """

    path: Path
    frames: int
    codec: str
    pix_fmt: str
    damage: Damage


def enhance(
    path_in: Path | str,
    path_out: Path | str,
    *,
    settings: Settings | None = None,
    encode: EncodeOptions | None = None,
    start: int = 0,
    end: int | None = None,
    overwrite: bool | None = None,
    progress: Progress | None = None,
    engine: Engine | None = None,
    workers: int = 2,
) -> Summary:
    """Process the video of `path_in` and write it, with all else the file holds.

    The output appears under its name only when it is whole. Decoding, rendering and
    encoding overlap; memory does not grow with the clip's length.

    Args:
        path_in: a video file.
        path_out: its suffix names the container.
        settings: how frames are processed.
        encode: how they are written; the defaults lose nothing they need not.
        start: first frame, from 0.
        end: last frame, included; None is the last of the clip.
        overwrite: True replaces an existing output.
        progress: called after each frame, in the caller's thread.
        engine: shared by several jobs; by default a new one.
        workers: threads that render.

    Raises:
        MediaError: the input cannot be read, or the encoder failed.
        OutputError: the output may not or cannot be written.
        SettingsError: options that do not fit.
    """
    path_in, path_out = Path(path_in), Path(path_out)
    encode = encode or EncodeOptions()
    encode.require_known()
    require_writable(path_out, overwrite=overwrite, sources=(path_in,))
    container = container_of(path_out)
    reader = read_clip(path_in)
    first, last = _stretch(reader.source, start, end)
    settings = deepened(settings or Settings.of(), reader.info, encode)
    with ExitStack() as opened:
        engine = engine or opened.enter_context(Engine())
        session = opened.enter_context(engine.open(reader.info, settings))
        job = _Job(reader.source, session.clip, container, encode, first, last)
        temporary = opened.enter_context(
            whole_file(path_out, overwrite=overwrite, sources=(path_in,))
        )
        writer = opened.enter_context(
            closing(job.writer(temporary, path_out, dither=settings.dither))
        )
        _run(job, reader, session, writer, progress, workers)
        return Summary(
            path=path_out,
            frames=writer.frames,
            codec=job.codec,
            pix_fmt=job.layout.name,
            damage=reader.damage,
        )


def write_video(
    frames: Iterable[Frame],
    path: Path | str,
    *,
    clip: ClipInfo,
    rate: Fraction | int = 25,
    encode: EncodeOptions | None = None,
    overwrite: bool | None = None,
) -> Path:
    """Write frames of `clip` as a file of their own, `rate` of them a second.

    Raises:
        OutputError: the output may not or cannot be written.
        SettingsError: options that do not fit.
    """
    path, rate, encode = Path(path), Fraction(rate), encode or EncodeOptions()
    container = container_of(path)
    codec, layout = choose_encoder(clip, container, encode)
    converter = Converter(clip, layout)
    spec = VideoSpec(
        width=clip.width,
        height=clip.height,
        time_base=1 / rate,
        rate=rate,
        sar=Fraction(1),
        tags=converter.tags(_tags_of(clip)),
        hdr=Hdr(),
    )
    with whole_file(path, overwrite=overwrite, sources=()) as temporary:
        target = Target(
            file=temporary, shown=path, container=container, codec=codec, spec=spec, options=encode
        )
        with closing(VideoWriter(target, converter)) as writer:
            for n, frame in enumerate(frames):
                writer.write(frame.require(clip), n, 1)
            writer.finish()
    return path


def deepened(settings: Settings, clip: ClipInfo, encode: EncodeOptions) -> Settings:
    """Settings that make the first vdiff stage give out as many bits as will be written."""
    depth = encode.depth
    if depth is None or depth <= clip.format.bits:
        return settings
    stages = list(settings.stages)
    for at, text in enumerate(stages):
        name, options = parse_stage(text)
        if name == "vdiff":
            stages[at] = text if "depth" in options else f"{text}:depth={depth}"
            break
    return settings.model_copy(update={"stages": tuple(stages)})


class _Job:
    """What is decided before the first frame: codec, times, and where they begin."""

    def __init__(
        self,
        source: Source,
        clip: ClipInfo,
        container: str,
        encode: EncodeOptions,
        first: int,
        last: int,
    ) -> None:
        self.first, self.last = first, last
        self.codec, self.layout = choose_encoder(clip, container, encode, source.layout.name)
        self._source, self._clip = source, clip
        self._container, self._encode = container, encode
        self._counts = counts_frames(self.codec) or not has_times(container)
        if self._counts and not source.index.constant:
            raise SettingsError(
                f"{self.codec} in {container} has one frame rate, but {source.path} varies; "
                "write to .mkv with another --codec"
            )
        self._timeline = self._make_timeline()

    def writer(self, temporary: Path, shown: Path, *, dither: bool) -> VideoWriter:
        """The writer of this job's output."""
        source = self._source
        converter = Converter(self._clip, self.layout, dither=dither)
        target = Target(
            file=temporary,
            shown=shown,
            container=self._container,
            codec=self.codec,
            spec=VideoSpec(
                width=self._clip.width,
                height=self._clip.height,
                time_base=1 / source.rate if self._counts else source.time_base,
                rate=source.rate,
                sar=source.sar,
                tags=converter.tags(source.tags),
                hdr=Hdr.of(source.side_data),
            ),
            options=self._encode,
            side_data=source.side_data,
            frame_data=source.frame_data,
            timeline=self._timeline,
        )
        return VideoWriter(target, converter, Copier(source, self._timeline))

    def times(self, picture: Picture) -> tuple[int, int]:
        """Pts and duration of a frame in the output's time base."""
        if self._counts:
            return picture.n - self.first, 1
        base = self._source.time_base
        return self._timeline.pts(picture.pts, base, base), picture.duration

    def _make_timeline(self) -> Timeline:
        """The input's own times; a stretch begins when the clip began, and never below 0."""
        source, index = self._source, self._source.index
        begin = source.seconds(self.first)
        zero = Fraction(0) if self._counts else max(Fraction(0), source.seconds(0))
        if self.first == 0 and self.last == source.length - 1:
            return Timeline(shift=begin - zero, from_zero=self._counts)
        stop = source.seconds(self.last) + index.duration(self.last) * source.time_base
        return Timeline(shift=begin - zero, start=begin, stop=stop, from_zero=self._counts)


def _run(
    job: _Job,
    reader: ClipReader,
    session: Session,
    writer: VideoWriter,
    progress: Progress | None,
    workers: int,
) -> None:
    def write(rendered: tuple[Picture, Frame]) -> None:
        picture, frame = rendered
        writer.write(frame, *job.times(picture), picture.carrier)

    needed = stretch_needed(session, job.first, job.last)
    total = job.last - job.first + 1
    pictures = read_ahead(reader.pictures(*needed), _AHEAD, "vdiff-decode")
    with write_behind(write, _BEHIND, "vdiff-encode") as put, closing(pictures):
        rendered = render_stretch(session, pictures, job.first, job.last, workers)
        with closing(rendered):
            for done, pair in enumerate(rendered, 1):
                put(pair)
                if progress:
                    progress(done, total)
    writer.finish()


def _stretch(source: Source, start: int, end: int | None) -> tuple[int, int]:
    """First and last frame of the job, both included."""
    length = source.length
    if not length:
        raise MediaError(f"{source.path}: a video without frames; give one with a picture")
    if source.truncated and end is None:
        raise MediaError(
            f"{source.path}: {source.truncated}; copy the file again, or give --end {length - 1} "
            "to take what is there"
        )
    last = length - 1 if end is None else end
    if not 0 <= start <= last < length:
        raise SettingsError(
            f"frames {start} to {last} are not all in {source.path}; it has 0 to {length - 1}, "
            "change --start and --end"
        )
    return start, last


def _tags_of(clip: ClipInfo) -> ColourTags:
    if clip.format.family == "rgb":
        return ColourTags(range=FULL, matrix=0)
    return ColourTags(range=FULL if clip.full_range else LIMITED, matrix=matrix_number(clip.matrix))
