"""Command lines for the ffmpeg program: one in front of each vdiff node, one for all the rest."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction

from host_adapters.ffmpeg.commandline import CommandLine, Group, simple_graph
from host_adapters.ffmpeg.inputs import open_input
from host_adapters.ffmpeg.plan import Place, plan_outputs
from host_adapters.filtergraph.model import (
    OURS,
    FilterGraph,
    Kind,
    MissingFilterError,
    Pad,
    Pads,
    pads_of,
    wire,
)
from host_adapters.filtergraph.split import before
from host_adapters.filtergraph.tokens import Filter, parse, quoted
from host_adapters.filtergraph.vdiff_options import NodeOptions, read_node
from vdiff_plugin.errors import UsageError

_GRAPH_WORDS = ("filter_complex", "filter_complex_script", "/filter_complex")
_SIMPLE_WORDS = ("filter", "filter_script", "/filter")


@dataclass(frozen=True)
class Cut:
    """What stands in front of a node.

    Attributes:
        options: of the node.
        inputs: words of all inputs.
        graph: what the node takes, as a graph with the output `vdiff`.
        needs: whether another node of ours lies before it.
        takes_stdin: whether an input is stdin.
    """

    options: NodeOptions
    inputs: tuple[str, ...]
    graph: str
    needs: bool
    takes_stdin: bool

    def words(self, descriptor: int) -> list[str]:
        """Arguments of the program that writes to a pipe."""
        times = ["-fps_mode", "passthrough", "-enc_time_base", "-1"]
        target = ["-c:v", "rawvideo", "-f", "nut", f"pipe:{descriptor}"]
        quiet = ["-v", "error", "-nostdin"] if not self.takes_stdin else ["-v", "error"]
        graph = ["-filter_complex", self.graph, "-map", "[vdiff]"]
        return [*quiet, *self.inputs, *graph, *times, *target]


@dataclass
class Rewritten:
    """A command line without vdiff.

    Attributes:
        cuts: one a node.
        line: as given.
        graphs: complex graphs with inputs in the place of nodes.
        outputs: words of each output without its name, its own graph replaced by a map.
    """

    cuts: list[Cut]
    line: CommandLine
    graphs: list[str] = field(default_factory=list)
    outputs: list[list[str]] = field(default_factory=list)

    def words(self, descriptors: list[int], begins: list[Fraction], urls: list[str]) -> list[str]:
        """Arguments of the last program, which reads the nodes' pipes and writes to `urls`."""
        own = [
            word
            for each in self.line.globals.options
            if each.name not in _GRAPH_WORDS
            for word in each.words
        ]
        pipes = []
        for descriptor, begin in zip(descriptors, begins, strict=True):
            offset = ["-itsoffset", f"{float(begin):.6f}"] if begin else []
            pipes += [*offset, "-f", "nut", "-i", f"pipe:{descriptor}"]
        graphs = [word for text in self.graphs for word in ("-filter_complex", text)]
        pairs = zip(self.outputs, urls, strict=True)
        outputs = [word for words, url in pairs for word in (*words, url)]
        return [*own, *_inputs(self.line), *pipes, *graphs, *outputs]


def rewrite(line: CommandLine) -> Rewritten:
    """Cut every graph at its vdiff nodes.

    Raises:
        UsageError: a node of ours has wrong options, or nothing to read.
    """
    out = Rewritten([], line)
    for text in line.graphs:
        graph = wire(parse(text), _lenient)
        out.graphs.append(_replaced(graph, line, out) if graph.has_ours else text)
    for at, group in enumerate(line.outputs):
        out.outputs.append(_output(at, group, line, out))
    return out


def _lenient(filter_: Filter) -> Pads:
    """Pads of filters that only the program knows: as many as there are labels, at least one."""
    try:
        return pads_of(filter_)
    except MissingFilterError:
        video: tuple[Kind, ...] = ("video",)
        return Pads(video * max(1, len(filter_.inputs)), video * max(1, len(filter_.outputs)))


def _output(at: int, group: Group, line: CommandLine, out: Rewritten) -> list[str]:
    text = simple_graph(group)
    if text is None:
        return group.words()
    graph = wire(parse(text), _lenient)
    if not graph.has_ours:
        return group.words()
    place = _place(group, line)
    label = f"vdiff_out{at}"
    out.graphs.append(_replaced(_between(graph, place, label), line, out))
    words = [w for each in group.options if each.name not in _SIMPLE_WORDS for w in each.words]
    return [*_maps(group, line, place, label), *_without_maps(group, words)]


def _without_maps(group: Group, words: list[str]) -> list[str]:
    if not group.all("map"):
        return words
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word == "-map":
            skip = True
        else:
            kept.append(word)
    return kept


def _place(group: Group, line: CommandLine) -> str:
    """The video stream that an output's own graph works on, as `file:stream`."""
    found = [place for place in _streams(group, line) if place[2] == "video"]
    if not found:
        raise UsageError(f"{group.url}: no video for its filters; see -map")
    return f"{found[0][0]}:{found[0][1]}"


def _streams(group: Group, line: CommandLine) -> list[tuple[int, int, str]]:
    """Streams that an output would have."""
    with ExitStack() as opened:
        inputs = [open_input(each, opened) for each in line.inputs]
        alone = CommandLine(line.globals, line.inputs, [group])
        (plan,) = plan_outputs(alone, inputs, [])
        return [
            (each.source.file, each.source.stream, each.kind)
            for each in plan.streams
            if isinstance(each.source, Place)
        ]


