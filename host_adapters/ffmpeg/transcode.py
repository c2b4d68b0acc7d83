"""A command line run in this process: demux, decode, filter, encode, mux."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.stream import Stream as AvStream
from av.video.stream import VideoStream

from host_adapters.ffmpeg.commandline import CommandLine, simple_graph
from host_adapters.ffmpeg.inputs import Input, micro, open_input
from host_adapters.ffmpeg.late import LateGraph, extended
from host_adapters.ffmpeg.output import Output
from host_adapters.ffmpeg.plan import Label, OutputPlan, OutputStream, Place, plan_outputs
from host_adapters.ffmpeg.reach import beyond_inputs, beyond_plan
from host_adapters.ffmpeg.specifiers import chosen
from host_adapters.ffmpeg.times import seconds
from host_adapters.ffmpeg.video import encoder_name
from host_adapters.filtergraph.model import FilterGraph, OpenPad, wire
from host_adapters.filtergraph.run import Piece, Stream, Target
from host_adapters.filtergraph.tokens import Filter, GraphText, parse
from host_adapters.media.demux import raise_exhausted
from host_adapters.media.rational import fraction
from host_adapters.pipes.stdio import frames_only
from vdiff_plugin.atomic import whole_file
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import MediaError, UsageError

logger = logging.getLogger(__name__)

Report = Callable[[list[Output]], None]


class Inside:
    """A command line ready to run in this process.

    Args:
        line: as read.
        opened: closes the inputs.

    Raises:
        VdiffError: what cannot be, said before any frame.
    """

    def __init__(self, line: CommandLine, opened: ExitStack) -> None:
        self.line = line
        self.inputs = [open_input(group, opened) for group in line.inputs]
        self.graphs = [wire(parse(text)) for text in line.graphs]
        self.plans = plan_outputs(line, self.inputs, self.graphs)
        self.simple = {id(plan): _simple(plan) for plan in self.plans}

    def beyond(self) -> str:
        """Why the ffmpeg program is needed; empty if it is not."""
        return beyond_inputs(self.inputs) or beyond_plan(self.plans)

    def run(self, engine: Engine, report: Report) -> bool:
        """Do it. True if it went to its end, False if it was interrupted and finished early."""
        with ExitStack() as opened:
            outputs = [self._output(plan, opened) for plan in self.plans]
            job = _Job(self, outputs, engine)
            opened.callback(job.close)
            with _interruptible() as stopped:
                whole = job.feed(lambda: bool(stopped), lambda: report(outputs))
            for output in outputs:
                output.finish()
            report(outputs)
            return whole

    def _output(self, plan: OutputPlan, opened: ExitStack) -> Output:
        url = plan.group.url
        if plan.format == "null":
            target = "/dev/null"
        elif url in ("-", "pipe:1", "pipe:"):
            target = f"pipe:{opened.enter_context(frames_only()).fileno()}"
        elif url.startswith("/dev/"):
            target = url
        else:
            sources = tuple(Path(each.url) for each in self.line.inputs)
            file = whole_file(Path(url), overwrite=self.line.overwrite(), sources=sources)
            target = str(opened.enter_context(file))
        output = Output(plan, self.inputs, target)
        opened.callback(output.close)
        return output


def _simple(plan: OutputPlan) -> FilterGraph | None:
    text = simple_graph(plan.group)
    graph = wire(parse(text)) if text is not None else None
    if graph and (len(graph.inputs), len(graph.outputs)) != (1, 1):
        raise UsageError(
            f"Simple filtergraph {text!r} was expected to have exactly 1 input and 1 output, it "
            f"has {len(graph.inputs)} and {len(graph.outputs)}; use -filter_complex"
        )
    return graph


class _Job:
    """Who gets which packet."""

    def __init__(self, plan: Inside, outputs: list[Output], engine: Engine) -> None:
        self._plan, self._engine, self._outputs = plan, engine, outputs
        self._copies: dict[Place, list[tuple[Output, int]]] = {}
        self._runs: list[LateGraph] = []
        self._due: dict[Place, int] = {}  # when the next frame of a stream is to be expected
        self._pads: dict[Place, list[tuple[LateGraph, int]]] = {}
        targets: dict[Label, Target] = {}
        tails: dict[Label, list[Filter]] = {}
        for output in outputs:
            for each in output.plan.streams:
                if each.copied:
                    assert isinstance(each.source, Place)
                    self._copies.setdefault(each.source, []).append((output, each.index))
                elif isinstance(each.source, Label):
                    targets[each.source] = output.tracks[each.index].take
                    tails[each.source] = _tail(output, each)
                else:
                    self._simple(output, each)
        for number, graph in enumerate(plan.graphs):
            self._complex(number, graph, targets, tails)

    def feed(self, stopped: Callable[[], bool], report: Callable[[], None]) -> bool:
        """Demux to the end, or until nobody wants more. False if it was stopped."""
        for run in self._runs:
            run.start_without_inputs()
        self._feed_inputs(stopped, report)
        while not stopped() and not self._all_done() and any(each.pump() for each in self._runs):
            report()
        for places in self._pads.values():
            for late, index in places:
                late.push(index, None)
        return not stopped()

    def close(self) -> None:
        """Drop work that has not begun."""
        for run in self._runs:
            run.close()

    def _feed_inputs(self, stopped: Callable[[], bool], report: Callable[[], None]) -> None:
        """Packet by packet, from the input that is furthest behind."""
        queues = {n: self._packets(n, one) for n, one in enumerate(self._plan.inputs)}
        clock = dict.fromkeys(queues, Fraction(-(10**9)))
        while queues and not stopped() and not self._all_done():
            n = min(queues, key=lambda each: (clock[each], each))
            moment = next(queues[n], None)
            if moment is None:
                del queues[n]
            else:
                clock[n] = max(clock[n], moment)
            report()

    def _simple(self, output: Output, each: OutputStream) -> None:
        assert isinstance(each.source, Place)
        graph = self._plan.simple[id(output.plan)] or wire(GraphText(((Filter("null"),),)))
        graph = extended(graph, graph.outputs[0], _tail(output, each))
        self._add(graph, [output.tracks[each.index].take], [each.source])

    def _complex(
        self,
        number: int,
        graph: FilterGraph,
        targets: dict[Label, Target],
        tails: dict[Label, list[Filter]],
    ) -> None:
        takers: list[Target] = []
        for n, each in enumerate(list(graph.outputs)):
            label = Label(number, n, each.kind)
            if label not in targets:
                raise UsageError(
                    f"Filter {graph.nodes[each.pad.node].name!r} has output {n} "
                    f"({each.label or 'unlabelled'}) unconnected; -map it"
                )
            graph = extended(graph, graph.outputs[n], tails[label])
            takers.append(targets[label])
        self._add(graph, takers, [self._source(each) for each in graph.inputs])

    def _source(self, each: OpenPad) -> Place:
        """The stream that an open input reads, by its label or the first that is free."""
        inputs = self._plan.inputs
        if each.label:
            number, _, specifier = each.label.partition(":")
            if number.isdecimal() and int(number) < len(inputs):
                streams = inputs[int(number)].streams
                found = [n for n in chosen(specifier, streams) if streams[n].type == each.kind]
                if found:
                    return Place(int(number), found[0])
            raise UsageError(f"Stream specifier [{each.label}] matches no stream; check the inputs")
        for file, one in enumerate(inputs):
            for n, stream in enumerate(one.streams):
                if stream.type == each.kind and Place(file, n) not in self._pads:
                    return Place(file, n)
        raise UsageError("Cannot find an unused input stream to feed the unlabeled input pad; "
                         "label it, such as [0:v]")  # fmt: skip

    def _add(self, graph: FilterGraph, targets: list[Target], places: list[Place]) -> None:
        lazy = LateGraph(graph, targets, self._engine)
        self._runs.append(lazy)
        for index, place in enumerate(places):
            self._pads.setdefault(place, []).append((lazy, index))

    def _all_done(self) -> bool:
        tracks = [track for output in self._outputs for track in output.tracks.values()]
        return bool(tracks) and all(track.is_done for track in tracks) and not self._copies

    def _packets(self, number: int, one: Input) -> Iterator[Fraction]:
        """Work packet by packet through an input; gives how far it has come, in seconds."""
        wanted = {place.stream for place in (*self._pads, *self._copies) if place.file == number}
        streams = [one.streams[n] for n in sorted(wanted)]
        if not streams:
            return
        one.seek()
        end = None if one.length is None else (one.start or Fraction(0)) + one.length
        for packet in one.packets(streams):
            stream = one.streams[packet.stream_index]
            place = Place(number, packet.stream_index)
            at = packet.dts if packet.dts is not None else packet.pts
            moment = one.move(at or 0, fraction(packet.time_base)) * fraction(packet.time_base)
            if place in self._pads:
                self._decode(one, stream, place, packet)
            self._copy(one, place, packet)
            yield moment
            if end is not None and one.length is not None and moment > one.length + 5:
                break
        for stream in streams:
            place = Place(number, stream.index)
            if place in self._pads:
                self._decode(one, stream, place, None)
                for lazy, index in self._pads[place]:
                    lazy.push(index, None)

    def _decode(
        self, one: Input, stream: AvStream, place: Place, packet: av.Packet[Any] | None
    ) -> None:
        assert isinstance(stream, VideoStream)
        try:
            pictures = one.decoder(stream).decode(packet)
        except av.error.EOFError:
            return
        except av.FFmpegError as error:
            raise_exhausted(error)
            logger.warning("%s: a damaged packet is left out", one.group.url)
            return
        about = Stream(one.rate(stream), fraction(stream.sample_aspect_ratio))
        for picture in pictures:
            self._push(one, place, picture, about)

    def _push(self, one: Input, place: Place, picture: av.VideoFrame, about: Stream) -> None:
        base = fraction(picture.time_base)
        pts = picture.pts  # where there is none, ffmpeg goes on from the frame before
        picture.pts = self._due.get(place, 0) if pts is None else one.move(pts, base)
        step = round(1 / (about.rate * base)) if about.rate else 0
        self._due[place] = picture.pts + (picture.duration or step)
        for lazy, index in self._pads[place]:
            lazy.enter(index, one, picture, about.sar)
            lazy.push(index, Piece(picture, about))

    def _copy(self, one: Input, place: Place, packet: av.Packet[Any]) -> None:
        if place not in self._copies:
            return
        base = fraction(packet.time_base)
        offset = round(one.shift / base)
        packet.pts = None if packet.pts is None else packet.pts - offset
        packet.dts = None if packet.dts is None else packet.dts - offset
        for n, (output, index) in enumerate(self._copies[place]):
            output.mux(index, packet if n == 0 else _again(packet))


def _again(packet: av.Packet[Any]) -> av.Packet[Any]:
    """The same packet once more, for another output."""
    same: av.Packet[Any] = av.Packet(bytes(packet))
    same.pts, same.dts, same.duration = packet.pts, packet.dts, packet.duration
    same.time_base, same.is_keyframe = packet.time_base, packet.is_keyframe
    return same


def _tail(output: Output, each: OutputStream) -> list[Filter]:
    """What an output asks of its frames: size, stretch, a pixel format that its encoder takes."""
    plan, found = output.plan, []
    if size := plan.option("s", each):
        found.append(Filter("scale", args=size.replace("x", ":")))
    start = seconds(text, "ss") if (text := plan.group.value("ss")) else None
    length = seconds(text, "t") if (text := plan.group.value("t")) else None
    if length is None and (text := plan.group.value("to")):
        length = seconds(text, "to") - (start or 0)
    if start is not None or length is not None:
        span = [f"start={micro(start or Fraction(0))}us"]
        span += [f"duration={micro(length)}us"] if length is not None else []
        found.append(Filter("trim", args=":".join(span)))
    if start:
        found.append(Filter("setpts", args=f"PTS-{float(start)!r}/TB"))
    if aspect := plan.option("aspect", each):
        found.append(Filter("setdar", args=aspect.replace(":", "/")))
    wanted = plan.option("pix_fmt", each)
    formats = av.Codec(encoder_name(output, each), "w").video_formats or []
    names = [wanted] if wanted else [one.name for one in formats]
    if wanted and wanted not in av.video.format.names:
        raise UsageError(f"Unknown pixel format requested: {wanted}; see ffmpeg -pix_fmts")
    if wanted and formats and wanted not in [one.name for one in formats]:
        raise MediaError(
            f"{encoder_name(output, each)} does not take pixel format {wanted}; have "
            f"{', '.join(one.name for one in formats)}"
        )
    return [*found, Filter("format", args=f"pix_fmts={'|'.join(names)}")] if names else found


@contextmanager
def _interruptible() -> Iterator[list[int]]:
    """A list that an interrupt fills, so that what is begun can be finished; the next one kills."""
    seen: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, _frame: object) -> None:
        seen.append(number)
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
