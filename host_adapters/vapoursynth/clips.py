"""Clips that come in, checked, and clips that are made of them: shifted, and in lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import vapoursynth as vs

from host_adapters.vapoursynth.formats import pixel_format
from host_adapters.vapoursynth.props import Reading, require_progressive
from vdiff_plugin.errors import MediaError, SettingsError, UnsupportedMediaError
from vdiff_plugin.frame import ClipInfo

Selector = Callable[[int, Sequence[vs.VideoFrame]], vs.VideoFrame]
_MOST_LANES = 8  # as many frames as the file host renders at a time


@dataclass(frozen=True)
class Source:
    """A clip that can be processed.

    Attributes:
        node: with its frames in main memory.
        info: what the core must know of it, but for how its samples are to be read.
        reading: that, as its first frame says; others may say otherwise.
    """

    node: vs.VideoNode
    info: ClipInfo
    reading: Reading


def require_source(clip: vs.VideoNode) -> Source:
    """A clip that can be processed.

    Decodes its first frame.

    Raises:
        SettingsError: no clip of pictures.
        UnsupportedMediaError: variable format or size, too many bits, or interlaced.
        MediaError: its first frame cannot be had.
    """
    _require_video("clip", clip)
    if clip.format.color_family == vs.UNDEFINED:
        raise UnsupportedMediaError("the clip changes its format; convert it with core.resize")
    if not clip.width or not clip.height:
        raise UnsupportedMediaError("the clip changes its size; resize or split it first")
    info = ClipInfo(
        width=clip.width,
        height=clip.height,
        format=pixel_format(clip.format),
        length=clip.num_frames,
    )
    node = downloaded(clip)
    with _first_frame(node) as frame:
        require_progressive(frame.props, 0)
        return Source(node, info, Reading.of(frame.props, info))


def require_map(name: str, clip: vs.VideoNode, source: vs.VideoNode) -> vs.VideoNode:
    """A GRAY clip of the size and length of `source`, on the CPU.

    Raises:
        SettingsError: anything else.
    """
    _require_video(name, clip)
    wanted = f"give a GRAY clip of {source.width}x{source.height} and {source.num_frames} frames"
    if clip.format.color_family != vs.GRAY:
        variable = clip.format.color_family == vs.UNDEFINED
        kind = "variable format" if variable else clip.format.name
        raise SettingsError(f"{name} is a clip of {kind}; {wanted}")
    if (clip.width, clip.height) != (source.width, source.height):
        size = f"{clip.width}x{clip.height}" if clip.width else "of variable size"
        raise SettingsError(f"{name} is {size}; {wanted}")
    if clip.num_frames != source.num_frames:
        raise SettingsError(f"{name} has {clip.num_frames} frames; {wanted}")
    try:
        pixel_format(clip.format)
    except UnsupportedMediaError as error:
        raise SettingsError(f"{name}: {error}") from error
    return downloaded(clip)


def downloaded(clip: vs.VideoNode) -> vs.VideoNode:
    """`clip` with its frames in main memory; those that are there already stay as they are."""
    return vs.core.std.GPUDownload(clip)


def shifted(clip: vs.VideoNode, by: int) -> vs.VideoNode:
    """A clip whose frame n is frame n + `by` of `clip`, or the nearest that there is."""
    last = clip.num_frames - 1
    by = max(-last, min(last, by))
    if by > 0:
        return clip[by:] + clip[last] * by
    return clip[0] * -by + clip[:by] if by else clip


def modified(base: vs.VideoNode, clips: Sequence[vs.VideoNode], selector: Selector) -> vs.VideoNode:
    """Frames that `selector` makes of the same frame of each of `clips`, one at a time."""

    def select(n: int, f: Any) -> vs.VideoFrame:
        return selector(n, f if isinstance(f, list) else [f])

    return vs.core.std.ModifyFrame(base, clips, select)


def modified_in_lanes(
    base: vs.VideoNode, clips: Sequence[vs.VideoNode], selector: Selector
) -> vs.VideoNode:
    """The same, several at a time.

    VapourSynth calls one instance of ModifyFrame for one frame after the other. So each
    of several instances gets every k-th frame.
    """
    lanes = min(vs.core.num_threads, base.num_frames, _MOST_LANES)
    if lanes < 2:
        return modified(base, clips, selector)

    def lane(first: int) -> vs.VideoNode:
        def every(clip: vs.VideoNode) -> vs.VideoNode:
            return clip.std.SelectEvery(cycle=lanes, offsets=first, modify_duration=False)

        def select(n: int, frames: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
            return selector(n * lanes + first, frames)

        return modified(every(base), [every(clip) for clip in clips], select)

    return vs.core.std.Interleave([lane(k) for k in range(lanes)], modify_duration=False)


def _require_video(name: str, clip: object) -> None:
    if not isinstance(clip, vs.VideoNode):
        raise SettingsError(f"{name} is {type(clip).__name__}; give a clip of pictures (VideoNode)")


def _first_frame(clip: vs.VideoNode) -> vs.VideoFrame:
    try:
        return clip.get_frame(0)
    except vs.Error as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else "no reason given"
        raise MediaError(f"the clip gives no frames ({reason}); mend its source") from error
