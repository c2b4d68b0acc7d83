"""A filter graph at work: frames in at its open inputs, frames out at its open outputs.

libavfilter runs the sections between vdiff's nodes. Each is set up when the first frame of
every input is there, for only then are sizes and formats known.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.filter import Graph
from av.filter.context import FilterContext

from host_adapters.filtergraph.model import FilterGraph, Kind, Pad, add_filter
from host_adapters.filtergraph.node import VdiffNode
from host_adapters.filtergraph.split import Section, is_ours, sections
from host_adapters.filtergraph.vdiff_options import read_node
from host_adapters.media.rational import fraction
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import UsageError

Any_Frame = Any  # av.VideoFrame or av.AudioFrame
_RATE = re.compile(r"config in time_base: (\d+)/(\d+), frame_rate: (\d+)/(\d+)")
_SAR = re.compile(r" sar:(\d+)/(\d+) ")


@dataclass
class Stream:
    """What is the same for all frames at one place of a graph.

    Attributes:
        rate: frames a second; 0 if unknown.
        sar: width to height of a pixel; 0 if unknown.
    """

    rate: Fraction = Fraction(0)
    sar: Fraction = Fraction(0)


@dataclass(frozen=True)
class Piece:
    """A frame on its way, with what libav's frames do not say of their stream in Python."""

    frame: Any_Frame
    stream: Stream


Target = Callable[[Piece | None], None]  # None is the end


class GraphRun:
    """One run of a graph.

    Args:
        graph: wired.
        targets: one for each of its open outputs, in order.
        engine: for vdiff's nodes.

    Raises:
        UsageError: a node of ours has wrong options, or a filter refuses its own.
    """

    def __init__(self, graph: FilterGraph, targets: list[Target], engine: Engine) -> None:
        self._graph = graph
        self._engine = engine
        self._targets = dict(zip((each.pad for each in graph.outputs), targets, strict=True))
        self._sections: list[_SectionRun] = []
        self._entries: dict[Pad, Target] = {}
        self._workers: list[VdiffNode] = []
        for node in range(len(graph.nodes)):
            if is_ours(graph, node):
                self._entries[Pad(node, 0)] = self._ours(node)
        for section in reversed(sections(graph)):
            self._sections.insert(0, self._section(section))

    def push(self, index: int, piece: Piece | None) -> None:
        """A frame for the open input of that number; None is its end."""
        self._entries[self._graph.inputs[index].pad](piece)

    def pump(self) -> bool:
        """Draw on sections that have no input, such as test sources. False if there are none."""
        alive = [section.pump() for section in self._sections]  # each one draws, not just the first
        return any(alive)

    def close(self) -> None:
        """Drop the work of vdiff's nodes that has not begun. Closing twice does nothing."""
        for worker in self._workers:
            worker.close()

    def _ours(self, node: int) -> Target:
        worker = VdiffNode(read_node(self._graph.nodes[node]), self._engine)
        self._workers.append(worker)
        last: list[Stream] = []

        def take(piece: Piece | None) -> None:
            onward = self._onward(Pad(node, 0))
            if piece is None:
                for done in worker.finish():
                    onward(Piece(done, last[0]))
                onward(None)
                return
            last[:] = [piece.stream]
            for done in worker.push(piece.frame):
                onward(Piece(done, piece.stream))

        return take

    def _onward(self, pad: Pad) -> Target:
        into = self._graph.links.get(pad)
        return self._targets[pad] if into is None else self._entries[into]

    def _section(self, section: Section) -> _SectionRun:
        graph, nodes = self._graph, set(section.nodes)
        crossing = [
            (a, b) for a, b in graph.links.items() if (a.node in nodes) != (b.node in nodes)
        ]
        kinds = {each.pad: each.kind for each in graph.outputs if each.pad.node in nodes}
        entries = [each.pad for each in graph.inputs if each.pad.node in nodes]
        entries += [into for _, into in crossing if into.node in nodes]
        exits = [*kinds, *(out for out, _ in crossing if out.node in nodes)]
        run = _SectionRun(graph, section, entries, exits, kinds, self._onward)
        for pad in entries:
            self._entries[pad] = run.entry(pad)
        return run


