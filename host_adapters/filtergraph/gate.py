"""A timeline in front of a session: where it is off, frames come out as they went in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from host_adapters.filtergraph.timeline import Timeline
from vdiff_plugin.errors import UsageError
from vdiff_plugin.frame import Frame
from vdiff_plugin.room import Room
from vdiff_plugin.session import Session


class Gate:
    """Renders as a session does, or not at all. Any number of threads may render at once.

    Args:
        session: what it stands before.
        timeline: when the session is on.

    Raises:
        UsageError: the session changes size or format, so that it can never be off.
    """

    def __init__(self, session: Session, timeline: Timeline) -> None:
        if session.clip != session.source:
            raise UsageError("[vdiff] enable: a node that changes size or format is always on")
        self._session = session
        self._timeline = timeline
        self._on: dict[int, bool] = {}
        self.radius = session.radius
        self.source = session.source
        self.clip = session.clip

    def as_session(self) -> Session:
        """Itself, for those that only ask what it has."""
        return cast("Session", self)

    def room(self, workers: int) -> Room:
        """See `Session.room`."""
        return self._session.room(workers)

    def note(self, n: int, seconds: float) -> None:
        """Say when frame n is shown, before it is rendered."""
        size = {"w": self.source.width, "h": self.source.height}
        self._on[n] = self._timeline.is_on(t=seconds, n=n, **size)

    def needed(self, n: int, *, length: int | None = None) -> range:
        """See `Session.needed`."""
        return self._session.needed(n, length=length)

    def render(self, n: int, frames: Mapping[int, Frame], *, length: int | None = None) -> Frame:
        """See `Session.render`."""
        if self._on.pop(n):
            return self._session.render(n, frames, length=length)
        return frames[n]
