"""The header line of YUV4MPEG2: size, rate, pixel format and colour range as text.

What is understood is read, and everything is written back as it came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Self

from host_adapters.media.colour import FULL, LIMITED, ColourTags
from host_adapters.media.formats import planar_layout
from vdiff_plugin.errors import MediaError, SettingsError, UnsupportedMediaError
from vdiff_plugin.frame import ClipInfo, Matrix, PixelFormat

MAGIC = "YUV4MPEG2"
_CHROMA = re.compile(
    r"(?P<grid>420|422|444|411|mono)(?P<site>jpeg|mpeg2|paldv|alpha)?p?(?P<bits>\d+)?"
)
_GRIDS = {"420": (1, 1), "422": (1, 0), "444": (0, 0), "411": (2, 0)}
_NAMES = {shifts: name for name, shifts in _GRIDS.items()}
_SITES = {"jpeg": 2, "mpeg2": 1, "paldv": 3}  # as libav numbers them: centre, left, top left
_RANGES = {"FULL": FULL, "LIMITED": LIMITED}


@dataclass(frozen=True, kw_only=True)
class Y4mHeader:
    """What the first line says.

    Attributes:
        width, height: pixels.
        rate: frames a second; 0 if unknown.
        chroma: the tag of the pixel format, without its C.
        scan: p, t, b, m or ?.
        aspect: width to height of a pixel as the header has it, `0:0` if unknown.
        extensions: the X fields, without their X.
    """

    width: int
    height: int
    rate: Fraction = Fraction(0)
    chroma: str = "420jpeg"
    scan: str = "p"
    aspect: str = "0:0"
    extensions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a header line.

        Raises:
            MediaError: it is none, or lacks a size.
            UnsupportedMediaError: interlaced, or of a pixel format that y4m does not know.
        """
        magic, *fields = line.rstrip("\n").split(" ")
        if magic != MAGIC:
            raise MediaError(
                "stdin: no YUV4MPEG2 stream; feed it with: ffmpeg -i IN -f yuv4mpegpipe -strict "
                "-1 -, or name another --format"
            )
        first = {field[:1]: field[1:] for field in reversed(fields) if field[:1] != "X"}
        try:
            header = cls(
                width=int(first["W"]),
                height=int(first["H"]),
                rate=_rate(first.get("F", "0:0")),
                chroma=first.get("C", "420jpeg"),
                scan=first.get("I", "?"),
                aspect=first.get("A", "0:0"),
                extensions=tuple(field[1:] for field in fields if field[:1] == "X"),
            )
        except (KeyError, ValueError) as error:
            raise MediaError(f"stdin: damaged header {line[:80].strip()!r}; check what writes "
                             "the stream") from error  # fmt: skip
        header.require_readable()
        return header

    def require_readable(self) -> None:
        """Raise UnsupportedMediaError where the frames cannot be processed."""
        if self.scan not in ("p", "?", ""):
            raise UnsupportedMediaError(
                "stdin: interlaced; deinterlace first (ffmpeg ... -vf bwdif -f yuv4mpegpipe -), "
                "or if it is progressive in truth, say so with -vf setfield=prog"
            )
        self.format()

    def format(self) -> PixelFormat:
        """The pixel format. Raises UnsupportedMediaError for a tag that is none."""
        found = _CHROMA.fullmatch(self.chroma)
        bits = int(found["bits"] or 8) if found else 0
        if found is None or not 8 <= bits <= 16:
            raise UnsupportedMediaError(
                f"stdin: pixel format C{self.chroma} is none of y4m's; have 420, 422, 444 (8 bits, "
                "or 420p10 and so on up to 16), 411, 444alpha, mono and mono9 to mono16"
            )
        if found["grid"] == "mono":
            return PixelFormat(family="gray", bits=bits)
        log2_w, log2_h = _GRIDS[found["grid"]]
        alpha = found["site"] == "alpha"
        return PixelFormat(family="yuv", bits=bits, log2_w=log2_w, log2_h=log2_h, alpha=alpha)

    def range(self) -> int:
        """Libav's number of the colour range; 0 where the header does not say."""
        said = (field.partition("=") for field in self.extensions)
        return next((_RANGES.get(value, 0) for name, _, value in said if name == "COLORRANGE"), 0)

    def clip(self, matrix: Matrix | None = None) -> ClipInfo:
        """The clip as the core sees it; y4m names no matrix, so it goes by size unless given."""
        form = self.format()
        tags = ColourTags(range=self.range(), chroma=self._site())
        layout = planar_layout(form)
        full = tags.full_range(layout) if layout else self.range() == FULL
        return ClipInfo(
            width=self.width,
            height=self.height,
            format=form,
            matrix=matrix or tags.guess_matrix(self.width, self.height),
            full_range=full,
            chroma_location=tags.chroma_location(),
        )

    def with_rate(self, rate: Fraction) -> Y4mHeader:
        """The same header, at another rate."""
        return replace(self, rate=rate)

    def with_range(self, number: int) -> Y4mHeader:
        """The same header, naming a colour range."""
        name = next(text for text, known in _RANGES.items() if known == number)
        others = tuple(each for each in self.extensions if not each.startswith("COLORRANGE="))
        return replace(self, extensions=(*others, f"COLORRANGE={name}"))

    def of(self, clip: ClipInfo) -> Y4mHeader:
        """The header of what came out of a session.

        Raises:
            SettingsError: y4m has no such pixel format.
        """
        sized = replace(self, width=clip.width, height=clip.height)
        if clip.format == self.format():
            return sized
        tag = _tag(clip.format)
        others = tuple(each for each in self.extensions if not each.startswith("YSCSS="))
        subsampling = () if clip.format.family == "gray" else (f"YSCSS={tag.upper()}",)
        return replace(sized, chroma=tag, extensions=(*subsampling, *others))

    def line(self) -> str:
        """The header line, its newline included."""
        fields = [
            f"W{self.width}",
            f"H{self.height}",
            f"F{self.rate.numerator}:{self.rate.denominator if self.rate else 0}",
            f"I{self.scan}",
            f"A{self.aspect}",
            f"C{self.chroma}",
            *(f"X{each}" for each in self.extensions),
        ]
        return " ".join([MAGIC, *fields]) + "\n"

    def _site(self) -> int:
        found = _CHROMA.fullmatch(self.chroma)
        if found is None or found["grid"] != "420":
            return 0
        if found["bits"]:
            return 0
        return _SITES.get(found["site"] or "jpeg", 0)


def _rate(text: str) -> Fraction:
    numerator, _, denominator = text.partition(":")
    below = int(denominator or 1)
    return Fraction(int(numerator), below) if below else Fraction(0)


def _tag(form: PixelFormat) -> str:
    bits = "" if form.bits == 8 else str(form.bits)
    if form.family == "gray" and not form.alpha:
        return f"mono{bits}"
    grid = _NAMES.get((form.log2_w, form.log2_h))
    if form.family == "yuv" and grid is not None:
        if form.alpha and grid == "444" and not bits:
            return "444alpha"
        if not form.alpha and (grid != "411" or not bits):
            return grid + (f"p{bits}" if bits else "jpeg" if grid == "420" else "")
    raise SettingsError(
        f"y4m cannot hold {form.bits}-bit {form.family}{' with alpha' * form.alpha}; use --format "
        "raw or nut"
    )