def _maps(group: Group, line: CommandLine, place: str, label: str) -> list[str]:
    words = []
    for file, stream, _ in _streams(group, line):
        here = f"{file}:{stream}"
        words += ["-map", f"[{label}]" if here == place else here]
    if group.value("map_metadata") is None:
        words += ["-map_metadata:s:v:0", f"{place.partition(':')[0]}:s:{place.partition(':')[2]}"]
    return words


def _between(graph: FilterGraph, place: str, label: str) -> FilterGraph:
    """A simple graph with its ends named."""
    (entry,), (end,) = graph.inputs, graph.outputs
    return FilterGraph(
        nodes=graph.nodes,
        links=graph.links,
        inputs=(entry._replace(label=place),),
        outputs=(end._replace(label=label),),
        sws_flags=graph.sws_flags,
    )


def _replaced(graph: FilterGraph, line: CommandLine, out: Rewritten) -> str:
    """The graph's text with an input of the last program in the place of every node of ours."""
    ours = [n for n, each in enumerate(graph.nodes) if each.name in OURS]
    labels = {}
    for node in ours:
        behind = before(graph, Pad(node, 0))
        cut = Cut(
            options=_options(graph.nodes[node]),
            inputs=tuple(_inputs(line)),
            graph=_ancestors(graph, node, behind),
            needs=any(graph.nodes[each].name in OURS for each in behind),
            takes_stdin=any(each.url == "-" for each in line.inputs),
        )
        labels[node] = f"{len(line.inputs) + len(out.cuts)}:v"
        out.cuts.append(cut)
    text = _Text(graph)
    kept = _kept(graph, ours)
    return text.write(kept, labels)


def _options(filter_: Filter) -> NodeOptions:
    options = read_node(filter_)
    if options.enable is not None:
        raise UsageError(
            "[vdiff] enable: a timeline cannot go through the ffmpeg program; use -filter_complex "
            "with trim and concat"
        )
    return options


def _kept(graph: FilterGraph, ours: list[int]) -> set[int]:
    """Nodes that the last program still needs: those that reach an output without one of ours."""
    kept: set[int] = set()
    waiting = [each.pad.node for each in graph.outputs]
    while waiting:
        node = waiting.pop()
        if node in kept or node in ours:
            continue
        kept.add(node)
        waiting += [out.node for out, into in graph.links.items() if into.node == node]
    return kept


def _ancestors(graph: FilterGraph, node: int, behind: set[int]) -> str:
    """What a node takes, as text with the output `vdiff`."""
    return _Text(graph).write(behind, {}, end=Pad(node, 0)) if behind else _direct(graph, node)


def _direct(graph: FilterGraph, node: int) -> str:
    entry = next(each for each in graph.inputs if each.pad.node == node)
    return f"[{entry.label or '0:v'}]null[vdiff]"


class _Text:
    """A graph as text, every link by a label of its own."""

    def __init__(self, graph: FilterGraph) -> None:
        self._graph = graph

    def write(self, nodes: set[int], labels: dict[int, str], end: Pad | None = None) -> str:
        """The given nodes; what leads elsewhere is thrown away, and `end` reads from `vdiff`."""
        parts = [self._node(node, nodes, labels, end) for node in sorted(nodes)]
        parts += [
            f"[{labels[each.pad.node]}]null{_bracketed([each.label])}"
            for each in self._graph.outputs
            if each.pad.node in labels and end is None
        ]
        flags = f"sws_flags={self._graph.sws_flags};" if self._graph.sws_flags else ""
        return flags + ";".join(parts)

    def _node(self, node: int, nodes: set[int], labels: dict[int, str], end: Pad | None) -> str:
        each = self._graph.nodes[node]
        pads = _lenient(each)
        before_ = [self._read(Pad(node, n), labels) for n in range(len(pads.inputs))]
        after, rest = [], []
        for n in range(len(pads.outputs)):
            label = self._written(Pad(node, n), nodes, end)
            if label is None:
                label = f"vdiff_unused{node}_{n}"
                rest.append(f";[{label}]nullsink")
            after.append(label)
        name = f"{each.name}@{each.instance}" if each.instance else each.name
        args = "" if each.args is None else f"={quoted(each.args)}"
        return f"{_bracketed(before_)}{name}{args}{_bracketed(after)}{''.join(rest)}"

    def _read(self, pad: Pad, labels: dict[int, str]) -> str:
        source = self._graph.source_of(pad)
        if source is None:
            found = [each.label for each in self._graph.inputs if each.pad == pad]
            return found[0] or "0:v"
        return labels.get(source.node) or f"vdiff_l{source.node}_{source.number}"

    def _written(self, pad: Pad, nodes: set[int], end: Pad | None) -> str | None:
        into = self._graph.links.get(pad)
        if into is not None and into == end:
            return "vdiff"
        if into is not None:
            return f"vdiff_l{pad.node}_{pad.number}" if into.node in nodes else None
        found = [each.label for each in self._graph.outputs if each.pad == pad]
        return found[0] if end is None else None


def _bracketed(labels: list[str]) -> str:
    """Labels as a graph has them; an output without one is ffmpeg's to map."""
    return "".join(f"[{label}]" for label in labels if label)


def _inputs(line: CommandLine) -> list[str]:
    return [word for each in line.inputs for word in (*each.words(), "-i", each.url)]
