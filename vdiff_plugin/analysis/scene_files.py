"""Lists of scenes in the forms that other tools read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vdiff_plugin.analysis import timeline
from vdiff_plugin.analysis.scenes import SceneList
from vdiff_plugin.errors import UnknownNameError, UsageError

_TICKS = 1_000_000  # ffmpeg's own unit, of a second


@dataclass(frozen=True)
class SceneForm:
    """One form of scene list.

    Attributes:
        suffixes: of file names that ask for it.
        write: a list as the file's text.
        require: refuses a clip of so many frames a second that it cannot hold, or what is
            missing for it, before any work.
    """

    suffixes: tuple[str, ...]
    write: Callable[[SceneList], str]
    require: Callable[[Fraction], None] = lambda _rate: None


def segment_times(found: SceneList) -> str:
    """Seconds at which scenes start, the first one left out, for ffmpeg's `-segment_times`.

    Rounded down to its microseconds, so that no time lies after the frame that it means.
    """
    times = (scene.start * _TICKS // 1 for scene in found.scenes[1:])
    return ",".join(f"{each // _TICKS}.{each % _TICKS:06}" for each in times) + "\n"


def av1an(found: SceneList) -> str:
    """What `av1an --scenes FILE` reads: ends are exclusive, and nothing is split further."""
    scenes = [
        {"start_frame": scene.first, "end_frame": scene.end, "zone_overrides": None}
        for scene in found.scenes
    ]
    # Builds before July 2025 read only the first of the two lists.
    whole = {"frames": found.length, "scenes": scenes, "split_scenes": scenes}
    return json.dumps(whole, indent=2) + "\n"


def qpfile(found: SceneList) -> str:
    """Frames that x264 and x265 are to make IDR frames, for `--qpfile`; rate control goes on."""
    return "".join(f"{scene.first} I -1\n" for scene in found.scenes)


def table(found: SceneList) -> str:
    """CSV: frames, both included as in `--start` and `--end`, and seconds."""
    rows = [
        f"{number},{scene.first},{scene.end - 1},{float(scene.start):.6f},{float(scene.stop):.6f}\n"
        for number, scene in enumerate(found.scenes, 1)
    ]
    return "scene,first_frame,last_frame,start,stop\n" + "".join(rows)


def vapoursynth(found: SceneList) -> str:
    """A Python module whose `mark(clip)` sets the frame properties of scene changes."""
    starts = ", ".join(str(scene.first) for scene in found.scenes[1:])
    return (
        '"""Scene changes found by vdiff: `from FILE import mark`, then `clip = mark(clip)`."""\n\n'
        f"LENGTH = {found.length}\n"
        f"STARTS = frozenset([{starts}])\n\n\n"
        "def mark(clip):\n"
        "    if clip.num_frames != LENGTH:\n"
        '        raise ValueError(f"a clip of {clip.num_frames} frames; the list is of {LENGTH}")\n'
        "\n"
        "    def properties(n, f):\n"
        "        marked = f.copy()\n"
        '        marked.props["_SceneChangePrev"] = int(n in STARTS)\n'
        '        marked.props["_SceneChangeNext"] = int(n + 1 in STARTS)\n'
        "        return marked\n"
        "\n"
        "    return clip.std.ModifyFrame(clip, properties)\n"
    )


FORMS = {
    "ffmpeg": SceneForm((".txt",), segment_times),
    "av1an": SceneForm((".json",), av1an),
    "qpfile": SceneForm((".qpfile", ".qp"), qpfile),
    "csv": SceneForm((".csv",), table),
    "vapoursynth": SceneForm((".vpy", ".py"), vapoursynth),
    "edl": SceneForm((".edl",), timeline.edl, timeline.require_timecode),
    "otio": SceneForm((".otio",), timeline.otio, timeline.require_library),
}


def scene_form(path: Path, name: str | None) -> SceneForm:
    """The form called `name`, else the one that the file's name asks for.

    Raises:
        UnknownNameError: no such form.
        UsageError: a name that asks for none.
    """
    if name is not None:
        if name not in FORMS:
            raise UnknownNameError("form of scene list", name, FORMS)
        return FORMS[name]
    for form in FORMS.values():
        if path.suffix.lower() in form.suffixes:
            return form
    known = ", ".join(suffix for form in FORMS.values() for suffix in form.suffixes)
    raise UsageError(
        f"{path}: its name says no form of scene list ({known}); add --scenes-format NAME, one of "
        + ", ".join(sorted(FORMS))
    )
