"""The shape of pixels in the header of a Matroska or WebM file.

A file says the size of a picture on the screen (RFC 9559, 5.1.4.1.28). The tracks grow by
it, and the void that libav leaves behind the list of places shrinks by as much, so that
nothing behind the tracks moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil

from host_adapters.media.ebml import VOID, Element, children, head, joined, void

SEGMENT, TRACKS = 0x18538067, 0x1654AE6B
_SEEK_HEAD, _SEEK, _SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AC
_TRACK, _TRACK_NUMBER, _VIDEO = 0xAE, 0xD7, 0xE0
_PIXEL_WIDTH, _PIXEL_HEIGHT = 0xB0, 0xBA
_WIDTH, _HEIGHT, _UNIT = 0x54B0, 0x54BA, 0x54B2
_RATIO = 3  # the unit where width and height are no size but a ratio
_MOST = 4  # times as large as its pixels a picture may be said to be


def shaped(data: bytes, shapes: Mapping[int, Fraction]) -> bytes:
    """The beginning of a file, with the shapes of pixels in it.

    Args:
        data: of the file from its first byte to the end of its tracks, or further.
        shapes: width to height of a pixel for streams by their place.

    Returns:
        As many bytes; the same where there is no room.
    """
    try:
        begin = _segment(data)
        parts = _to_tracks(data[begin:])
        tracks = Element(TRACKS, joined(_tracks(parts[-1].content, shapes)), parts[-1].width)
    except ValueError:
        return data
    growth = len(tracks.encoded()) - len(parts[-1].encoded())
    rooms = (n for n, each in enumerate(parts) if each.number == VOID)
    room = next((n for n in rooms if len(parts[n].encoded()) - growth > 1), None)
    if room is None:
        return data
    old = [each.encoded() for each in parts]
    new = [*old[:-1], tracks.encoded()]
    new[room] = void(len(old[room]) - growth)
    moved = dict(zip(_places(old), _places(new), strict=True))
    for n, part in enumerate(parts):
        if part.number == _SEEK_HEAD:
            new[n] = _seek_head(part, moved)
    return data[:begin] + b"".join(new) + data[begin + sum(map(len, old)) :]


def display_size(width: int, height: int, shape: Fraction) -> tuple[int, int, int]:
    """Width and height on the screen, and their unit, that give `shape` exactly.

    The smallest size that holds the picture; where that would be far too large, their ratio.
    """
    across, down = (shape * width / height).as_integer_ratio()
    times = max(ceil(width / across), ceil(height / down))
    if across * times > _MOST * width or down * times > _MOST * height:
        return across, down, _RATIO
    return across * times, down * times, 0


def _segment(data: bytes) -> int:
    """Where the content of the segment begins."""
    first = head(data[:12])
    begin = first.length + (first.size or 0)
    segment = head(data[begin : begin + 12])
    if segment.number != SEGMENT:
        raise ValueError("no segment")
    return begin + segment.length


def _to_tracks(content: bytes) -> list[Element]:
    """The parts of the segment up to its tracks."""
    found: list[Element] = []
    while not found or found[-1].number != TRACKS:
        begin = head(content[:12])
        stop = begin.length + (begin.size or 0)
        if not stop:
            raise ValueError("no tracks")
        found += children(content[:stop])
        content = content[stop:]
    return found


def _tracks(content: bytes, shapes: Mapping[int, Fraction]) -> list[Element]:
    found = children(content)
    for n, track in enumerate(found):
        if track.number == _TRACK:
            parts = children(track.content)
            number = _value(parts, _TRACK_NUMBER)
            if shape := shapes.get(number - 1):
                parts = [_video(each, shape) if each.number == _VIDEO else each for each in parts]
                found[n] = track._replace(content=joined(parts))
    return found


def _video(video: Element, shape: Fraction) -> Element:
    parts = [e for e in children(video.content) if e.number not in (_WIDTH, _HEIGHT, _UNIT)]
    width, height = _value(parts, _PIXEL_WIDTH), _value(parts, _PIXEL_HEIGHT)
    across, down, unit = display_size(width, height, shape)
    said = [_number(_WIDTH, across), _number(_HEIGHT, down)]
    said += [_number(_UNIT, unit)] if unit else []
    place = 1 + max(n for n, e in enumerate(parts) if e.number in (_PIXEL_WIDTH, _PIXEL_HEIGHT))
    return video._replace(content=joined([*parts[:place], *said, *parts[place:]]))


def _value(parts: list[Element], number: int) -> int:
    found = next((each for each in parts if each.number == number), None)
    if found is None:
        raise ValueError(f"no element {number:x}")
    return int.from_bytes(found.content)


def _number(number: int, value: int) -> Element:
    return Element(number, value.to_bytes((value.bit_length() + 7) // 8))


def _places(parts: list[bytes]) -> list[int]:
    return [sum(map(len, parts[:n])) for n in range(len(parts))]


def _seek_head(part: Element, moved: Mapping[int, int]) -> bytes:
    """The list of places, with those that have moved."""
    entries = [
        entry._replace(content=joined(_moved(each, moved) for each in children(entry.content)))
        if entry.number == _SEEK
        else entry
        for entry in children(part.content)
    ]
    return part._replace(content=joined(entries)).encoded()


def _moved(part: Element, moved: Mapping[int, int]) -> Element:
    place = int.from_bytes(part.content)
    if part.number != _SEEK_POSITION or place not in moved:
        return part
    return part._replace(content=moved[place].to_bytes(len(part.content)))
