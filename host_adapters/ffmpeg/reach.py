"""What of a command line can run in this process, and why the rest cannot."""

from __future__ import annotations

import av

from host_adapters.ffmpeg.commandline import CommandLine, Given, Group
from host_adapters.ffmpeg.inputs import Input
from host_adapters.ffmpeg.options import OPTIONS
from host_adapters.ffmpeg.output import MUXING
from host_adapters.ffmpeg.plan import OutputPlan
from host_adapters.ffmpeg.video import default_video
from host_adapters.media.codecs import find_encoder
from vdiff_plugin.errors import UnknownNameError

_COPY_STOPS = ("ss", "t", "to")
_PICTURES = "image2"


def beyond(line: CommandLine) -> str:
    """Why the ffmpeg program is needed, from the words alone; empty if it is not."""
    groups = (line.globals, *line.inputs, *line.outputs)
    found = [_hindrance(each) for group in groups for each in group.options]
    found += [_forced(group) for group in line.inputs]
    if reason := next(filter(None, found), ""):
        return reason
    if any("sws_flags" in text for text in line.graphs):
        return "sws_flags= of a graph"
    urls = [each.url for each in (*line.inputs, *line.outputs)]
    if far := [url for url in urls if "://" in url]:
        return f"the address {far[0]}"
    cuts = any(group.last(name) for group in (*line.inputs, *line.outputs) for name in _COPY_STOPS)
    if cuts and any(_copies(group) for group in line.outputs):
        return "stream copies of a part of a file"
    return ""


def _hindrance(given: Given) -> str:
    known = OPTIONS.get(given.name)
    if known is not None:
        if not known.inside or (given.name == "shortest"):
            return f"option -{given.name}"
        plain = given.value in ("-1", "") or given.value.isdecimal()
        if given.name in ("map_metadata", "map_chapters") and (given.specifier or not plain):
            return f"-{given.name} {given.value}"
        if given.name == "filter" and given.specifier[:1] != "v":
            return "audio filters"
        return ""
    return ""


def _forced(group: Group) -> str:
    """An option that tells an input what it is, where only raw video is told so here."""
    names = ("c",) if group.value("f") == "rawvideo" else ("c", "r", "s", "pix_fmt")
    found = next((name for name in names if group.last(name)), "")
    return f"-{found} of an input" if found else ""


def beyond_inputs(inputs: list[Input]) -> str:
    """Why the ffmpeg program is needed, now that the inputs are open; empty if it is not."""
    unknown = next((name for each in inputs if (name := each.unknown_option())), "")
    return f"option -{unknown}" if unknown else ""


def _copies(group: Group) -> bool:
    return any(each.name == "c" and each.value == "copy" for each in group.options)


def beyond_plan(plans: list[OutputPlan]) -> str:
    """Why the ffmpeg program is needed, now that the streams are known; empty if it is not."""
    for plan in plans:
        if plan.format == _PICTURES:
            return "pictures in files of their own"
        known = set(MUXING)
        for each in plan.streams:
            if each.copied:
                continue
            if each.kind != "video":
                return f"encoding of {each.kind}"
            name = each.codec or default_video(plan.format)
            try:
                codec = av.Codec(find_encoder(name), "w").create("video")
            except UnknownNameError:
                return f"the bundled libraries have no encoder {name!r}"
            options = codec.supported_options
            known |= {one.name for one in (*options.private, *options.generic)}
        unknown = [one.name for one in plan.group.options if one.private and one.name not in known]
        if unknown:
            return f"option -{unknown[0]}"
    return ""
