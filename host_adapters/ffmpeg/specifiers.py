"""Stream specifiers: `v`, `a:1`, `3`, `m:language:deu`."""

from __future__ import annotations

from av.stream import Disposition, Stream

from host_adapters.ffmpeg.commandline import Given, Group
from vdiff_plugin.errors import UsageError

KINDS = {"v": "video", "V": "video", "a": "audio", "s": "subtitle", "d": "data", "t": "attachment"}


def matches(specifier: str, stream: Stream, index: int) -> bool:
    """Whether a specifier means a stream of an input file, `index` being its number there.

    Raises:
        UsageError: it is no specifier.
    """
    streams = list(stream.container.streams)
    return index in chosen(specifier, streams)


def chosen(specifier: str, streams: list[Stream]) -> list[int]:
    """Numbers of the streams that a specifier means. Raises UsageError."""
    found = list(range(len(streams)))
    parts = specifier.split(":") if specifier else []
    while parts:
        part = parts.pop(0)
        if part in KINDS:
            found = [n for n in found if streams[n].type == KINDS[part]]
            if part == "V":
                found = [n for n in found if not streams[n].disposition & Disposition.attached_pic]
        elif part.isdecimal():
            found = found[int(part) : int(part) + 1]
        elif part == "m" and parts:
            key, value = parts.pop(0), parts.pop(0) if parts else None
            tags = [streams[n].metadata for n in found]
            found = [
                n
                for n, tag in zip(found, tags, strict=True)
                if key in tag and value in (None, tag[key])
            ]
        elif part != "u":
            raise UsageError(f"Invalid stream specifier: {specifier}; write such as v:0 or a")
    return found


def option_for(group: Group, name: str, letter: str, number: int, index: int) -> Given | None:
    """The last option of that name that is for an output stream.

    Args:
        group: the output.
        name: of the option.
        letter: of the stream's kind, such as `v`.
        number: the stream's among those of its kind.
        index: its number in the file.
    """
    wanted = {"", letter, f"{letter}:{number}", str(index)} | ({"V"} if letter == "v" else set())
    found = [each for each in group.all(name) if each.specifier.removeprefix("s:") in wanted]
    return found[-1] if found else None
