"""A planned job, opened on the machine that works on it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Self

from host_adapters.farm.stored_source import clip_of, load_index, restore
from host_adapters.farm.versions import require_versions, versions
from host_adapters.media.codecs import EncodeOptions
from host_adapters.media.delivery import Delivery
from host_adapters.media.reader import ClipReader
from host_adapters.media.source import Source
from vdiff_plugin.engine import Engine
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.manifest import Encoding, Manifest, ManifestError
from vdiff_plugin.farm.origin import Stamp, require_unchanged
from vdiff_plugin.farm.record import content_hash
from vdiff_plugin.session import Session
from vdiff_plugin.settings import Settings


class OpenJob:
    """Manifest, source and, once it is asked for, a session with the network loaded.

    Args:
        folder: the job.
        source: where the source lies here; by default where it lay when planned.
        engine: shared by several jobs; by default one of its own.

    Raises:
        ManifestError: damaged.
        SourceChangedError: the source is not what was planned with.
    """

    def __init__(
        self, folder: JobFolder, source: Path | None = None, engine: Engine | None = None
    ) -> None:
        self.folder = folder
        self.path = source or Path(self.manifest.source.path)
        self.stamp: Stamp = require_unchanged(folder, self.path)
        self._engine = engine
        self._opened = ExitStack()

    @property
    def manifest(self) -> Manifest:
        """What was planned."""
        return self.folder.manifest

    @cached_property
    def source(self) -> Source:
        """The source, as it was found when planned."""
        probe = self.manifest.probe["source"]
        index = load_index(probe, self.folder.index, self.manifest.index)
        return restore(probe, index, self.path)

    @cached_property
    def delivery(self) -> Delivery:
        """How the output is written."""
        span, encoding = self.manifest.span, self.manifest.encoding
        clip = clip_of(self.manifest.probe["clip"])
        options = encode_options(encoding)
        return Delivery(self.source, clip, encoding.container, options, span.first, span.last)

    @property
    def dither(self) -> bool:
        """Whether rounding to 8 bits is spread over a pattern."""
        return bool(self.manifest.settings["dither"])

    @cached_property
    def session(self) -> Session:
        """The session, opened when it is first wanted.

        Raises:
            ManifestError: other versions, stages or weights here than planned with.
        """
        engine = self._engine or self._opened.enter_context(Engine())
        settings = self._settings()
        require_versions(self.manifest.versions, versions(settings, engine.offers))
        session = self._opened.enter_context(engine.open(self.source.info, settings))
        if session.fingerprint.hex() != self.manifest.fingerprint:
            raise ManifestError(
                f"{self.folder.path}: stages or weights here are not those it was planned with; "
                "install the same, or plan anew"
            )
        return session

    def reader(self) -> ClipReader:
        """A new reader of the source, whose notes of damage begin empty.

        What there is to know of the whole source was told when the job was planned.
        """
        return ClipReader(replace(self.source, notes=()))

    def close(self) -> None:
        """Close the session and its engine."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _settings(self) -> Settings:
        values = dict(self.manifest.settings)
        if self.manifest.weights:
            values["weights"] = self._weights()
        return Settings.of(**values)

    def _weights(self) -> Path:
        path = self.folder.weights
        try:
            found = content_hash(path)
        except OSError as error:
            raise ManifestError(f"{path}: cannot be read ({error.strerror}); plan anew") from error
        if found != self.manifest.weights:
            raise ManifestError(f"{path}: are not the job's own weights; plan the job anew")
        return path


def encode_options(encoding: Encoding) -> EncodeOptions:
    """What a manifest says of the encoder, as the media host takes it."""
    return EncodeOptions(
        codec=encoding.codec,
        crf=encoding.crf,
        pix_fmt=encoding.pix_fmt,
        encoder_options=dict(encoding.options),
    )
