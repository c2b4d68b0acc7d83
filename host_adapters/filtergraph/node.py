"""A vdiff node at work: libav's pictures in, restored ones out, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack

import av

from host_adapters.filtergraph.gate import Gate
from host_adapters.filtergraph.vdiff_options import NodeOptions
from host_adapters.media.codecs import describe
from host_adapters.media.colour import ColourTags
from host_adapters.media.convert import Converter
from host_adapters.media.formats import Layout, layout_of, planar_layout, unpack
from host_adapters.media.rational import fraction
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import UnsupportedMediaError
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.session import Session
from vdiff_plugin.settings import Settings
from vdiff_plugin.stream import PooledStream, Stream


class VdiffNode:
    """One node of ours: a session over what flows through it, several frames under way.

    Args:
        options: settings and timeline.
        engine: opens the session when the first picture tells the clip.
    """

    def __init__(self, options: NodeOptions, engine: Engine) -> None:
        self._options = options
        self._engine = engine
        self._waiting: deque[tuple[av.VideoFrame, Frame]] = deque()
        self._gate: Gate | None = None
        self._count = 0
        self._opened = ExitStack()
        self._session: Session | None = None
        self._stream: Stream | PooledStream | None = None

    def push(self, picture: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Take a picture; give those whose turn has come.

        Raises:
            UnsupportedMediaError: interlaced, of a format we do not process, or unlike the first.
        """
        session = self._session or self._open(picture)
        self._require_fitting(picture, session.source)
        if self._stream is None:
            yield picture
            return
        if self._gate:
            seconds = float((picture.pts or 0) * fraction(picture.time_base))
            self._gate.note(self._count, seconds)
        self._count += 1
        frame = Frame(unpack(picture, self._layout))
        self._waiting.append((picture, frame))
        for done in self._stream.push(frame):
            yield self._picture(done)

    def finish(self) -> Iterator[av.VideoFrame]:
        """Give the pictures still owed."""
        if self._stream is not None:
            for done in self._stream.finish():
                yield self._picture(done)
        self.close()

    def close(self) -> None:
        """Drop what has not begun. Closing twice does nothing."""
        self._opened.close()

    def _open(self, picture: av.VideoFrame) -> Session:
        self._layout = layout = layout_of(picture.format.name)
        clip = clip_of(picture, layout)
        settings, timeline = self._options.settings, self._options.enable
        self._session = session = self._opened.enter_context(self._engine.open(clip, settings))
        if timeline:
            self._gate = Gate(session, timeline)
        if session.clip.format != clip.format:
            planar = planar_layout(session.clip.format)
            if planar is None:
                raise UnsupportedMediaError(
                    f"[vdiff] {describe(session.clip.format)} has no pixel format in libav"
                )
            layout = planar
        self._converter = Converter(session.clip, layout)
        if session.clip != clip or not _is_idle(settings):
            self._stream = self._begin(self._gate.as_session() if self._gate else session)
        return session

    def _begin(self, session: Session) -> Stream | PooledStream:
        if self._options.settings.lookahead is not None:
            return Stream(session)  # live: no frame waits for another
        pooled = PooledStream(session)
        self._opened.callback(pooled.close)
        return pooled

    def _require_fitting(self, picture: av.VideoFrame, clip: ClipInfo) -> None:
        if picture.interlaced_frame:
            raise UnsupportedMediaError(
                f"[vdiff] the frame at {picture.time} s is interlaced; put bwdif before vdiff, or "
                "setfield=prog if it is progressive in truth"
            )
        if (picture.width, picture.height, picture.format.name) != (
            clip.width,
            clip.height,
            self._layout.name,
        ):
            raise UnsupportedMediaError(
                f"[vdiff] the frame at {picture.time} s changes to {picture.width}x"
                f"{picture.height} {picture.format.name}; put scale=W:H,format=F before vdiff"
            )

    def _picture(self, done: Frame) -> av.VideoFrame:
        source, frame = self._waiting.popleft()
        if done is frame:
            return source
        out = self._converter.picture(done, source)
        out.pts, out.duration, out.time_base = source.pts, source.duration, source.time_base
        if not self._keeps_form(source):
            out.color_primaries, out.color_trc = source.color_primaries, source.color_trc
            grey = self._converter.layout.format.family == "gray"
            out.color_range = 2 if grey else source.color_range
            tags = ColourTags(primaries=source.color_primaries, matrix=source.colorspace)
            out.colorspace = self._converter.tags(tags).matrix
        return out

    def _keeps_form(self, source: av.VideoFrame) -> bool:
        assert self._session is not None
        clip = self._session.clip
        form = (clip.width, clip.height, self._converter.layout.name)
        return form == (source.width, source.height, source.format.name)


def _is_idle(settings: Settings) -> bool:
    """Whether every frame of unchanged size comes out as it is, so that none is unpacked."""
    return settings.strength == 0 and settings.stages == ("vdiff",)


def clip_of(picture: av.VideoFrame, layout: Layout) -> ClipInfo:
    """The clip that a picture begins, as the file host would see it."""
    tags = ColourTags(
        range=2 if layout.jpeg else picture.color_range,
        primaries=picture.color_primaries,
        transfer=picture.color_trc,
        matrix=picture.colorspace,
        chroma=picture.chroma_location,
    )
    return ClipInfo(
        width=picture.width,
        height=picture.height,
        format=layout.format,
        matrix=tags.known_matrix() or tags.guess_matrix(picture.width, picture.height),
        full_range=tags.full_range(layout),
        chroma_location=tags.chroma_location(),
    )
