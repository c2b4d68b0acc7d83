"""Clips that are compared: files, and scenes that are generated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.measure.comparison import Clip

if TYPE_CHECKING:
    from host_adapters.media import ClipReader

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


class Footage(Clip, Protocol):
    """A clip with a name, times, and facts to tell of it."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def times(self) -> Sequence[Fraction]:
        """Seconds at which each frame is shown."""
        ...

    @property
    def weight(self) -> Weight | None:
        """What it takes to store it; None for what is in no file."""
        ...

    @property
    def facts(self) -> Mapping[str, str]:
        """What is to be said of it, heading -> text."""
        ...


class Weight:
    """What a file takes.

    Args:
        size: bytes of the whole file.
        video: bytes of its video alone.
        seconds: for how long the video is shown.
    """

    def __init__(self, size: int, video: int, seconds: float) -> None:
        self.size = size
        self.bitrate = round(8 * video / seconds) if seconds > 0 else 0  # bits a second

    def __str__(self) -> str:
        return f"{human_size(self.size)}, {self.bitrate / 1000:.0f} kbit/s"


class FileFootage:
    """A video file.

    Args:
        path: the file.
        reader: of it; a new one by default.

    Raises:
        MediaError, UnsupportedMediaError: as `read_clip` does.
    """

    def __init__(self, path: Path, reader: ClipReader | None = None) -> None:
        from host_adapters.media import read_clip

        self.path = path
        self.name = path.name
        self._reader = reader or read_clip(path)

    @property
    def info(self) -> ClipInfo:
        """See `Footage`."""
        return self._reader.info

    def __len__(self) -> int:
        return len(self._reader)

    def frames(self, start: int = 0, end: int | None = None) -> Iterator[Frame]:
        """See `Clip.frames`."""
        return self._reader.frames(start, end)

    @cached_property
    def times(self) -> Sequence[Fraction]:
        """See `Footage`."""
        source = self._reader.source
        return [source.seconds(n) for n in range(source.length)]

    @cached_property
    def weight(self) -> Weight:
        """See `Footage`."""
        from host_adapters.media.demux import open_input, packets

        source = self._reader.source
        with open_input(self.path) as container:
            video = container.streams[source.stream]
            held = sum(packet.size for packet in packets(container, video))
        last = source.length - 1
        end = self.times[last] + source.index.duration(last) * source.time_base
        return Weight(self.path.stat().st_size, held, float(end - self.times[0]))

    @property
    def facts(self) -> Mapping[str, str]:
        """See `Footage`."""
        source, info = self._reader.source, self.info
        return {
            "Picture": f"{info.width}x{info.height}",
            "Frames": str(source.length),
            "Rate": f"{float(source.rate):.6g} fps",
            "Codec": source.codec,
            "Pixel format": source.layout.name,
            "Size": human_size(self.weight.size),
            "Video bitrate": f"{self.weight.bitrate / 1000:.0f} kbit/s",
        }


class SceneFootage:
    """A generated scene as it should look.

    Args:
        scene: generates it.
        rate: frames a second.
    """

    name = "clean scene"
    weight = None

    def __init__(self, scene: Scene, rate: int) -> None:
        self._scene = scene
        self.info = scene.clip
        self.times = [Fraction(n, rate) for n in range(scene.length)]
        size, form = f"{scene.width}x{scene.height}", "yuv420p"
        self.facts: Mapping[str, str] = {
            "Picture": size,
            "Frames": str(scene.length),
            "Rate": f"{rate} fps",
            "Codec": "generated",
            "Pixel format": form,
        }

    def __len__(self) -> int:
        return self._scene.length

    def frames(self, start: int = 0, end: int | None = None) -> Iterator[Frame]:
        """See `Clip.frames`."""
        stop = len(self) if end is None else end + 1
        return (self._scene.clean(n) for n in range(start, stop))


def human_size(size: float) -> str:
    """`1.25 MB`, with decimal units as file managers have them."""
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.3g} {_UNITS[unit]}" if unit else f"{size:.0f} bytes"
