"""The grammar of filter graphs, as libavfilter reads it.

    graph   = [sws_flags=flags;] chain {; chain}
    chain   = filter {, filter}
    filter  = {[label]} name[@instance][=arguments] {[label]}

A token ends at its own terminators, unless they are quoted or escaped; one level of quotes
and backslashes is taken away. What stands between `:` in the arguments has a second level,
which is the filter's business.
"""

from __future__ import annotations

from dataclasses import dataclass

from vdiff_plugin.errors import UsageError

_SPACE = " \n\t\r"
_SWS = "sws_flags="
_TO_QUOTE = frozenset("\\'[],;" + _SPACE)


@dataclass(frozen=True)
class Filter:
    """One filter as it is written.

    Attributes:
        name: of the filter.
        instance: what follows `@`; empty without it.
        args: its arguments, one level of escaping removed; None without `=`.
        inputs, outputs: labels of its first pads.
    """

    name: str
    instance: str = ""
    args: str | None = None
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def text(self) -> str:
        """The filter in the grammar it was read from."""
        name = f"{self.name}@{self.instance}" if self.instance else self.name
        args = "" if self.args is None else f"={quoted(self.args)}"
        before = "".join(f"[{quoted(label)}]" for label in self.inputs)
        after = "".join(f"[{quoted(label)}]" for label in self.outputs)
        return f"{before}{quoted(name)}{args}{after}"


@dataclass(frozen=True)
class GraphText:
    """A whole graph as it is written: its chains in order."""

    chains: tuple[tuple[Filter, ...], ...]
    sws_flags: str = ""


def parse(text: str) -> GraphText:
    """Read a graph.

    Raises:
        UsageError: it breaks the grammar; says where.
    """
    found = read(text)
    if not found.chains or any(not each.name for chain in found.chains for each in chain):
        shown = " ".join(text.split())[:60]
        raise UsageError(f"Error parsing filterchain: a filter's name is missing in {shown!r}; "
                         "see man ffmpeg-filters")  # fmt: skip
    return found


def read(text: str) -> GraphText:
    """The same, filters without a name included, as libavfilter's parser gives them."""
    return _Reader(text).graph()


def token(text: str, at: int, terminators: str) -> tuple[str, int]:
    """A token and where it ends, as libavutil's `av_get_token` reads it.

    Leading and trailing unquoted blanks are no part of it.
    """
    while at < len(text) and text[at] in _SPACE:
        at += 1
    found: list[str] = []
    kept = 0  # what was quoted or escaped up to here stays, blanks too
    while at < len(text) and text[at] not in terminators:
        char = text[at]
        at += 1
        if char == "\\" and at < len(text):
            found.append(text[at])
            at += 1
            kept = len(found)
        elif char == "'":
            end = text.find("'", at)
            found.extend(text[at : end if end >= 0 else None])
            at = end + 1 if end >= 0 else len(text)
            kept = len(found) if end >= 0 else kept
        else:
            found.append(char)
    return "".join(found[:kept]) + "".join(found[kept:]).rstrip(_SPACE), at


def quoted(text: str) -> str:
    """`text` so that a token reads it back, escaped only where it must be."""
    if not _TO_QUOTE & set(text):
        return text
    return "".join(f"\\{char}" if char in _TO_QUOTE else char for char in text)


class _Reader:
    """One pass over a graph's text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def graph(self) -> GraphText:
        self._skip()
        flags = self._flags()
        self._skip()
        chains = []
        while self._peek():
            chains.append(self._chain())
            self._skip()
        return GraphText(tuple(chains), flags)

    def _flags(self) -> str:
        if not self._text.startswith(_SWS, self._at):
            return ""
        end = self._text.find(";", self._at)
        if end < 0:
            raise UsageError("sws_flags not terminated with ';'; write sws_flags=FLAGS;GRAPH")
        flags = self._text[self._at + len(_SWS) : end]
        self._at = end + 1
        return flags

    def _chain(self) -> tuple[Filter, ...]:
        filters = []
        while self._peek():
            filters.append(self._filter())
            self._skip()
            following = self._peek()
            if following not in ("", ",", ";"):
                raise self._broken(f"{following!r} is in the way")
            self._at += 1  # also beyond a separator that ends the graph
            self._skip()
            if following == ";":
                break
        return tuple(filters)

    def _filter(self) -> Filter:
        inputs = self._labels()
        full, self._at = token(self._text, self._at, "=,;[")
        name, _, instance = full.partition("@")
        args = None
        if self._peek() == "=":
            args, self._at = token(self._text, self._at + 1, "[],;")
        return Filter(name, instance, args, inputs, self._labels())

    def _labels(self) -> tuple[str, ...]:
        labels = []
        self._skip()
        while self._peek() == "[":
            start = self._at
            label, self._at = token(self._text, start + 1, "]")
            if not label:
                raise self._broken("a label is empty", start)
            if self._peek() != "]":
                raise self._broken("a label has no ']'", start)
            self._at += 1
            self._skip()
            labels.append(label)
        return tuple(labels)

    def _skip(self) -> None:
        while self._peek() and self._peek() in _SPACE:
            self._at += 1

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _broken(self, what: str, at: int | None = None) -> UsageError:
        rest = self._text[self._at if at is None else at :]
        shown = " ".join(rest.split())[:40]
        near = f"near {shown!r}" if shown else "at its end"
        return UsageError(f"Error parsing filterchain: {what} {near}; see man ffmpeg-filters")
