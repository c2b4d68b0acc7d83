"""Planning: everything that can be found out once is, and is written into the job folder."""

from __future__ import annotations

import logging
import shutil
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import av

from host_adapters.farm.chunk_file import wrapper_of
from host_adapters.farm.stored_source import index_hash, save_index, store
from host_adapters.farm.versions import versions
from host_adapters.media.codecs import EncodeOptions
from host_adapters.media.containers import container_of
from host_adapters.media.delivery import Delivery, stretch_of
from host_adapters.media.encoder import open_encoder
from host_adapters.media.job import deepened
from host_adapters.media.probe import probe
from host_adapters.media.source import Source
from vdiff_plugin.atomic import require_writable, unwritable, whole_file
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import SettingsError
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.manifest import Encoding, Manifest, Row
from vdiff_plugin.farm.origin import bind, require_stamp, stamp
from vdiff_plugin.farm.record import content_hash
from vdiff_plugin.farm.spans import Span, chunk_table
from vdiff_plugin.session import Session
from vdiff_plugin.settings import Settings

logger = logging.getLogger(__name__)

CHUNK_FRAMES = 240  # by default: some seconds of film, some minutes of work
_THREADS = "4"  # of the encoder, the same on every machine: some codecs' bits depend on it


def plan(
    path_in: Path | str,
    path_out: Path | str,
    job: Path | str,
    *,
    chunk_frames: int = CHUNK_FRAMES,
    settings: Settings | None = None,
    encode: EncodeOptions | None = None,
    start: int = 0,
    end: int | None = None,
    overwrite: bool = False,
    engine: Engine | None = None,
) -> JobFolder:
    """Make the folder `job` of a job, or find the very same job in it.

    Precision `auto`, which depends on the processor, is settled as fp32.

    Args:
        path_in: a video file.
        path_out: what `join` will write; its suffix names the container.
        job: the folder; every machine that renders must reach it.
        chunk_frames: the most frames that a chunk has, at least 1.
        settings: how frames are processed.
        encode: how they are written.
        start: first frame, from 0.
        end: last frame, included; None is the last of the clip.
        overwrite: whether an existing output may be replaced.
        engine: shared by several jobs; by default a new one.

    Raises:
        MediaError: the input cannot be read.
        SettingsError: options that do not fit.
        UsageError: the folder holds another job.
        OutputError: the folder or the output cannot be written.
    """
    path_in, path_out, folder = Path(path_in), Path(path_out), JobFolder(job)
    if chunk_frames < 1:
        raise SettingsError(f"chunks of {chunk_frames} frames; give --chunk-frames 1 or more")
    encode = encode or EncodeOptions()
    encode.require_known()
    require_writable(path_out, overwrite=overwrite, sources=(path_in,))
    container = container_of(path_out)
    before = stamp(path_in)
    source, origin = probe(path_in), bind(path_in)
    require_stamp(path_in, before)
    span = Span(*stretch_of(source, start, end))
    settings = _settled(deepened(settings or Settings.of(), source.info, encode))
    with folder.prepared(), ExitStack() as opened:
        engine = engine or opened.enter_context(Engine())
        session = opened.enter_context(engine.open(source.info, settings))
        encoding = _encoding(source, session, container, encode, span)
        manifest = Manifest(
            source=origin,
            out=str(path_out.resolve()),
            overwrite=overwrite,
            settings=settings.model_dump(mode="json", exclude={"weights"}),
            weights=_own_weights(settings, folder),
            fingerprint=session.fingerprint.hex(),
            versions=versions(settings, engine.offers),
            encoding=encoding,
            probe={"source": store(source), "clip": asdict(session.clip)},
            index=index_hash(source.index),
            radius=session.radius,
            chunk_frames=chunk_frames,
            chunks=_rows(session, span, chunk_frames),
        )
    if not (folder.path / "manifest.json").exists():
        save_index(source.index, folder.index)
    folder.create(manifest.named())
    for note in source.notes:
        logger.warning("%s: %s", path_in, note)
    return folder


def _settled(settings: Settings) -> Settings:
    precision = "fp32" if settings.precision == "auto" else settings.precision
    return settings.model_copy(update={"precision": precision})


def _own_weights(settings: Settings, folder: JobFolder) -> str:
    """Copy weights that the user named into the job, so that it needs no other file."""
    if settings.weights is None:
        return ""
    if not (folder.path / "manifest.json").exists():
        with whole_file(folder.weights, overwrite=True, sources=(settings.weights,)) as part:
            try:
                shutil.copyfile(settings.weights, part)
            except OSError as error:
                raise unwritable(folder.weights, error.errno) from error
    return content_hash(settings.weights)


def _encoding(
    source: Source, session: Session, container: str, encode: EncodeOptions, span: Span
) -> Encoding:
    """The encoder and all that it is told, tried out as far as that goes without a frame."""
    delivery = Delivery(source, session.clip, container, encode, span.first, span.last)
    wrapper_of(delivery.codec, alpha=delivery.layout.format.alpha)
    options = {"threads": _THREADS} | dict(encode.encoder_options)
    target = delivery.target(Path(), Path(), dither=False)
    open_encoder(
        av.Codec(delivery.codec, "w").create("video"),
        delivery.layout,
        target.spec,
        replace(encode, encoder_options=options),
        container=container,
    )
    return Encoding(
        container=container,
        codec=delivery.codec,
        pix_fmt=encode.pix_fmt,
        crf=encode.crf,
        options=options,
    )


def _rows(session: Session, span: Span, chunk_frames: int) -> tuple[Row, ...]:
    """The chunk table; each chunk reads what its first and its last frame need."""
    return tuple(
        Row(
            first=chunk.first,
            last=chunk.last,
            needs_first=session.needed(chunk.first).start,
            needs_last=session.needed(chunk.last).stop - 1,
        )
        for chunk in chunk_table(span, chunk_frames)
    )
