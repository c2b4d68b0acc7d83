"""The encoded frames of one piece, in a file that players can show.

Frames are numbered from 0 at a constant rate: what they really last, and when they are
shown, stands in the source's index, which `join` goes by. Packets go in and out unchanged;
the file's own container is only a wrapper around them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import av
from av.codec.context import Flags
from av.video.stream import VideoStream

from host_adapters.media.containers import holds
from host_adapters.media.convert import Converter
from host_adapters.media.demux import open_input, packets
from host_adapters.media.encoder import encode, open_encoder
from host_adapters.media.writer import Target
from vdiff_plugin.atomic import unwritable
from vdiff_plugin.errors import MediaError
from vdiff_plugin.frame import Frame

_WRAPPERS = {"nut": ".nut", "mov": ".mov", "matroska": ".mkv"}  # in the order they are tried
_DEEPEST = 16  # frames by which H.264 and HEVC may decode ahead of time
_ALPHA: Final = "matroska_block_additional"
_HEAD = struct.Struct("<q?")


def wrapper_of(codec: str, *, alpha: bool) -> tuple[str, str]:
    """Container and suffix for pieces of an encoder.

    Args:
        codec: libav's name of the encoder.
        alpha: VP8 and VP9 keep alpha beside the packet, which only Matroska can.

    Raises:
        MediaError: no wrapper holds it.
    """
    if alpha and codec.startswith("libvpx"):
        return "matroska", ".mkv"
    for container, suffix in _WRAPPERS.items():
        if holds(container, codec):
            return container, suffix
    raise MediaError(f"chunks of {codec} cannot be stored; choose another --codec")


class ChunkWriter:
    """One piece being encoded, exactly as the whole output would be.

    Args:
        target: where to, and how; its container decides what the encoder is told.
        converter: brings frames into the encoder's format.
    """

    def __init__(self, target: Target, converter: Converter) -> None:
        self._target = target
        self._converter = converter
        self._numbers: dict[int, int] = {}
        self._times: list[tuple[int, int]] = []
        self._seals: list[bytes] = []
        self._opened = ExitStack()
        alpha = converter.layout.format.alpha
        self._wrapper = wrapper_of(target.codec, alpha=alpha)[0]
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def write(self, frame: Frame, pts: int, duration: int, carrier: av.VideoFrame | None) -> None:
        """Encode a frame with its times in the output, by which encoders share out bits."""
        picture = self._converter.picture(frame, carrier)
        picture.pts, picture.duration = pts, duration
        picture.time_base = self._target.spec.time_base
        self._numbers[pts] = len(self._numbers)
        self._encode(picture)

    def finish(self) -> None:
        """Write what is left, and make sure that the file gives back what went in.

        Raises:
            MediaError: the encoder gave another number of frames, or the wrapper changed them.
            OutputError: the file cannot be written.
        """
        self._encode(None)
        try:
            self._container.close()
        except av.FFmpegError as error:
            raise unwritable(self._target.shown, error.errno) from error
        if len(self._seals) != len(self._numbers):
            raise MediaError(
                f"{self._target.codec} gave {len(self._seals)} packets for {len(self._numbers)} "
                "frames; use another --codec"
            )
        if [seal(each, n) for n, each in read_packets(self._target.file)] != self._seals:
            raise MediaError(
                f"{self._target.shown}: reads back otherwise than written; check the disk, or use "
                "another --codec"
            )
        self.close()

    @property
    def extradata(self) -> bytes:
        """What the encoder wants said in the output's header."""
        return self._extradata

    @property
    def delay(self) -> int:
        """Frames by which decoding must run ahead of showing."""
        return max(self._reorder, delay_of(self._times))

    def close(self) -> None:
        """Let go of everything; without `finish` the file is not whole."""
        with suppress(av.FFmpegError, ValueError):
            self._opened.close()

    def _open(self) -> None:
        target = self._target
        self._container = av.open(str(target.file), "w", format=self._wrapper)
        self._opened.callback(self._container.close)
        stream = self._container.add_stream(target.codec, rate=target.spec.rate)
        assert isinstance(stream, VideoStream)
        self._stream, self._encoder = stream, stream.codec_context
        self._encoder.flags &= ~Flags.global_header  # the output's container decides, not this one
        open_encoder(
            self._encoder,
            self._converter.layout,
            target.spec,
            target.options,
            container=target.container,
        )
        self._extradata = bytes(self._encoder.extradata or b"")
        self._reorder = self._encoder.reorder_depth
        self._ahead = _DEEPEST if self._encoder.codec.reorder else 0
        stream.time_base = 1 / target.spec.rate
        if self._wrapper == "matroska":
            stream.metadata["alpha_mode"] = "1"
        try:
            self._container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise unwritable(target.shown, getattr(error, "errno", None)) from error

    def _encode(self, picture: av.VideoFrame | None) -> None:
        for packet in encode(self._encoder, picture):
            self._mux(packet)

    def _mux(self, packet: av.Packet[Any]) -> None:
        if packet.pts is None or packet.pts not in self._numbers:
            raise MediaError(f"{self._target.codec} lost count of its frames; use another --codec")
        number = self._numbers[packet.pts]
        self._times.append((packet.pts, packet.pts if packet.dts is None else packet.dts))
        self._seals.append(seal(packet, number))
        packet.stream = self._stream
        packet.time_base = 1 / self._target.spec.rate
        packet.pts, packet.dts, packet.duration = number, len(self._seals) - 1 - self._ahead, 1
        try:
            self._container.mux(packet)
        except av.FFmpegError as error:
            raise unwritable(self._target.shown, error.errno) from error


