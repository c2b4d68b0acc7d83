"""The frames of a file by number: when each is shown, and where decoding can begin.

Built by one walk over the file's packets, without decoding. 24 bytes a frame. On the way
packets are looked at for damage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from host_adapters.media.demux import packets
from host_adapters.media.integrity import Doubt, Verdicts, check_for, doubts
from host_adapters.media.matroska import Span
from host_adapters.media.rational import fraction

Times = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class FrameIndex:
    """Presentation times of every frame, in units of the stream's time base.

    Attributes:
        pts: in display order, strictly increasing.
        durations: how long each is shown; 0 where the file does not say.
        keys: pts of the frames at which decoding can begin, in display order.
        declared: frames that the file's header promises; 0 if it promises nothing.
        packets: packets found, those that are never shown included.
        end: when the last packet of any stream ends, in seconds.
        seekable: False where numbers come from decoding alone: then frames are found by
            decoding from the start.
        damaged: pts of frames whose packets are damaged, whatever a decoder says of them.
        doubtful: stretches of the file in which something is damaged, nobody knows what.
    """

    pts: Times
    durations: Times
    keys: Times
    declared: int = 0
    packets: int = 0
    end: float = 0.0
    seekable: bool = True
    damaged: frozenset[int] = frozenset()
    doubtful: tuple[Doubt, ...] = ()

    def __len__(self) -> int:
        return len(self.pts)

    @cached_property
    def constant(self) -> bool:
        """True if all frames are equally far apart, to a unit of the time base."""
        steps = np.diff(self.pts)
        return bool(len(steps) == 0 or steps.max() - steps.min() <= 1)

    def duration(self, n: int) -> int:
        """How long frame n is shown: until the next one; the last one as long as it says.

        What packets say is no good for the others: in mp4 it is the distance of decoding
        times, in Matroska mostly the mean of the whole file. At least 1.
        """
        if n + 1 < len(self.pts):
            return int(self.pts[n + 1] - self.pts[n])
        if self.durations[n] > 0:
            return int(self.durations[n])
        return int(self.pts[n] - self.pts[n - 1]) if n else 1

    def entries(self, n: int) -> list[int]:
        """Pts of the places where decoding may begin for frame n, the nearest first.

        Not at a damaged frame: decoders patch it from the frame before, so without that one
        it would come out otherwise. The last place is the start of the file, whatever it is.
        """
        if not self.seekable:
            return []
        upto = int(np.searchsorted(self.keys, self.pts[n], side="right"))
        places = [int(pts) for pts in self.keys[:upto][::-1]]
        return [pts for pts in places[:-1] if not self.is_doubtful(pts)] + places[-1:]

    def number(self, pts: int) -> int:
        """Number of the first frame shown at `pts` or later."""
        return int(np.searchsorted(self.pts, pts))

    def ending_at(self, end: int, tolerance: int) -> FrameIndex:
        """With the last frame shown until `end`, if it is farther off than `tolerance`."""
        last = self.duration(len(self) - 1)
        wanted = end - int(self.pts[-1])
        if wanted <= 0 or abs(wanted - last) <= tolerance:
            return self
        return replace(self, durations=np.append(self.durations[:-1], wanted))

    def is_doubtful(self, pts: int) -> bool:
        """Whether the frame at `pts` is, or may be, other than it was."""
        return pts in self.damaged or any(each.first <= pts <= each.last for each in self.doubtful)

    def starting_at(self, pts: int) -> FrameIndex:
        """Without the frames before `pts`: leading ones that refer to what was cut off."""
        first = self.number(pts)
        return replace(
            self,
            pts=self.pts[first:],
            durations=self.durations[first:],
            keys=self.keys[self.keys >= pts],
        )


@dataclass
class _Collected:
    verdicts: Verdicts
    places: list[int] = field(default_factory=list)  # where packets lie in the file
    corrupt: set[int] = field(default_factory=set)
    pts: list[int] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    packets: int = 0
    dts: int | None = None
    complete: bool = True  # every packet told its pts
    forward: bool = True  # time never went back

    def add(self, packet: av.Packet[Any], *, hidden: bool) -> None:
        self.packets += 1
        if packet.dts is not None:
            self.forward &= self.dts is None or packet.dts >= self.dts
            self.dts = packet.dts
        if packet.is_discard or hidden:
            return
        if packet.pts is None:
            self.complete = False
            return
        self._judge(packet, packet.pts)
        self.pts.append(packet.pts)
        self.places.append(packet.pos or 0)
        self.durations.append(packet.duration or 0)
        if packet.is_keyframe:
            self.keys.append(packet.pts)

    def _judge(self, packet: av.Packet[Any], pts: int) -> None:
        self.verdicts.look_at(packet, pts)
        if packet.is_corrupt:
            self.corrupt.add(pts)


def index_packets(
    container: InputContainer, stream: VideoStream, broken: Sequence[Span] = ()
) -> FrameIndex:
    """Walk over all packets of a file that was just opened.

    Args:
        container: the file.
        stream: its video.
        broken: bytes of the file that are known to be damaged somewhere.

    `seekable` is False in the answer where packets have no pts, or share one; where time
    goes back, as in recordings put end to end, there are no pts at all.
    """
    context = stream.codec_context
    check = check_for(context.name, context.extradata or b"")
    found, end = _Collected(Verdicts(check)), 0.0
    is_vp8 = context.name.startswith(("vp8", "libvpx"))
    for packet in packets(container):
        end = max(end, _end(packet))
        if packet.stream_index == stream.index:
            found.add(packet, hidden=is_vp8 and _is_hidden(packet))
    if not found.forward:
        found.pts, found.durations, found.keys, found.places = [], [], [], []
    order = np.argsort(np.array(found.pts, np.int64), kind="stable")
    pts = np.array(found.pts, np.int64)[order]
    return FrameIndex(
        pts=pts,
        durations=np.array(found.durations, np.int64)[order],
        keys=np.sort(np.array(found.keys, np.int64)),
        declared=stream.frames,
        packets=found.packets,
        end=end,
        seekable=found.complete and found.forward and bool((np.diff(pts) > 0).all()),
        damaged=found.verdicts.damaged | found.corrupt,
        doubtful=doubts(broken, found.places, found.pts),
    )


def index_pictures(times: list[int | None], packets: FrameIndex, step: int) -> FrameIndex:
    """An index of pictures that were all decoded, for files whose packets tell too little.

    Args:
        times: pts of the pictures as decoded, which AVI and raw streams get wrong.
        packets: the walk over the packets; where it has as many pts as there are
            pictures, they are theirs in order.
        step: distance to assume where a pts is unknown or does not go forward.
    """
    if len(packets) == len(times) and bool((np.diff(packets.pts) > 0).all()):
        return replace(packets, seekable=False)
    pts: list[int] = []
    for each in times:
        expected = pts[-1] + step if pts else 0
        pts.append(expected if each is None or (pts and each <= pts[-1]) else each)
    return replace(
        packets,
        pts=np.array(pts, np.int64),
        durations=np.zeros(len(pts), np.int64),
        keys=np.array([], np.int64),
        seekable=False,
    )


def _end(packet: av.Packet[Any]) -> float:
    if packet.pts is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * fraction(packet.time_base))


def _is_hidden(packet: av.Packet[Any]) -> bool:
    """True for a VP8 packet that only refreshes references and is never shown."""
    return packet.size > 0 and not (bytes(packet)[0] >> 4) & 1
