"""What a pipe's reader and writer owe the pump between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from vdiff_plugin.frame import ClipInfo, Frame


class Piped(NamedTuple):
    """A frame that came through a pipe, and what came with it.

    Attributes:
        frame: its samples.
        ticket: goes to the writer together with the frame made from this one.
    """

    frame: Frame
    ticket: Any = None


class PipeReader(Protocol):
    """Frames from a pipe, each once, in order."""

    @property
    def clip(self) -> ClipInfo:
        """What all frames have in common; the length is unknown."""
        ...

    def frames(self) -> Iterator[Piped]:
        """The frames, each as soon as it is there."""
        ...


class PipeWriter(Protocol):
    """Frames into a pipe."""

    def write(self, frame: Frame, ticket: Any) -> None:
        """Hand a frame on at once. Raises BrokenPipeError if nobody reads any more."""
        ...

    def finish(self) -> None:
        """Write what belongs behind the last frame."""
        ...
