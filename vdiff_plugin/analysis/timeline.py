"""Scenes as an editor's timeline, by OpenTimelineIO, an optional extra."""

from __future__ import annotations

from fractions import Fraction
from importlib.util import find_spec
from typing import Any

from vdiff_plugin.analysis.scenes import Scene, SceneList
from vdiff_plugin.errors import UsageError

_MISSING = "{} is not installed; pip install 'vdiff-plugin[timeline]', or choose another form"


def edl(found: SceneList) -> str:
    """A CMX 3600 edit decision list, one event a scene, for a clip of constant frame rate."""
    from opentimelineio import adapters

    text: str = adapters.write_to_string(_timeline(found), "cmx_3600", rate=_rate(found.rate))
    return text


def otio(found: SceneList) -> str:
    """OpenTimelineIO's own JSON."""
    from opentimelineio import adapters

    text: str = adapters.write_to_string(_timeline(found), "otio_json")
    return text + "\n"


def require_library(_rate: Fraction) -> None:
    """Raise UsageError where OpenTimelineIO is missing."""
    if find_spec("opentimelineio") is None:
        raise UsageError(_MISSING.format("OpenTimelineIO"))


def require_timecode(rate: Fraction) -> None:
    """Refuse what no EDL can be written for.

    Raises:
        UsageError: OpenTimelineIO or its adapter is missing, or `rate` has no timecode.
    """
    require_library(rate)
    if find_spec("otio_cmx3600_adapter") is None:
        raise UsageError(_MISSING.format("otio-cmx3600-adapter"))
    from opentimelineio.opentime import RationalTime

    if not RationalTime.is_smpte_timecode_rate(_rate(rate)):
        raise UsageError(
            f"{float(rate):.6g} frames a second have no timecode, which an EDL counts in; choose "
            "another form, such as otio"
        )


def _rate(rate: Fraction) -> float:
    """Frames a second as timecode has them; probed rates may be off by a rounding."""
    from opentimelineio.opentime import RationalTime

    nearest = float(RationalTime.nearest_smpte_timecode_rate(float(rate)))
    return nearest if abs(nearest - rate) < 0.002 else float(rate)


def _timeline(found: SceneList) -> Any:
    from opentimelineio import schema

    timeline = schema.Timeline(name=" ".join(found.clip.split()))
    track = schema.Track(name="V", kind=schema.TrackKind.Video)
    rate = _rate(found.rate)
    whole = _range(0, found.length, rate)
    for scene in found.scenes:
        track.append(_clip(found.clip, scene, whole, rate))
    timeline.tracks.append(track)
    return timeline


def _clip(name: str, scene: Scene, whole: Any, rate: float) -> Any:
    from opentimelineio import schema

    media = schema.ExternalReference(target_url=name, available_range=whole)
    return schema.Clip(
        name=" ".join(name.split()),  # an EDL has one line for it
        media_reference=media,
        source_range=_range(scene.first, scene.end - scene.first, rate),
        metadata={"cmx_3600": {"reel": "AX"}},  # no tape; a file's name may not fit the column
    )


def _range(start: int, length: int, rate: float) -> Any:
    from opentimelineio.opentime import RationalTime, TimeRange

    return TimeRange(RationalTime(start, rate), RationalTime(length, rate))
