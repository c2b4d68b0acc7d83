"""What raw frames in a pipe do not say of themselves, asked for beside it."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import av
from av.video.stream import VideoStream

from host_adapters.ffmpeg.colour_names import shown_tags
from host_adapters.ffmpeg.commandline import CommandLine
from host_adapters.ffmpeg.cut import Cut
from host_adapters.ffmpeg.inputs import Input, open_input
from host_adapters.ffmpeg.specifiers import chosen
from host_adapters.ffmpeg.video import hdr_of
from host_adapters.media.colour import ColourTags
from host_adapters.media.hdr import Hdr
from vdiff_plugin.errors import VdiffError


@dataclass(frozen=True)
class Beside:
    """What goes beside the frames of a pipe.

    Attributes:
        tags: their colours.
        hdr: of the stream.
    """

    tags: ColourTags = field(default_factory=ColourTags)
    hdr: Hdr = field(default_factory=Hdr)


class Asked:
    """A program at work that looks at what a node takes.

    Args:
        program: ffmpeg.
        cut: the node.
        pipes: words of inputs that stand for nodes before it, in the form of its frames.
    """

    def __init__(self, program: str, cut: Cut, pipes: list[str]) -> None:
        self._process = subprocess.Popen(
            [program, *cut.asking_words(pipes)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            errors="replace",
            process_group=0,
        )

    def tags(self) -> ColourTags | None:
        """The tags of the first frame; None where there is none, which another program says."""
        return shown_tags(self._process.communicate()[1])

    def close(self) -> None:
        """End it, should it still run."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def look(cut: Cut, line: CommandLine, shown: ColourTags | None, fed: list[Beside]) -> Beside:
    """What is known of the frames that a node takes.

    Args:
        cut: the node.
        line: has the inputs.
        shown: tags that the program told, which know what filters did to them.
        fed: what is known of nodes before it.
    """
    origins = fed or [_first_picture(line, each) for each in cut.origins[:2]]
    origin = origins[0] if len(origins) == 1 else Beside()
    if shown is None:
        return origin
    return replace(origin, tags=replace(shown, chroma=shown.chroma or origin.tags.chroma))


def _first_picture(line: CommandLine, label: str) -> Beside:
    """Of a stream of an input, by its label; nothing where it cannot be read here."""
    number, _, specifier = label.partition(":")
    try:
        with ExitStack() as opened:
            one = open_input(line.inputs[int(number)], opened)
            return _of_stream(one, specifier)
    except (VdiffError, av.FFmpegError, ValueError, IndexError):
        return Beside()  # the program may be able to; then only this is not known


def _of_stream(one: Input, specifier: str) -> Beside:
    streams = [one.streams[n] for n in chosen(specifier, one.streams)]
    video = next((each for each in streams if isinstance(each, VideoStream)), None)
    if video is None:
        return Beside()
    picture = next(iter(one.container.decode(video)))
    tags = ColourTags(
        range=picture.color_range,
        primaries=picture.color_primaries,
        transfer=picture.color_trc,
        matrix=picture.colorspace,
        chroma=picture.chroma_location,
    )
    return Beside(tags, hdr_of(picture))
