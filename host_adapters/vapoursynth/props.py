"""Frame properties: what a frame says of its colours, and what we add to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import vapoursynth as vs

from host_adapters.media.colour import FULL, LIMITED, UNSPECIFIED, ColourTags
from vdiff_plugin.errors import UnsupportedMediaError
from vdiff_plugin.frame import ClipInfo, Matrix

ASSUMED = "vdiff_assumed"  # what had to be guessed, in words
_RANGES = {vs.RANGE_FULL.value: FULL, vs.RANGE_LIMITED.value: LIMITED}


@dataclass(frozen=True)
class Reading:
    """How the samples of a frame are to be read.

    Attributes:
        matrix: RGB to and from YUV.
        full_range: 0..peak instead of the limited range.
        chroma_location: where a chroma sample sits.
        assumed: what of this the frame does not say, in words; empty if it says it all.
    """

    matrix: Matrix
    full_range: bool
    chroma_location: str
    assumed: str

    @classmethod
    def of(cls, props: Mapping[str, Any], clip: ClipInfo) -> Reading:
        """By a frame's properties, and by the picture's size where they say nothing.

        Files are read by the same rules (`vdiff enhance`), so that pixels agree.
        """
        tags, family = _tags(props), clip.format.family
        known = tags.known_matrix()
        matrix = known or tags.guess_matrix(clip.width, clip.height)
        full_range = tags.range == FULL if tags.range else family != "yuv"
        location = tags.chroma_location()
        guesses = {
            f"matrix {matrix}": known is None and family != "gray",
            f"range {'full' if full_range else 'limited'}": not tags.range,
            f"chroma {location}": not tags.chroma and _is_subsampled(clip),
        }
        assumed = ", ".join(guess for guess, made in guesses.items() if made)
        return cls(matrix, full_range, location, assumed)

    def applied(self, clip: ClipInfo) -> ClipInfo:
        """`clip` with its samples read this way."""
        return replace(
            clip,
            matrix=self.matrix,
            full_range=self.full_range,
            chroma_location=self.chroma_location,
        )

    def write(self, props: Any, clip: ClipInfo) -> None:
        """State guesses, and how a frame of `clip` is to be read, in its properties."""
        props["_Range"] = int(vs.RANGE_FULL if clip.full_range else vs.RANGE_LIMITED)
        if clip.format.family == "yuv":
            tags = _tags(props)
            settled = tags.settled(clip.width, clip.height, self.matrix)
            if settled != tags:
                props["_Matrix"] = settled.matrix
        if self.assumed:
            props[ASSUMED] = self.assumed


def require_progressive(props: Mapping[str, Any], n: int) -> None:
    """Refuse a frame that is two fields.

    Raises:
        UnsupportedMediaError: with what to do about it.
    """
    if props.get("_FieldBased", 0):
        raise UnsupportedMediaError(
            f"frame {n} is interlaced; deinterlace the clip first, or if it is progressive in "
            "truth, say so with std.SetFieldBased(0)"
        )


def is_cut(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """True if either of two consecutive frames is marked as one side of a scene change."""
    return bool(before.get("_SceneChangeNext", 0) or after.get("_SceneChangePrev", 0))


def _tags(props: Mapping[str, Any]) -> ColourTags:
    return ColourTags(
        range=_RANGES.get(props.get("_Range"), 0),
        primaries=props.get("_Primaries", UNSPECIFIED),
        matrix=props.get("_Matrix", UNSPECIFIED),
        chroma=props.get("_ChromaLocation", -1) + 1,  # ours count from 1, 0 is unknown
    )


def _is_subsampled(clip: ClipInfo) -> bool:
    return bool(clip.format.log2_w or clip.format.log2_h)
