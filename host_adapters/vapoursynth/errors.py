"""Our errors as VapourSynth's: `vapoursynth.Error("vdiff: what; what to do")`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import vapoursynth as vs

from vdiff_plugin.errors import VdiffError

_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")


@contextmanager
def script_errors() -> Iterator[None]:
    """While a script is evaluated: its line stays in the traceback, our reasons do not."""
    try:
        yield
    except VdiffError as error:
        raise vs.Error(_message(error)) from None


@contextmanager
def frame_errors() -> Iterator[None]:
    """While a frame is computed: one line, and no traceback."""
    try:
        yield
    except VdiffError as error:
        raise _FrameFailure(_message(error)) from None


def _message(error: VdiffError) -> str:
    # Settings speak of options as the command line writes them; here they are keywords.
    return "vdiff: " + _OPTION.sub(lambda found: found[1].replace("-", "_"), str(error))


class _FrameFailure(vs.Error):  # type: ignore[misc]
    """An error whose traceback nobody sees.

    VapourSynth makes a frame's error message of the formatted traceback of what its
    callback raised. This one has none to format.
    """

    @property
    def __traceback__(self) -> None:
        return None

    @__traceback__.setter
    def __traceback__(self, _: object) -> None:
        """Python keeps the real one elsewhere."""


_FrameFailure.__module__, _FrameFailure.__qualname__ = vs.Error.__module__, vs.Error.__qualname__
