"""Colour tags: kept as libav numbers from input to output, and read where the core needs words.

The numbers are those of ITU-T H.273, which libav uses as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import av

from host_adapters.media.formats import Layout
from vdiff_plugin.frame import Family, Matrix

UNSPECIFIED = 2
_RANGE_UNKNOWN, LIMITED, FULL = 0, 1, 2
_MATRIX_RGB = 0
_MATRICES: dict[int, Matrix] = {
    1: "bt709",
    4: "fcc",
    5: "bt601",
    6: "bt601",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020",
    10: "bt2020",
    14: "bt2020",  # ICtCp has BT.2020 primaries; nothing nearer has a name
    16: "ycgco",
    17: "ycgco",
}
_MATRIX_NUMBERS: dict[Matrix, int] = {
    "bt709": 1,
    "fcc": 4,
    "bt601": 6,
    "smpte240m": 7,
    "ycgco": 8,
    "bt2020": 9,
}
_BT2020_PRIMARIES = 9
_CHROMA_LOCATIONS = {
    1: "left",
    2: "center",
    3: "topleft",
    4: "top",
    5: "bottomleft",
    6: "bottom",
}


@dataclass(frozen=True, kw_only=True)
class ColourTags:
    """What a file says of its colours, unknown values included."""

    range: int = _RANGE_UNKNOWN
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    chroma: int = 0  # 0 is unknown

    @classmethod
    def of(
        cls, picture: av.VideoFrame, context: av.VideoCodecContext, layout: Layout
    ) -> ColourTags:
        """Tags of a decoded picture; what it leaves open, the stream's header may say."""
        return cls(
            range=FULL if layout.jpeg else picture.color_range or context.color_range,
            primaries=_first_known(picture.color_primaries, context.color_primaries),
            transfer=_first_known(picture.color_trc, context.color_trc),
            matrix=_first_known(picture.colorspace, context.colorspace),
            chroma=picture.chroma_location or context.chroma_sample_location,
        )

    def full_range(self, layout: Layout) -> bool:
        """True for 0..peak. RGB and grey are that unless tagged, as libswscale takes them."""
        if self.range != _RANGE_UNKNOWN:
            return self.range == FULL
        return layout.format.family != "yuv"

    def chroma_location(self) -> str:
        """Where a chroma sample sits; `left` is what untagged files mean."""
        return _CHROMA_LOCATIONS.get(self.chroma, "left")

    def known_matrix(self) -> Matrix | None:
        """The matrix that the file names, or None."""
        return _MATRICES.get(self.matrix)

    def guess_matrix(self, width: int, height: int) -> Matrix:
        """What an untagged file most likely means: by primaries, then by size."""
        if self.primaries == _BT2020_PRIMARIES:
            return "bt2020"
        return "bt709" if width >= 1280 or height > 576 else "bt601"

    def settled(self, width: int, height: int, matrix: Matrix) -> ColourTags:
        """Tags that name `matrix` where YUV of that size would be taken for another by it."""
        if self.matrix != UNSPECIFIED or self.guess_matrix(width, height) == matrix:
            return self
        return replace(self, matrix=_MATRIX_NUMBERS[matrix])

    def converted(self, family: Family, matrix: Matrix, *, full_range: bool) -> ColourTags:
        """Tags of the same colours as another family: RGB has no matrix, YUV needs one."""
        if family == "rgb":
            return replace(self, matrix=_MATRIX_RGB, range=FULL, chroma=0)
        number = _MATRIX_NUMBERS[matrix] if family == "yuv" else self.matrix
        return replace(self, matrix=number, range=FULL if full_range else LIMITED)


def matrix_number(matrix: Matrix) -> int:
    """H.273's number of `matrix`."""
    return _MATRIX_NUMBERS[matrix]


def _first_known(first: int, second: int) -> int:
    return second if first == UNSPECIFIED else first