class _SectionRun:
    """The filters of one section, in a graph of libavfilter's."""

    def __init__(
        self,
        graph: FilterGraph,
        section: Section,
        entries: list[Pad],
        exits: list[Pad],
        kinds: dict[Pad, Kind],
        onward: Callable[[Pad], Target],
    ) -> None:
        self._graph, self._section = graph, section
        self._queues: dict[Pad, deque[Piece | None]] = {pad: deque() for pad in entries}
        self._exits, self._kinds, self._onward = exits, kinds, onward
        self._sources: dict[Pad, FilterContext] = {}
        self._sinks: dict[Pad, FilterContext] = {}
        self._streams: dict[Pad, Stream] = {pad: Stream() for pad in exits}
        self._silent = {pad for pad in exits if self._is_video(pad)}  # no frame seen yet
        self._ended: set[Pad] = set()
        self._configured = False
        for node in section.nodes:  # what is wrong is said before the first frame
            add_filter(Graph(), graph.nodes[node])

    def entry(self, pad: Pad) -> Target:
        """What takes the frames of an input."""

        def take(piece: Piece | None) -> None:
            if self._configured:
                self._feed(pad, piece)
                self._drain()
                return
            self._queues[pad].append(piece)
            if all(self._queues.values()):
                self._configure()

        return take

    def pump(self) -> bool:
        """One frame from each output of a section without inputs; False at its end."""
        if self._queues or len(self._ended) == len(self._exits):
            return False
        if not self._configured:
            self._configure()
        for pad in self._exits:
            self._pull(pad)
        return len(self._ended) < len(self._exits)

    def _configure(self) -> None:
        if any(queue[0] is None for queue in self._queues.values()):
            self._end_early()
            return
        with _listening() as said:
            self._build()
        self._configured = True
        self._note_rates(said)
        for pad, queue in self._queues.items():
            while queue:
                self._feed(pad, queue.popleft())
        if self._queues:
            self._drain()

    def _end_early(self) -> None:
        """An input that never has a frame: nothing can be computed."""
        for pad in self._exits:
            if pad not in self._ended:
                self._ended.add(pad)
                self._onward(pad)(None)
        self._configured = True

    def _build(self) -> None:
        graph = self._libav = Graph()
        contexts = {
            node: add_filter(graph, self._graph.nodes[node]) for node in self._section.nodes
        }
        for out, into in self._graph.links.items():
            if out.node in contexts and into.node in contexts:
                contexts[out.node].link_to(contexts[into.node], out.number, into.number)
        for pad, queue in self._queues.items():
            first = queue[0]
            assert first is not None
            self._sources[pad] = source = graph.add(*_buffer(first))
            source.link_to(contexts[pad.node], 0, pad.number)
        for pad in self._exits:
            self._sinks[pad] = self._sink(graph, contexts[pad.node], pad)
        try:
            graph.configure(auto_buffer=False)
        except av.FFmpegError as error:
            said = error.log[2].strip() if error.log else (error.strerror or "refused")
            shown = ",".join(self._graph.nodes[node].text() for node in self._section.nodes)
            raise UsageError(f"[graph] {said}; the filters {shown} do not fit together") from error

    def _sink(self, graph: Graph, context: FilterContext, pad: Pad) -> FilterContext:
        if context.outputs[pad.number].type == "audio":
            sink = graph.add("abuffersink")
            context.link_to(sink, pad.number, 0)
            return sink
        # The only way to hear of the rate and pixel shape behind a filter: it logs them.
        shown = graph.add("showinfo", "checksum=0")
        sink = graph.add("buffersink")
        context.link_to(shown, pad.number, 0)
        shown.link_to(sink)
        return sink

    def _note_rates(self, said: list[tuple[int, str, str]]) -> None:
        found = [match for _, _, text in said if (match := _RATE.search(text))]
        video = [pad for pad in self._exits if self._is_video(pad)]
        for pad, match in zip(video, found, strict=False):
            below = int(match[4])
            self._streams[pad].rate = Fraction(int(match[3]), below) if below else Fraction(0)

    def _note_shape(self, pad: Pad, said: list[tuple[int, str, str]]) -> None:
        for match in (found for _, _, text in said if (found := _SAR.search(text))):
            self._silent.discard(pad)
            below = int(match[2])
            self._streams[pad].sar = Fraction(int(match[1]), below) if below else Fraction(0)

    def _is_video(self, pad: Pad) -> bool:
        return self._kinds.get(pad, "video") == "video"

    def _feed(self, pad: Pad, piece: Piece | None) -> None:
        if len(self._ended) == len(self._exits) or pad not in self._sources:
            return
        try:
            self._sources[pad].push(None if piece is None else piece.frame)
        except av.error.EOFError:
            return

    def _drain(self) -> None:
        for pad in self._exits:
            while pad not in self._ended and self._pull(pad):
                pass

    def _pull(self, pad: Pad) -> bool:
        return pad not in self._ended and self._hand_on(pad, self._try_pull(pad))

    def _try_pull(self, pad: Pad) -> Any_Frame | str:
        try:
            if pad not in self._silent:
                return self._sinks[pad].pull()
            with _listening() as said:
                found = self._sinks[pad].pull()
        except av.error.BlockingIOError:
            return "later"
        except av.error.EOFError:
            return "end"
        self._note_shape(pad, said)
        return found

    def _hand_on(self, pad: Pad, found: Any_Frame | str) -> bool:
        if found == "later":
            return False
        if found == "end":
            self._ended.add(pad)
            self._onward(pad)(None)
            return False
        self._onward(pad)(Piece(found, self._streams[pad]))
        return True


@contextmanager
def _listening() -> Iterator[list[tuple[int, str, str]]]:
    """What libav says meanwhile, information included."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture() as said:
            yield said
    finally:
        av.logging.set_level(level)


def _buffer(piece: Piece) -> tuple[str, str]:
    """The source filter for frames like this one."""
    frame, stream = piece.frame, piece.stream
    base = fraction(frame.time_base)
    if isinstance(frame, av.AudioFrame):
        return "abuffer", (
            f"time_base={base.numerator}/{base.denominator}:sample_rate={frame.sample_rate}"
            f":sample_fmt={frame.format.name}:channel_layout={frame.layout.name}"
        )
    rate = f":frame_rate={stream.rate.numerator}/{stream.rate.denominator}" if stream.rate else ""
    return "buffer", (
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}"
        f":time_base={base.numerator}/{base.denominator}"
        f":pixel_aspect={stream.sar.numerator}/{stream.sar.denominator}"
        f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}{rate}"
    )
