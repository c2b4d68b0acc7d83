"""The last program's command line: the whole one, with an input in the place of every node."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NamedTuple

from av.stream import Disposition

from host_adapters.ffmpeg.commandline import CommandLine, Group, simple_graph
from host_adapters.ffmpeg.cut import Cut, behind_outputs, cut_at, input_words
from host_adapters.ffmpeg.graph_text import PartText, lenient_pads
from host_adapters.ffmpeg.hdr_words import with_hdr
from host_adapters.ffmpeg.inputs import open_input
from host_adapters.ffmpeg.plan import Place, container_format, plan_outputs
from host_adapters.filtergraph.model import FilterGraph, wire
from host_adapters.filtergraph.tokens import parse
from host_adapters.media.hdr import Hdr
from vdiff_plugin.errors import UsageError

_GRAPH_WORDS = ("filter_complex", "filter_complex_script", "/filter_complex")
_SIMPLE_WORDS = ("filter", "filter_script", "/filter", "map")


class _Chosen(NamedTuple):
    """A stream that an output gets."""

    place: str  # `file:stream`
    kind: str
    disposition: Disposition


@dataclass
class Rewritten:
    """A command line without vdiff.

    Attributes:
        line: as given.
        cuts: the nodes whose pipes the last program reads.
        graphs: complex graphs with inputs in the place of nodes.
        outputs: words of each output without its name, its own graph replaced by a map.
        hdr_from: for each output, the cuts whose HDR metadata is its picture's too.
    """

    line: CommandLine
    cuts: list[Cut] = field(default_factory=list)
    graphs: list[str] = field(default_factory=list)
    outputs: list[list[str]] = field(default_factory=list)
    hdr_from: list[list[int]] = field(default_factory=list)

    def words(self, pipes: list[str], hdr: list[Hdr], urls: list[str]) -> list[str]:
        """Arguments of the last program.

        Args:
            pipes: words of the inputs that stand for nodes.
            hdr: what is known of each node's picture.
            urls: what to write to.
        """
        own = [
            word
            for each in self.line.globals.options
            if each.name not in _GRAPH_WORDS
            for word in each.words
        ]
        graphs = [word for text in self.graphs for word in ("-filter_complex", text)]
        outputs: list[str] = []
        for at, (words, url) in enumerate(zip(self.outputs, urls, strict=True)):
            group = self.line.outputs[at]
            known = [hdr[n] for n in self.hdr_from[at] if hdr[n]]
            if known and group.value("vn") is None:
                words = with_hdr(words, group, container_format(group), known[0])
            outputs += [*words, url]
        return ["-nostdin", *own, *input_words(self.line), *pipes, *graphs, *outputs]


def rewrite(line: CommandLine) -> Rewritten:
    """Cut every graph at its vdiff nodes.

    Raises:
        UsageError: a node of ours has wrong options, or nothing to read.
    """
    out = Rewritten(line)
    mapped: dict[str, list[int]] = {}  # labels of complex graphs, and the cuts behind them
    for text in line.graphs:
        graph = wire(parse(text), lenient_pads)
        cuts = _replace(graph, out) if graph.has_ours else []
        out.graphs[len(out.graphs) :] = [] if cuts else [text]
        mapped |= {each.label: _faithful(graph, cuts) for each in graph.outputs}
    for at, group in enumerate(line.outputs):
        _output(at, group, out, mapped)
    return out


def _output(at: int, group: Group, out: Rewritten, mapped: dict[str, list[int]]) -> None:
    text = simple_graph(group)
    graph = None if text is None else wire(parse(text), lenient_pads)
    if graph is None or not graph.has_ours:
        maps = [each.value.strip("[]") for each in group.all("map")]
        asked = maps or (list(mapped) if at == 0 else [])
        out.outputs.append(group.words())
        out.hdr_from.append([n for label in asked for n in mapped.get(label, [])])
        return
    chosen = _chosen(group, out.line)
    labels: dict[int, str] = {}
    cuts: list[int] = []
    for index, each in enumerate(chosen):
        if each.kind == "video":
            labels[index] = f"vdiff_out{at}_{index}"
            cuts += _faithful(graph, _replace(_between(graph, each.place, labels[index]), out))
    if not labels:
        raise UsageError(f"{group.url}: no video for its filters; see -map")
    kept = [w for each in group.options if each.name not in _SIMPLE_WORDS for w in each.words]
    out.outputs.append([*_maps(group, chosen, labels), *kept])
    out.hdr_from.append(cuts)


def _replace(graph: FilterGraph, out: Rewritten) -> list[int]:
    """Write the graph with inputs in the place of our nodes; gives the numbers of the cuts."""
    nodes, ours = behind_outputs(graph)
    first = len(out.cuts)
    labels = {node: f"{len(out.line.inputs) + first + k}:v" for k, node in enumerate(ours)}
    out.cuts += [cut_at(graph, node, out.line) for node in ours]
    out.graphs.append(PartText(graph, labels).last(nodes))
    return list(range(first, len(out.cuts)))


_RECOLOURING = {
    *("tonemap", "tonemap_opencl", "tonemap_vaapi", "zscale", "colorspace", "libplacebo"),
    *("lut3d", "haldclut", "colormatrix", "setparams", "sidedata", "vdiff_changes"),
}


def _faithful(graph: FilterGraph, cuts: list[int]) -> list[int]:
    """`cuts`, or none where the graph may make another kind of picture out of HDR."""
    return [] if any(each.name in _RECOLOURING for each in graph.nodes) else cuts


def _chosen(group: Group, line: CommandLine) -> list[_Chosen]:
    """Streams that an output would have."""
    with ExitStack() as opened:
        inputs = [open_input(each, opened) for each in line.inputs]
        alone = CommandLine(line.globals, line.inputs, [group])
        (plan,) = plan_outputs(alone, inputs, [])
        return [
            _Chosen(
                f"{each.source.file}:{each.source.stream}",
                each.kind,
                inputs[each.source.file].streams[each.source.stream].disposition,
            )
            for each in plan.streams
            if isinstance(each.source, Place)
        ]


def _maps(group: Group, chosen: list[_Chosen], labels: dict[int, str]) -> list[str]:
    """Maps to the graphs' outputs, and what a map of the stream itself would have brought."""
    words = []
    for index, each in enumerate(chosen):
        words += ["-map", f"[{labels[index]}]" if index in labels else each.place]
    for number, each in enumerate(chosen[index] for index in labels):
        if group.value("map_metadata") is None:
            file, _, stream = each.place.partition(":")
            words += [f"-map_metadata:s:v:{number}", f"{file}:s:{stream}"]
        if names := [flag.name or "" for flag in each.disposition]:
            words += [f"-disposition:v:{number}", "+".join(names)]
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
