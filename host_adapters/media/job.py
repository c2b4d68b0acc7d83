"""The main job: a video file in, a better one out, everything else as it was."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from host_adapters.media.codecs import EncodeOptions, choose_encoder, find_encoder
from host_adapters.media.colour import FULL, LIMITED, ColourTags, matrix_number
from host_adapters.media.containers import container_of
from host_adapters.media.convert import Converter
from host_adapters.media.delivery import Delivery, stretch_of
from host_adapters.media.encoder import VideoSpec
from host_adapters.media.hdr import Hdr
from host_adapters.media.reader import Damage, Picture, read_clip
from host_adapters.media.render import Progress, process_stretch
from host_adapters.media.writer import Target, VideoWriter
from vdiff_plugin.atomic import require_writable, whole_file
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.settings import Settings, parse_stage


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
        progress: called again and again in the caller's thread with the frames written so
            far, of which encoders hold some back; all are written when the file is whole.
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
    first, last = stretch_of(reader.source, start, end)
    settings = deepened(settings or Settings.of(), reader.info, encode)
    with ExitStack() as opened:
        engine = engine or opened.enter_context(Engine())
        session = opened.enter_context(engine.open(reader.info, settings))
        job = Delivery(reader.source, session.clip, container, encode, first, last)
        temporary = opened.enter_context(
            whole_file(path_out, overwrite=overwrite, sources=(path_in,))
        )
        writer = opened.enter_context(
            closing(job.writer(temporary, path_out, dither=settings.dither))
        )

        def write(picture: Picture, frame: Frame) -> None:
            writer.write(frame, *job.times(picture.n), picture.carrier)

        total = last - first + 1

        def tell(_rendered: int, _total: int) -> None:
            if progress:
                progress(min(writer.written, total - 1), total)

        process_stretch(reader, session, first, last, write, tell, workers)
        writer.finish()
        if progress:
            progress(total, total)
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

    Motion-JPEG of RGB frames is 4:4:4 unless `encode` says otherwise.

    Raises:
        OutputError: the output may not or cannot be written.
        SettingsError: options that do not fit.
    """
    path, rate, encode = Path(path), Fraction(rate), encode or EncodeOptions()
    container = container_of(path)
    is_jpeg = encode.codec is not None and find_encoder(encode.codec) == "mjpeg"
    if is_jpeg and clip.format.family == "rgb":  # as JPEG defines it, and players take it
        clip = replace(clip, matrix="bt601")
        encode = replace(encode, pix_fmt=encode.pix_fmt or "yuv444p")
    codec, layout = choose_encoder(clip, container, encode)
    converter = Converter(clip, layout, full_range=is_jpeg)
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


def _tags_of(clip: ClipInfo) -> ColourTags:
    if clip.format.family == "rgb":
        return ColourTags(range=FULL, matrix=0)
    return ColourTags(range=FULL if clip.full_range else LIMITED, matrix=matrix_number(clip.matrix))
