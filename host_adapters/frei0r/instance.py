"""One instance of the filter: from a request of the host to the picture it gets."""

from __future__ import annotations

import cv2
import numpy as np

from host_adapters.frei0r.history import Pick, causal, centred, previous
from host_adapters.frei0r.memory import SharedFrames, frame_of, write_frame
from host_adapters.frei0r.protocol import PICTURE, UNCHANGED, Geometry, Request
from host_adapters.media.colour import ColourTags
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import SettingsError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.session import Session
from vdiff_plugin.settings import Settings

_SESSIONS = 4  # kept: a parameter that moves by keyframes has another value each frame
_CHANGE_STAGE = "changes:features=vdiff:gain=0.5"


class Instance:
    """Renders what requests ask for.

    Pixels depend on the frames of the window and on the parameters alone; what is kept
    between calls saves time only.

    Args:
        engine: shared with the worker's other instances.
        geometry: of its pictures.
        frames: where they lie.
    """

    def __init__(self, engine: Engine, geometry: Geometry, frames: SharedFrames) -> None:
        self._engine = engine
        self._frames = frames
        self._clip = clip_of(geometry)
        self._sessions: dict[Settings, Session] = {}
        self._radii: dict[tuple[str, str], int] = {}
        self._held: dict[int, Frame] = {}

    def render(self, request: Request) -> int:
        """Make the picture, or say that it is the source's.

        Returns:
            `PICTURE`, now in the slot for answers, or `UNCHANGED`.

        Raises:
            VdiffError: the parameters name something that there is not.
        """
        self._held = {key: one for key, one in self._held.items() if key in request.ids}
        radius = self._radius(request)
        centre = radius if request.delayed else 0
        if not request.ids[centre]:
            return self._nothing(request.runs[centre])
        result = self._change_map if request.change_map else self._restored
        write_frame(result(request, radius, centre), self._frames.answer)
        if request.mix:
            self._mix(request, centre)
        return PICTURE

    def close(self) -> None:
        """Let go of sessions and memory."""
        for session in self._sessions.values():
            session.close()
        self._frames.close()

    def _nothing(self, run: int) -> int:
        """No frame there: the host's empty picture, or a time before its first one."""
        if not run:
            return UNCHANGED
        self._frames.answer.fill(0)
        return PICTURE

    def _restored(self, request: Request, radius: int, centre: int) -> Frame:
        session = self._session(settings_of(request))
        window = centred if request.delayed else causal
        pick = window(request, radius)
        if session.radius == 0:  # strength 0 looks at no neighbours
            pick = Pick((), centre, ())
        return self._rendered(session, request, pick)

    def _change_map(self, request: Request, _: int, centre: int) -> Frame:
        session = self._session(Settings.of(stages=(_CHANGE_STAGE,)))
        grey = self._rendered(session, request, previous(request, centre)).planes[0]
        return Frame((grey, grey, grey, self._frame(request, centre).planes[3]))

    def _rendered(self, session: Session, request: Request, pick: Pick) -> Frame:
        frames = {at: self._frame(request, k) for at, k in enumerate(pick.order)}
        return session.render(len(pick.before), frames, length=len(frames))

    def _frame(self, request: Request, k: int) -> Frame:
        """The frame k calls ago; taken out of its slot once."""
        key = request.ids[k]
        if key not in self._held:
            self._held[key] = frame_of(self._frames.source(self._slot(request, k)))
        return self._held[key]

    def _mix(self, request: Request, centre: int) -> None:
        source = self._frames.source(self._slot(request, centre))
        answer = self._frames.answer
        cv2.addWeighted(source, request.mix, answer, 1 - request.mix, 0, dst=answer)

    @staticmethod
    def _slot(request: Request, k: int) -> int:
        return (request.newest - k) % len(request.ids)

    def _radius(self, request: Request) -> int:
        """Of the network, whatever the strength: the delay must not move with it."""
        key = (request.task, request.preset)
        if key not in self._radii:
            session = self._session(Settings.of(task=request.task, preset=request.preset))
            if 2 * session.radius >= len(request.ids):
                raise SettingsError(
                    f"preset {request.preset} needs {2 * session.radius + 1} frames and the "
                    f"plug-in keeps {len(request.ids)}; choose another preset"
                )
            self._radii[key] = session.radius
        return self._radii[key]

    def _session(self, settings: Settings) -> Session:
        if settings in self._sessions:
            self._sessions[settings] = self._sessions.pop(settings)  # the last one used
            return self._sessions[settings]
        while len(self._sessions) >= _SESSIONS:
            self._sessions.pop(next(iter(self._sessions))).close()
        session = self._engine.open(self._clip, settings)
        if (session.clip.width, session.clip.height) != (self._clip.width, self._clip.height):
            session.close()
            raise SettingsError(f"task {settings.task} changes the picture's size; choose another")
        self._sessions[settings] = session
        return session


def clip_of(geometry: Geometry) -> ClipInfo:
    """8-bit RGB with alpha, full range, as a file of such frames is read."""
    width, height = geometry.width, geometry.height
    return ClipInfo(
        width=width,
        height=height,
        format=PixelFormat(family="rgb", alpha=True),
        matrix=ColourTags().guess_matrix(width, height),
        full_range=True,
    )


def settings_of(request: Request) -> Settings:
    """The settings that the host's parameters mean.

    Raises:
        SettingsError: a value outside its range.
    """
    noise = float(np.round(100 * request.noise, 9)) if request.noise else "auto"
    return Settings.of(
        task=request.task, preset=request.preset, strength=request.strength, noise=noise
    )
