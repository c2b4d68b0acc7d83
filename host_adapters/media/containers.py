"""What each container format needs to be told, and what it cannot hold."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from vdiff_plugin.errors import OutputError

_BY_SUFFIX = {
    ".mkv": "matroska",
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".webm": "webm",
    ".avi": "avi",
    ".ts": "mpegts",
    ".mts": "mpegts",
    ".m2ts": "mpegts",
    ".nut": "nut",
}
_ISO = ("mp4", "mov")
_WITH_SIDE_DATA = ("matroska", "webm", "mp4", "mov")
_WITHOUT_CHAPTERS = ("avi", "mpegts")
_FINE_ENOUGH = 1000  # ticks a second below which mp4 players round badly
_MP4_KEYS = {  # what the plain mp4 form has a place for
    *("title", "artist", "album_artist", "album", "composer", "date", "comment", "genre"),
    *("copyright", "grouping", "lyrics", "description", "synopsis", "show", "episode_id"),
    *("network", "keywords", "track", "disc", "creation_time", "location", "location-eng"),
    *("timecode", "media_type", "hd_video", "gapless_playback", "compilation", "rating"),
    *("season_number", "episode_sort", "author", "performer", "encoder"),
}
_MUXERS_OWN = {"major_brand", "minor_version", "compatible_brands", "encoder"}


def container_of(path: Path) -> str:
    """Libav's name of the container that `path` asks for by its suffix.

    Raises:
        OutputError: the suffix means nothing here.
    """
    try:
        return _BY_SUFFIX[path.suffix.lower()]
    except KeyError:
        usual = ", ".join(_BY_SUFFIX)
        raise OutputError(f"{path}: no container has this suffix; use one of {usual}") from None


def has_times(container: str) -> bool:
    """False where frames only have an order: then the frame rate must be constant."""
    return container != "avi"


def has_chapters(container: str) -> bool:
    """Whether chapters can be kept."""
    return container not in _WITHOUT_CHAPTERS


def has_side_data(container: str) -> bool:
    """Whether rotation and HDR metadata can be kept beside the coded stream."""
    return container in _WITH_SIDE_DATA


@dataclass(frozen=True)
class Header:
    """What goes into a file's header beside its streams.

    Attributes:
        metadata: of the whole file.
        options: make the muxer keep times and metadata as they are.
        creation_time: to be set after muxing; empty where the muxer does it.
        lost: keys of the input that have no place.
    """

    metadata: Mapping[str, str]
    options: Mapping[str, str]
    creation_time: str = ""
    lost: tuple[str, ...] = ()


def header_for(
    container: str, time_base: Fraction, metadata: Mapping[str, str], *, cover: bool = False
) -> Header:
    """The header of a new file.

    Args:
        container: libav's name of the format.
        time_base: of the video.
        metadata: of the input.
        cover: whether there is cover art, which mp4 can hold only beside usual keys.
    """
    kept = {k: v for k, v in metadata.items() if k.lower() not in _MUXERS_OWN}
    options = {}
    if container == "mpegts":
        options["mpegts_copyts"] = "1"
    if container not in _ISO:
        return Header(kept, options)
    if time_base.numerator == 1 and time_base.denominator >= _FINE_ENOUGH:
        options["video_track_timescale"] = str(time_base.denominator)
    unusual = tuple(key for key in kept if key.lower() not in _MP4_KEYS)
    if not unusual or cover:
        return Header(kept, options, lost=unusual)
    options["movflags"] = "+use_metadata_tags"  # as phones write it
    # In this form the time would come back twice; see `mp4`.
    return Header(kept, options, creation_time=kept.pop("creation_time", ""))


def place_for(codec: str) -> str:
    """Advice on where the encoder's video can go; empty where no usual file holds it."""
    found = next((each for each in (".mkv", ".mov", ".avi") if holds(_BY_SUFFIX[each], codec)), "")
    return f"write to {found} or " if found else ""


def holds(container: str, codec: str) -> bool:
    """Whether libav's muxer admits the encoder at all."""
    with av.open(io.BytesIO(), "w", format=container) as trial:
        try:
            trial.add_stream(codec)
        except ValueError:
            return False
    return True
