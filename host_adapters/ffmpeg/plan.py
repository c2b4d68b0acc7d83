"""What goes where: each output's streams, and which graph each of them comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import av

from host_adapters.ffmpeg.commandline import CommandLine, Group
from host_adapters.ffmpeg.inputs import Input, best, extent
from host_adapters.ffmpeg.specifiers import chosen, option_for
from host_adapters.filtergraph.model import FilterGraph
from vdiff_plugin.errors import UsageError

_LETTERS = {"video": "v", "audio": "a", "subtitle": "s", "data": "d", "attachment": "t"}


class Place(NamedTuple):
    """A stream of an input."""

    file: int
    stream: int


class Label(NamedTuple):
    """An open output of a complex graph."""

    graph: int
    output: int
    kind: str


@dataclass
class OutputStream:
    """A stream to write.

    Attributes:
        source: where it comes from.
        kind: video, audio and so on.
        number: among the output's streams of its kind.
        index: among all of them.
        codec: as asked for; None is the container's usual one.
    """

    source: Place | Label
    kind: str
    number: int
    index: int
    codec: str | None

    @property
    def copied(self) -> bool:
        """Whether its packets go through unchanged, as those without an encoder always do."""
        return self.codec == "copy" or self.kind not in ("video", "audio", "subtitle")


@dataclass
class OutputPlan:
    """An output and its streams."""

    group: Group
    format: str
    streams: list[OutputStream] = field(default_factory=list)

    def option(self, name: str, stream: OutputStream) -> str | None:
        """The value of an option that is for a stream."""
        letter = _LETTERS[stream.kind]
        found = option_for(self.group, name, letter, stream.number, stream.index)
        return None if found is None else found.value


def container_format(group: Group) -> str:
    """Libav's name of the muxer. Raises UsageError where neither -f nor the name tells it."""
    if given := group.value("f"):
        try:
            return av.ContainerFormat(given, "w").name
        except ValueError as error:
            raise UsageError(
                f"Requested output format {given!r} is not known; see ffmpeg -muxers"
            ) from error
    if group.url == "-":
        raise UsageError("Unable to choose an output format for '-'; give -f")
    suffix = group.url.rpartition(".")[2].lower()
    for name in sorted(av.format.formats_available):
        try:
            found = av.ContainerFormat(name, "w")
        except ValueError:
            continue
        if found.is_output and suffix in found.extensions and name in _PREFERRED.get(suffix, name):
            return name
    raise UsageError(
        f"Unable to choose an output format for {group.url!r}; use a standard extension or -f"
    )


_PREFERRED = {  # several muxers claim these
    **{"mp4": "mp4", "mov": "mov", "m4v": "ipod", "m4a": "ipod", "mkv": "matroska"},
    **{"ts": "mpegts", "m2ts": "mpegts", "webm": "webm", "avi": "avi", "png": "image2"},
    **{"jpg": "image2", "mpg": "mpeg", "ogg": "ogg", "mka": "matroska"},
}


def plan_outputs(
    line: CommandLine, inputs: list[Input], graphs: list[FilterGraph]
) -> list[OutputPlan]:
    """Resolve -map, -vn and what ffmpeg chooses unasked.

    Raises:
        UsageError: a map that matches nothing, or an output without streams.
    """
    taken: set[Label] = set()
    plans = []
    for at, group in enumerate(line.outputs):
        plan = OutputPlan(group, container_format(group))
        for source, kind in _sources(group, plan.format, inputs, graphs, taken, first=at == 0):
            number = sum(each.kind == kind for each in plan.streams)
            stream = OutputStream(source, kind, number, len(plan.streams), None)
            stream.codec = plan.option("c", stream)
            plan.streams.append(stream)
        if not plan.streams:
            raise UsageError(f"Output file {group.url} does not contain any stream; see -map")
        plans.append(plan)
    return plans


def _sources(
    group: Group,
    form: str,
    inputs: list[Input],
    graphs: list[FilterGraph],
    taken: set[Label],
    *,
    first: bool,
) -> list[tuple[Place | Label, str]]:
    maps = group.all("map")
    off = {kind for kind, name in _LETTERS.items() if group.last(f"{name}n") is not None}
    if maps:
        found: list[tuple[Place | Label, str]] = []
        for each in maps:
            found = _mapped(each.value, found, inputs, graphs, taken)
        return [each for each in found if each[1] not in off]
    free = _free_labels(graphs, taken) if first else []
    taken |= {label for label, _ in free}
    kinds = {kind for _, kind in free} | off
    automatic = _automatic(form, inputs, kinds)
    return [*free, *automatic]


def _free_labels(graphs: list[FilterGraph], taken: set[Label]) -> list[tuple[Label, str]]:
    labels = [
        Label(g, n, each.kind)
        for g, graph in enumerate(graphs)
        for n, each in enumerate(graph.outputs)
    ]
    return [(label, label.kind) for label in labels if label not in taken]


def _automatic(form: str, inputs: list[Input], without: set[str]) -> list[tuple[Place, str]]:
    muxer = av.open("/dev/null", "w", format=form)
    codecs = {
        "video": muxer.default_video_codec,
        "audio": muxer.default_audio_codec,
        "subtitle": muxer.default_subtitle_codec,
    }
    found = []
    for kind, codec in codecs.items():
        if kind in without or codec in ("", "none"):
            continue
        places = [(file, best(one.streams, kind)) for file, one in enumerate(inputs)]
        scored = [
            (extent(inputs[file].streams[n]), -file, n) for file, n in places if n is not None
        ]
        if scored:
            _, file, n = max(scored)
            found.append((Place(-file, n), kind))
    return found


def _mapped(
    text: str,
    found: list[tuple[Place | Label, str]],
    inputs: list[Input],
    graphs: list[FilterGraph],
    taken: set[Label],
) -> list[tuple[Place | Label, str]]:
    if text.startswith("["):
        label = _label(text.strip("[]"), graphs, taken)
        return [*found, (label, label.kind)]
    negative, optional = text.startswith("-"), text.endswith("?")
    number, _, specifier = text.strip("-?").partition(":")
    if not number.isdecimal() or int(number) >= len(inputs):
        raise UsageError(f"Invalid input file index in map {text!r}; have 0 to {len(inputs) - 1}")
    file = int(number)
    streams = inputs[file].streams
    places = [Place(file, n) for n in chosen(specifier, streams)]
    if negative:
        return [each for each in found if each[0] not in places]
    if not places and not optional:
        raise UsageError(f"Stream map {text!r} matches no streams; add ? to ignore that")
    return [*found, *((place, streams[place.stream].type) for place in places)]


def _label(name: str, graphs: list[FilterGraph], taken: set[Label]) -> Label:
    for g, graph in enumerate(graphs):
        for n, each in enumerate(graph.outputs):
            if each.label == name:
                label = Label(g, n, each.kind)
                if label in taken:
                    raise UsageError(f"Output [{name}] is mapped twice; use split")
                taken.add(label)
                return label
    raise UsageError(f"Output with label '{name}' does not exist in any defined filter graph; "
                     "check -map")  # fmt: skip
