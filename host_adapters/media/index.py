"""The frames of a file by number: when each is shown, and where decoding can begin.

Built by one walk over the file's packets, without decoding. 24 bytes a frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from host_adapters.media.demux import packets
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
    """

    pts: Times
    durations: Times
    keys: Times
    declared: int = 0
    packets: int = 0
    end: float = 0.0
    seekable: bool = True

    def __len__(self) -> int:
        return len(self.pts)

    @cached_property
    def constant(self) -> bool:
        """True if all frames are equally far apart, to a unit of the time base."""
        steps = np.diff(self.pts)
        return bool(len(steps) == 0 or steps.max() - steps.min() <= 1)

    def duration(self, n: int) -> int:
        """Duration of frame n; where unknown the distance to its neighbour, at least 1."""
        if self.durations[n] > 0:
            return int(self.durations[n])
        if n + 1 < len(self.pts):
            return int(self.pts[n + 1] - self.pts[n])
        return int(self.pts[n] - self.pts[n - 1]) if n else 1

    def entries(self, n: int) -> list[int]:
        """Pts of the places where decoding may begin for frame n, the nearest first."""
        if not self.seekable:
            return []
        upto = int(np.searchsorted(self.keys, self.pts[n], side="right"))
        return [int(pts) for pts in self.keys[:upto][::-1]]

    def number(self, pts: int) -> int:
        """Number of the first frame shown at `pts` or later."""
        return int(np.searchsorted(self.pts, pts))

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
        self.pts.append(packet.pts)
        self.durations.append(packet.duration or 0)
        if packet.is_keyframe:
            self.keys.append(packet.pts)


def index_packets(container: InputContainer, stream: VideoStream) -> FrameIndex:
    """Walk over all packets of a file that was just opened.

    `seekable` is False in the answer where packets have no pts, or share one; where time
    goes back, as in recordings put end to end, there are no pts at all.
    """
    found, end = _Collected(), 0.0
    is_vp8 = stream.codec_context.name.startswith(("vp8", "libvpx"))
    for packet in packets(container):
        end = max(end, _end(packet))
        if packet.stream_index == stream.index:
            found.add(packet, hidden=is_vp8 and _is_hidden(packet))
    if not found.forward:
        found.pts, found.durations, found.keys = [], [], []
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
