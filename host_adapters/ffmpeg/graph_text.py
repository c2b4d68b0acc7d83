"""Parts of a wired graph as text, for a program that knows no filter of ours."""

from __future__ import annotations

from collections.abc import Iterable

from host_adapters.filtergraph.model import (
    FilterGraph,
    Kind,
    MissingFilterError,
    Pad,
    Pads,
    pads_of,
)
from host_adapters.filtergraph.tokens import Filter, quoted

END = "vdiff"  # label of what a node of ours takes


def lenient_pads(filter_: Filter) -> Pads:
    """Pads of filters that only the program knows: as many as there are labels, at least one."""
    try:
        return pads_of(filter_)
    except MissingFilterError:
        video: tuple[Kind, ...] = ("video",)
        return Pads(video * max(1, len(filter_.inputs)), video * max(1, len(filter_.outputs)))


class PartText:
    """Writes nodes of a graph with a label of its own on every link.

    Args:
        graph: the whole.
        labels: what stands in the place of each node of ours that the part reads.
    """

    def __init__(self, graph: FilterGraph, labels: dict[int, str]) -> None:
        self._graph = graph
        self._labels = labels

    def before(self, nodes: Iterable[int], end: Pad) -> str:
        """The nodes that lead to `end`, whose input gets the label `END`."""
        parts = [self._node(node, set(nodes), end) for node in sorted(nodes)]
        direct = self._graph.source_of(end)
        if direct is None or direct.node in self._labels:
            parts.append(f"[{self._read(end)}]null[{END}]")
        return self._whole(parts)

    def last(self, nodes: Iterable[int]) -> str:
        """The nodes that lead to the graph's outputs."""
        parts = [self._node(node, set(nodes), None) for node in sorted(nodes)]
        parts += [
            f"[{self._labels[each.pad.node]}]null{_bracketed([each.label])}"
            for each in self._graph.outputs
            if each.pad.node in self._labels
        ]
        return self._whole(parts)

    def _whole(self, parts: list[str]) -> str:
        flags = f"sws_flags={self._graph.sws_flags};" if self._graph.sws_flags else ""
        return flags + ";".join(parts)

    def _node(self, node: int, nodes: set[int], end: Pad | None) -> str:
        each = self._graph.nodes[node]
        pads = lenient_pads(each)
        before = [self._read(Pad(node, n)) for n in range(len(pads.inputs))]
        after, rest = [], []
        for n in range(len(pads.outputs)):
            label = self._written(Pad(node, n), nodes, end)
            if label is None:
                label = f"vdiff_unused{node}_{n}"
                rest.append(f";[{label}]{_sink(pads.outputs[n])}")
            after.append(label)
        name = f"{each.name}@{each.instance}" if each.instance else each.name
        args = "" if each.args is None else f"={quoted(each.args)}"
        return f"{_bracketed(before)}{name}{args}{_bracketed(after)}{''.join(rest)}"

    def _read(self, pad: Pad) -> str:
        source = self._graph.source_of(pad)
        if source is None:
            found = [each.label for each in self._graph.inputs if each.pad == pad]
            return found[0] or "0:v"
        return self._labels.get(source.node) or f"vdiff_l{source.node}_{source.number}"

    def _written(self, pad: Pad, nodes: set[int], end: Pad | None) -> str | None:
        into = self._graph.links.get(pad)
        if into is not None and into == end:
            return END
        if into is not None:
            return f"vdiff_l{pad.node}_{pad.number}" if into.node in nodes else None
        found = [each.label for each in self._graph.outputs if each.pad == pad]
        return found[0] if end is None else None


def _sink(kind: Kind) -> str:
    return "anullsink" if kind == "audio" else "nullsink"


def _bracketed(labels: list[str]) -> str:
    """Labels as a graph has them; an output without one is ffmpeg's to map."""
    return "".join(f"[{label}]" for label in labels if label)