def read_packets(path: Path) -> Iterator[tuple[int, av.Packet[Any]]]:
    """Packets in the encoder's order, each with its frame's number in the piece.

    Raises:
        MediaError: it is no such file.
    """
    with open_input(path) as container:
        stream = container.streams.video[0] if container.streams.video else None
        if stream is None:
            raise MediaError(f"{path}: is no chunk; render it again")
        times = sorted(each.pts for each in packets(container, stream) if each.pts is not None)
    ranks = {pts: n for n, pts in enumerate(times)}
    with open_input(path) as container:
        for packet in packets(container, container.streams.video[0]):
            if packet.pts is None or packet.pts not in ranks:
                raise MediaError(f"{path}: is no chunk; render it again")
            yield ranks[packet.pts], packet


def seal(packet: av.Packet[Any], number: int) -> bytes:
    """A hash of all that a packet carries."""
    digest = hashlib.blake2b(_HEAD.pack(number, packet.is_keyframe), digest_size=16)
    digest.update(bytes(packet))
    if packet.has_sidedata(_ALPHA):
        digest.update(bytes(packet.get_sidedata(_ALPHA)))
    return digest.digest()


def delay_of(times: Sequence[tuple[int, int]]) -> int:
    """By how many frames dts lag behind, from (pts, dts) in the encoder's order.

    Encoders give a frame's packet the pts of the frame that is shown so many places before.
    """
    shown = sorted(pts for pts, _ in times)
    for delay in range(min(len(times), _DEEPEST + 1)):
        late = times[delay:]
        if all(dts == at for (_, dts), at in zip(late, shown, strict=False)):
            return delay
    rank = {pts: n for n, pts in enumerate(shown)}
    return max(n - rank[pts] for n, (pts, _) in enumerate(times))


def decoding_times(shown: Sequence[int], delay: int) -> Iterator[int]:
    """Dts of packets in the encoder's order, from the pts of all frames as shown.

    The first ones begin before the clip, as x264 has it.
    """
    delay = min(delay, len(shown) - 1)
    lead = shown[delay] - shown[0]
    for n, pts in enumerate(shown):
        yield pts - lead if n < delay else shown[n - delay]
