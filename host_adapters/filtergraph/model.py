"""A filter graph as nodes and links: which pad feeds which, and which pads are left open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import av
from av.filter import Graph

from host_adapters.filtergraph.tokens import Filter, GraphText
from vdiff_plugin.errors import UsageError

Kind = Literal["video", "audio"]
OURS = ("vdiff", "vdiff_changes")


class Pad(NamedTuple):
    """One input or output of a node."""

    node: int
    number: int


class Pads(NamedTuple):
    """What kinds of frame a filter takes and gives, a pad each."""

    inputs: tuple[Kind, ...]
    outputs: tuple[Kind, ...]


class OpenPad(NamedTuple):
    """A pad that nothing within the graph is linked to; the label may be empty."""

    label: str
    pad: Pad
    kind: Kind


class MissingFilterError(UsageError):
    """A filter that the libraries at hand lack."""

    def __init__(self, name: str, way_out: str = "") -> None:
        """Name it, and what could be done."""
        hint = way_out or "check its spelling with: vdiff ffmpeg -filters"
        super().__init__(f"No such filter: {name!r}; {hint}")
        self.name = name


@dataclass(frozen=True, kw_only=True)
class FilterGraph:
    """Nodes, links from output pads to input pads, and the open ends."""

    nodes: tuple[Filter, ...]
    links: dict[Pad, Pad] = field(default_factory=dict)  # output -> input
    inputs: tuple[OpenPad, ...] = ()
    outputs: tuple[OpenPad, ...] = ()
    sws_flags: str = ""

    @property
    def has_ours(self) -> bool:
        """Whether any node is vdiff's."""
        return any(each.name in OURS for each in self.nodes)

    def source_of(self, pad: Pad) -> Pad | None:
        """The output that feeds an input; None where it is open."""
        return next((out for out, into in self.links.items() if into == pad), None)


def pads_of(filter_: Filter) -> Pads:
    """The pads of a filter of ours or of libavfilter's.

    Raises:
        MissingFilterError: the bundled library lacks it.
        UsageError: it refuses its arguments.
    """
    if filter_.name in OURS:
        return Pads(("video",), ("video",))
    if filter_.name not in av.filter.filters_available:
        raise MissingFilterError(filter_.name)
    context = add_filter(Graph(), filter_)
    return Pads(
        tuple("audio" if pad.type == "audio" else "video" for pad in context.inputs),
        tuple("audio" if pad.type == "audio" else "video" for pad in context.outputs),
    )


def add_filter(graph: Graph, filter_: Filter) -> av.filter.FilterContext:
    """Create a filter in a graph. Raises UsageError where it refuses its arguments."""
    try:
        return graph.add(filter_.name, filter_.args)
    except av.FFmpegError as error:
        said = error.log[2].strip() if error.log else (error.strerror or "refused").lower()
        raise UsageError(
            f"[{filter_.name}] {said} in {filter_.args or ''!r}; see ffmpeg -h "
            f"filter={filter_.name}"
        ) from error


def wire(text: GraphText, pads: Callable[[Filter], Pads] = pads_of) -> FilterGraph:
    """Link a graph's pads as libavfilter does: by labels, else to the next in the chain.

    Raises:
        UsageError: a label is used twice, or there are more labels than pads.
    """
    return _Wiring(text, pads).graph()


class _Wiring:
    def __init__(self, text: GraphText, pads: Callable[[Filter], Pads]) -> None:
        self._text = text
        self._nodes = [each for chain in text.chains for each in chain]
        self._pads = [pads(each) for each in self._nodes]
        self._links: dict[Pad, Pad] = {}

    def graph(self) -> FilterGraph:
        for node, each in enumerate(self._nodes):
            self._require_fitting(each, self._pads[node])
        self._link_labels()
        first = 0
        for chain in self._text.chains:
            for node in range(first, first + len(chain) - 1):
                self._link_next(node)
            first += len(chain)
        taken = set(self._links.values())
        return FilterGraph(
            nodes=tuple(self._nodes),
            links=self._links,
            inputs=tuple(each for each in self._all("inputs") if each.pad not in taken),
            outputs=tuple(each for each in self._all("outputs") if each.pad not in self._links),
            sws_flags=self._text.sws_flags,
        )

    def _require_fitting(self, filter_: Filter, pads: Pads) -> None:
        for labels, found, way in (
            (filter_.inputs, pads.inputs, "input"),
            (filter_.outputs, pads.outputs, "output"),
        ):
            if len(labels) > len(found):
                raise UsageError(
                    f"More {way} link labels specified for filter {filter_.name!r} than it has "
                    f"{way}s: {len(labels)} > {len(found)}; drop [{labels[len(found)]}]"
                )

    def _link_labels(self) -> None:
        into: dict[str, Pad] = {}
        for each in self._all("inputs"):
            if each.label and ":" not in each.label:
                if each.label in into and self._fed(each.label):
                    raise UsageError(f"Label {each.label!r} is read twice; use split")
                into[each.label] = each.pad
        seen: set[str] = set()
        for each in self._all("outputs"):
            if each.label and each.label in seen:
                raise UsageError(f"Label {each.label!r} is written twice; rename one")
            seen.add(each.label)
            if each.label in into and each.label:
                self._links[each.pad] = into[each.label]

    def _fed(self, label: str) -> bool:
        return any(label in each.outputs for each in self._nodes)

    def _link_next(self, node: int) -> None:
        taken = set(self._links.values())
        free = [
            Pad(node + 1, n)
            for n in range(len(self._nodes[node + 1].inputs), len(self._pads[node + 1].inputs))
            if Pad(node + 1, n) not in taken
        ]
        labelled = len(self._nodes[node].outputs)
        for index in range(labelled, len(self._pads[node].outputs)):
            if free:
                self._links[Pad(node, index)] = free.pop(0)

    def _all(self, way: Literal["inputs", "outputs"]) -> list[OpenPad]:
        found = []
        for node, (each, pads) in enumerate(zip(self._nodes, self._pads, strict=True)):
            labels: tuple[str, ...] = getattr(each, way)
            for index, kind in enumerate(getattr(pads, way)):
                label = labels[index] if index < len(labels) else ""
                found.append(OpenPad(label, Pad(node, index), kind))
        return found
