"""Cutting a graph at vdiff's nodes, into sections that libavfilter runs one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from host_adapters.filtergraph.model import OURS, FilterGraph


@dataclass(frozen=True)
class Section:
    """Nodes between which there is no node of ours.

    Attributes:
        level: nodes of ours that lie before it, at most.
        nodes: numbers in the graph.
    """

    level: int
    nodes: tuple[int, ...]


def is_ours(graph: FilterGraph, node: int) -> bool:
    """Whether a node is one of vdiff's."""
    return graph.nodes[node].name in OURS


def levels(graph: FilterGraph) -> list[int]:
    """For each node, how many nodes of ours lie on a way to it, at most."""
    found: dict[int, int] = {}

    def level(node: int) -> int:
        if node not in found:
            before = [out.node for out, into in graph.links.items() if into.node == node]
            found[node] = max((level(each) + is_ours(graph, each) for each in before), default=0)
        return found[node]

    return [level(node) for node in range(len(graph.nodes))]


def sections(graph: FilterGraph) -> list[Section]:
    """All nodes but ours, those of one level together, in order."""
    of = levels(graph)
    theirs = [node for node in range(len(graph.nodes)) if not is_ours(graph, node)]
    return [
        Section(level, tuple(node for node in theirs if of[node] == level))
        for level in sorted({of[node] for node in theirs})
    ]
