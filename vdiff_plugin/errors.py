"""Every failure that vdiff can explain.

A `VdiffError` reads `what; what to do`. The command line prints it after
`vdiff: ` on one line and exits with `exit_code`; anything else is a bug and
keeps its traceback.

    VdiffError                  exit 1
    ├── UsageError              exit 2, the caller asked for something that cannot be
    │   ├── UnknownNameError    a name that nothing offers; lists what exists
    │   └── SettingsError       a value outside its range, or settings that contradict
    ├── MediaError              a file, stream or codec that cannot be read or written
    │   ├── UnsupportedMediaError   readable, but not something we may process
    │   └── OutputError         the output cannot be written, or already exists
    ├── WeightsError            damaged weights, or weights of another architecture
    ├── PluginError             a plug-in that breaks its contract
    ├── FrameError              a frame that does not fit its clip, or is missing
    └── ResourceError           memory, disk or device exhausted
"""

from __future__ import annotations

from collections.abc import Iterable


class VdiffError(Exception):
    """Root of the tree: a failure with a one-line explanation."""

    exit_code = 1


class UsageError(VdiffError):
    """The request itself is wrong."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name that nothing offers."""

    def __init__(self, kind: str, name: str, known: Iterable[str], place: str = "") -> None:
        """Say which `kind` of thing `name` is not, at what `place`, and list the `known` ones."""
        listed = ", ".join(sorted(known)) or "none"
        super().__init__(f"no {kind} {name!r}{place}; have {listed}")
        self.kind = kind
        self.name = name


class SettingsError(UsageError):
    """A setting outside its range, or settings that contradict each other."""


class MediaError(VdiffError):
    """A file, stream or codec that cannot be read or written."""


class UnsupportedMediaError(MediaError):
    """Media that reads well but that we may not process without losing something."""


class OutputError(MediaError):
    """The output cannot be written, or already exists."""


class WeightsError(VdiffError):
    """Weights that are damaged, or that belong to another architecture."""


class PluginError(VdiffError):
    """A plug-in that breaks its contract."""


class FrameError(VdiffError):
    """A frame that does not fit its clip, or that is missing from its window."""


class ResourceError(VdiffError):
    """Memory, disk or device exhausted."""
