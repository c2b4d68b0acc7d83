"""What is decided before the first frame is processed: codec, times, and where they begin."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from host_adapters.media.codecs import EncodeOptions, choose_encoder
from host_adapters.media.containers import has_times
from host_adapters.media.convert import Converter
from host_adapters.media.encoder import VideoSpec, counts_frames
from host_adapters.media.hdr import Hdr
from host_adapters.media.remux import Copier
from host_adapters.media.source import Source
from host_adapters.media.timeline import Timeline
from host_adapters.media.writer import Target, VideoWriter
from vdiff_plugin.errors import MediaError, SettingsError
from vdiff_plugin.frame import ClipInfo


class Delivery:
    """How one stretch of a clip is to be written: codec, pixel format, times.

    Args:
        source: the input.
        clip: what the session gives out.
        container: libav's name of the output's format.
        encode: what the user asks of the encoder.
        first: first frame.
        last: last frame, included.

    Raises:
        SettingsError: nothing fits, or the container wants a constant frame rate.
    """

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

    def converter(self, *, dither: bool) -> Converter:
        """Brings frames of the session into the encoder's format."""
        return Converter(self._clip, self.layout, dither=dither)

    def target(self, temporary: Path, shown: Path, *, dither: bool) -> Target:
        """What is written to `temporary`, the user knowing it as `shown`."""
        source = self._source
        return Target(
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
                tags=self.converter(dither=dither).tags(source.tags),
                hdr=Hdr.of(source.side_data),
            ),
            options=self._encode,
            side_data=source.side_data,
            frame_data=source.frame_data,
            timeline=self._timeline,
        )

    def writer(self, temporary: Path, shown: Path, *, dither: bool) -> VideoWriter:
        """The writer of the whole output."""
        target = self.target(temporary, shown, dither=dither)
        copier = Copier(self._source, self._timeline)
        return VideoWriter(target, self.converter(dither=dither), copier)

    def times(self, n: int) -> tuple[int, int]:
        """Pts and duration of frame `n` in the output's time base."""
        if self._counts:
            return n - self.first, 1
        index, base = self._source.index, self._source.time_base
        return self._timeline.pts(int(index.pts[n]), base, base), index.duration(n)

    def _make_timeline(self) -> Timeline:
        """The input's own times; a stretch begins when the clip began, and never below 0."""
        source, index = self._source, self._source.index
        begin = source.seconds(self.first)
        zero = Fraction(0) if self._counts else max(Fraction(0), source.seconds(0))
        if self.first == 0 and self.last == source.length - 1:
            return Timeline(shift=begin - zero, from_zero=self._counts)
        stop = source.seconds(self.last) + index.duration(self.last) * source.time_base
        return Timeline(shift=begin - zero, start=begin, stop=stop, from_zero=self._counts)


def stretch_of(source: Source, start: int, end: int | None) -> tuple[int, int]:
    """First and last frame, both included, that `start` and `end` ask for.

    Raises:
        MediaError: a video without frames, or truncated and no `end` given.
        SettingsError: frames that the clip does not have.
    """
    length = source.length
    if not length:
        raise MediaError(f"{source.path}: a video without frames; give one with a picture")
    if source.truncated and end is None:
        raise MediaError(
            f"{source.path}: {source.truncated}; copy the file again, or give --end {length - 1} "
            "to take what is there"
        )
    last = length - 1 if end is None else end
    for name, number in (("start", start), ("end", last)):
        if not 0 <= number < length:
            raise SettingsError(
                f"no frame {number} in {source.path}, it has 0 to {length - 1}; change --{name}"
            )
    if start > last:
        raise SettingsError(f"no frames from {start} to {last}; give an --end from {start} up")
    return start, last
