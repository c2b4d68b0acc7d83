"""A graph whose entry filters are known only when the first pictures are there."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av

from host_adapters.ffmpeg.inputs import Input
from host_adapters.filtergraph.model import FilterGraph, OpenPad, Pad
from host_adapters.filtergraph.run import GraphRun, Piece, Target
from host_adapters.filtergraph.tokens import Filter
from vdiff_plugin.engine import Engine


class LateGraph:
    """A graph that gets its entry filters when the first pictures tell what they need."""

    def __init__(self, graph: FilterGraph, targets: list[Target], engine: Engine) -> None:
        self._graph, self._targets, self._engine = graph, targets, engine
        self._entries: dict[int, list[Filter]] = {}
        self._queued: list[tuple[int, Piece | None]] = []
        self._run: GraphRun | None = None
        self._ended: set[int] = set()
        GraphRun(graph, targets, engine)  # what is wrong is said before the first frame

    def start_without_inputs(self) -> None:
        """Start a graph that has nothing but sources."""
        if not self._graph.inputs:
            self._run = GraphRun(self._graph, self._targets, self._engine)

    def enter(self, index: int, one: Input, picture: av.VideoFrame, sar: Fraction) -> None:
        """Note what an input's first picture wants before the graph."""
        if self._run is None and index not in self._entries:
            self._entries[index] = one.entry(picture, sar)

    def push(self, index: int, piece: Piece | None) -> None:
        """A frame for an open input; None is its end."""
        if piece is None:
            if index in self._ended:
                return
            self._ended.add(index)
        if self._run is not None:
            self._run.push(index, piece)
            return
        self._queued.append((index, piece))
        seen = {each for each, _ in self._queued}
        if len(seen) == len(self._graph.inputs):
            self._start()

    def close(self) -> None:
        """See `GraphRun.close`."""
        if self._run is not None:
            self._run.close()

    def pump(self) -> bool:
        """See `GraphRun.pump`."""
        return self._run is not None and self._run.pump()

    def _start(self) -> None:
        graph = self._graph
        for index, filters in self._entries.items():
            graph = _entered(graph, index, filters)
        self._run = GraphRun(graph, self._targets, self._engine)
        queued, self._queued = self._queued, []
        for index, piece in queued:
            self._run.push(index, piece)


def _entered(graph: FilterGraph, index: int, filters: list[Filter]) -> FilterGraph:
    """The graph with filters in front of one of its open inputs."""
    nodes, links = list(graph.nodes), dict(graph.links)
    inputs = list(graph.inputs)
    for each in reversed(filters):
        links[Pad(len(nodes), 0)] = inputs[index].pad
        inputs[index] = inputs[index]._replace(pad=Pad(len(nodes), 0))
        nodes.append(each)
    return replace(graph, nodes=tuple(nodes), links=links, inputs=tuple(inputs))


def extended(graph: FilterGraph, end: OpenPad, filters: list[Filter]) -> FilterGraph:
    """The graph with filters behind one of its open outputs."""
    nodes, links = list(graph.nodes), dict(graph.links)
    pad = end.pad
    for each in filters:
        links[pad] = Pad(len(nodes), 0)
        pad = Pad(len(nodes), 0)
        nodes.append(each)
    outputs = tuple(each._replace(pad=pad) if each == end else each for each in graph.outputs)
    return replace(graph, nodes=tuple(nodes), links=links, outputs=outputs)
