"""Which of the frames that a host has shown make up a frame's window."""

from __future__ import annotations

from dataclasses import dataclass

from host_adapters.frei0r.protocol import Request


@dataclass(frozen=True)
class Pick:
    """Frames by how many calls ago they came, in the order of a window.

    Attributes:
        before: left of the centre, outermost first.
        centre: the frame that is rendered.
        after: right of the centre.
    """

    before: tuple[int, ...]
    centre: int
    after: tuple[int, ...]

    @property
    def order(self) -> tuple[int, ...]:
        """All of them, left to right."""
        return (*self.before, self.centre, *self.after)


def centred(request: Request, radius: int) -> Pick:
    """Frame n-radius with its neighbours on both sides."""
    return Pick(
        tuple(reversed(_run(request, radius, 1, radius))),
        radius,
        _run(request, radius, -1, radius),
    )


def causal(request: Request, radius: int) -> Pick:
    """Frame n with the frames before it, as `lookahead=0` has them in every host."""
    return Pick(tuple(reversed(_run(request, 0, 1, radius))), 0, ())


def previous(request: Request, centre: int) -> Pick:
    """A frame and the one before it, as the change map needs them."""
    return Pick(_run(request, centre, 1, 1), centre, ())


def _run(request: Request, start: int, step: int, most: int) -> tuple[int, ...]:
    """Frames next to `start` in one direction, as far as the same run goes."""
    found: list[int] = []
    k = start + step
    while 0 <= k < len(request.ids) and len(found) < most:
        if not request.ids[k] or request.runs[k] != request.runs[start]:
            break
        found.append(k)
        k += step
    return tuple(found)
