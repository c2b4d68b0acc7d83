"""Cutting a graph at vdiff's nodes, so that programs can do what lies between them."""

from __future__ import annotations

from dataclasses import dataclass

from host_adapters.ffmpeg.commandline import CommandLine
from host_adapters.ffmpeg.graph_text import END, PartText
from host_adapters.filtergraph.model import FilterGraph, Pad
from host_adapters.filtergraph.split import is_ours
from host_adapters.filtergraph.vdiff_options import NodeOptions, read_node

_QUIET = ("-v", "error", "-nostdin")


@dataclass(frozen=True)
class Cut:
    """A node of ours and what stands in front of it.

    Attributes:
        options: of the node.
        inputs: words of all inputs of the command line.
        graph: what the node takes, as a graph with the output `END`.
        origins: the streams of the inputs that it reads, `0:v`.
        feeds: nodes of ours that it reads, as further inputs.
    """

    options: NodeOptions
    inputs: tuple[str, ...]
    graph: str
    origins: tuple[str, ...]
    feeds: tuple[Cut, ...]

    def words(self, pipes: list[str], descriptor: int, ticks: str) -> list[str]:
        """Arguments of the program that writes to a pipe what the node takes.

        Args:
            pipes: words of the further inputs.
            descriptor: of the pipe.
            ticks: what the program calls the frames' own time base, for `-enc_time_base`.
        """
        times = ["-fps_mode", "passthrough", "-enc_time_base", ticks]
        target = ["-c:v", "rawvideo", "-f", "nut", f"pipe:{descriptor}"]
        graph = ["-filter_complex", self.graph, "-map", f"[{END}]"]
        return [*_QUIET, *self.inputs, *pipes, *graph, *times, *target]

    def asking_words(self, pipes: list[str]) -> list[str]:
        """Arguments of a program that logs the first frame, with `showinfo`, and nothing more."""
        graph = ["-filter_complex", f"{self.graph};[{END}]showinfo=checksum=0[shown]"]
        one = ["-map", "[shown]", "-frames:v", "1", "-c:v", "wrapped_avframe", "-f", "null", "-"]
        return ["-v", "info", "-nostats", "-nostdin", *self.inputs, *pipes, *graph, *one]


def cut_at(graph: FilterGraph, node: int, line: CommandLine) -> Cut:
    """The node and all before it, nodes of ours included.

    Raises:
        UsageError: it has wrong options.
    """
    end = Pad(node, 0)
    nodes, ours = behind(graph, [end])
    labels = {each: f"{len(line.inputs) + k}:v" for k, each in enumerate(ours)}
    pads = {end, *(Pad(each, n) for each in nodes for n in range(_most_inputs(graph)))}
    return Cut(
        options=read_node(graph.nodes[node]),
        inputs=tuple(input_words(line)),
        graph=PartText(graph, labels).before(nodes, end),
        origins=tuple(each.label or "0:v" for each in graph.inputs if each.pad in pads),
        feeds=tuple(cut_at(graph, each, line) for each in ours),
    )


def behind(graph: FilterGraph, pads: list[Pad]) -> tuple[set[int], list[int]]:
    """The nodes that input pads depend on up to the nearest of ours, and those of ours."""
    nodes: set[int] = set()
    ours: set[int] = set()
    waiting = [source.node for pad in pads if (source := graph.source_of(pad))]
    while waiting:
        node = waiting.pop()
        if is_ours(graph, node):
            ours.add(node)
        elif node not in nodes:
            nodes.add(node)
            waiting += [out.node for out, into in graph.links.items() if into.node == node]
    return nodes, sorted(ours)


def behind_outputs(graph: FilterGraph) -> tuple[set[int], list[int]]:
    """The same for the graph's outputs."""
    ends = {each.pad.node for each in graph.outputs}
    ours = {node for node in ends if is_ours(graph, node)}
    theirs = ends - ours
    inputs = [into for into in graph.links.values() if into.node in theirs]
    nodes, more = behind(graph, inputs)
    return nodes | theirs, sorted(ours | set(more))


def input_words(line: CommandLine) -> list[str]:
    """The inputs of a command line as they were given."""
    return [word for each in line.inputs for word in (*each.words(), "-i", each.url)]


def _most_inputs(graph: FilterGraph) -> int:
    return 1 + max((each.pad.number for each in graph.inputs), default=0)
