"""Reading ffmpeg's command line: global options, inputs and outputs, each with its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from host_adapters.ffmpeg.options import OPTIONS, SHORTHAND
from host_adapters.filtergraph.script import read_script
from vdiff_plugin.errors import UsageError


class Given(NamedTuple):
    """An option as it was given.

    Attributes:
        name: in full, without dash and specifier.
        specifier: of the streams it is for, `v:0`; empty for all.
        value: empty for a flag.
        words: as they stood on the command line.
        private: not ffmpeg's own, so an encoder's, a muxer's or a demuxer's.
    """

    name: str
    specifier: str
    value: str
    words: tuple[str, ...]
    private: bool = False


@dataclass
class Group:
    """An input or output file with its options."""

    url: str
    options: list[Given]

    def last(self, name: str) -> Given | None:
        """The option of that name which counts: the last one."""
        return next((each for each in reversed(self.options) if each.name == name), None)

    def value(self, name: str) -> str | None:
        """Its value."""
        found = self.last(name)
        return None if found is None else found.value

    def all(self, name: str) -> list[Given]:
        """All of that name, in order."""
        return [each for each in self.options if each.name == name]

    def words(self) -> list[str]:
        """The options as they were given."""
        return [word for each in self.options for word in each.words]


@dataclass
class CommandLine:
    """A whole command line."""

    globals: Group
    inputs: list[Group] = field(default_factory=list)
    outputs: list[Group] = field(default_factory=list)

    @property
    def graphs(self) -> list[str]:
        """The texts of all complex filter graphs."""
        return [_text(each) for each in self.globals.options if each.name in _COMPLEX]

    def overwrite(self) -> bool | None:
        """True for -y, False for -n."""
        names = {each.name for each in self.globals.options}
        if {"y", "n"} <= names:
            raise UsageError("Error, both -y and -n supplied. Exiting.; give one of them")
        return True if "y" in names else False if "n" in names else None


_COMPLEX = ("filter_complex", "filter_complex_script", "/filter_complex")
_SIMPLE = ("filter", "filter_script", "/filter")


def simple_graph(output: Group) -> str | None:
    """The video filter of an output, from whichever option has it; None without one."""
    found = [each for each in output.options if each.name in _SIMPLE and each.specifier[:1] == "v"]
    return _text(found[-1]) if found else None


def _text(given: Given) -> str:
    if given.name.startswith("/") or given.name.endswith("_script"):
        return read_script(Path(given.value))
    return given.value


def read_command_line(words: Sequence[str]) -> CommandLine:
    """Sort words into options, inputs and outputs, as ffmpeg does.

    Raises:
        UsageError: a value is missing, options lead to nothing, or there is no output.
    """
    line, at = CommandLine(Group("", [])), 0
    pending: list[Given] = []
    while at < len(words):
        word = words[at]
        at += 1
        if word == "-i":
            line.inputs.append(Group(_value(words, at, word), pending))
            pending, at = [], at + 1
        elif word == "-" or not word.startswith("-"):
            line.outputs.append(Group(word, pending))
            pending = []
        else:
            given = _option(words, at)
            at += len(given.words) - 1
            known = OPTIONS.get(given.name)
            ours = known is not None and known.scope == "global"
            (line.globals.options if ours else pending).append(given)
    _require_whole(line, pending)
    return line


def _option(words: Sequence[str], at: int) -> Given:
    """The option before `at`, with its value where it takes one."""
    word = words[at - 1]
    name, _, specifier = word[1:].partition(":")
    if name in SHORTHAND:
        name, _, own = SHORTHAND[name].partition(":")
        specifier = ":".join(part for part in (own, specifier) if part)
    known = OPTIONS.get(name)
    if known and not known.takes:
        return Given(name, specifier, "", (word,))
    value = _value(words, at, word)
    return Given(name, specifier, value, (word, value), private=known is None)


def _value(words: Sequence[str], at: int, option: str) -> str:
    if at >= len(words):
        raise UsageError(f"Missing argument for option {option[1:]!r}; write {option} VALUE")
    return words[at]


def _require_whole(line: CommandLine, pending: list[Given]) -> None:
    if pending:
        shown = " ".join(pending[0].words)
        raise UsageError(f"Trailing option(s) found: {shown}; options stand before their file")
    if not line.outputs:
        raise UsageError("At least one output file must be specified; see vdiff ffmpeg -h")
    for group, where in ((line.inputs, "output"), (line.outputs, "input")):
        for file in group:
            for each in file.options:
                known = OPTIONS.get(each.name)
                if known and known.scope == where:
                    other = "input" if where == "output" else "output"
                    raise UsageError(
                        f"Option {each.name} cannot be applied to {other} url {file.url}; it is "
                        f"an {where} option, move it"
                    )
