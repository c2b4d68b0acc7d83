"""HDR10 metadata: read from libav's structures, said in each encoder's own words.

libav's encoders take it from a field that PyAV cannot fill, so it goes in as encoder
options; containers take it from the stream's parameters, see `template`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

MASTERING = "mastering_display_metadata"
LIGHT = "content_light_level"

_MASTERING = struct.Struct("=20i2i")  # ten rationals, then which of them are known
_LIGHT = struct.Struct("=2I")


@dataclass(frozen=True, kw_only=True)
class Mastering:
    """The display that a film was mastered on.

    Attributes:
        red, green, blue, white: CIE 1931 x and y.
        darkest, brightest: in candela a square metre.
    """

    red: tuple[Fraction, Fraction]
    green: tuple[Fraction, Fraction]
    blue: tuple[Fraction, Fraction]
    white: tuple[Fraction, Fraction]
    darkest: Fraction
    brightest: Fraction

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """From an AVMasteringDisplayMetadata; None where it is incomplete."""
        numbers = _MASTERING.unpack_from(data)
        pairs = list(zip(numbers[:20:2], numbers[1:20:2], strict=True))
        if not (numbers[20] and numbers[21] and all(den for _, den in pairs)):
            return None
        known = [Fraction(num, den) for num, den in pairs]
        return cls(
            red=(known[0], known[1]),
            green=(known[2], known[3]),
            blue=(known[4], known[5]),
            white=(known[6], known[7]),
            darkest=known[8],
            brightest=known[9],
        )

    def in_units(self) -> str:
        """As x264 and x265 write it, in steps of 0.00002 and of 0.0001 cd/m2."""
        points = {"G": self.green, "B": self.blue, "R": self.red, "WP": self.white}
        parts = [f"{k}({round(x * 50000)},{round(y * 50000)})" for k, (x, y) in points.items()]
        return "".join(parts) + f"L({round(self.brightest * 10000)},{round(self.darkest * 10000)})"

    def in_decimals(self) -> str:
        """As SVT-AV1 writes it."""
        points = {"G": self.green, "B": self.blue, "R": self.red, "WP": self.white}
        parts = [f"{k}({float(x):.6f},{float(y):.6f})" for k, (x, y) in points.items()]
        return "".join(parts) + f"L({float(self.brightest):.4f},{float(self.darkest):.4f})"


@dataclass(frozen=True, kw_only=True)
class Hdr:
    """What a stream says of its HDR picture.

    Attributes:
        mastering: the mastering display, if known.
        light: brightest pixel and brightest frame average in cd/m2, if known.
    """

    mastering: Mastering | None = None
    light: tuple[int, int] | None = None

    @classmethod
    def of(cls, side_data: Mapping[str, bytes]) -> Self:
        """From a stream's side data."""
        mastering, light = side_data.get(MASTERING), side_data.get(LIGHT)
        return cls(
            mastering=Mastering.parse(mastering) if mastering else None,
            light=_LIGHT.unpack_from(light) if light else None,
        )

    def __bool__(self) -> bool:
        return self.mastering is not None or self.light is not None

    def parameters(self, codec: str) -> dict[str, str]:
        """What to add to the codec's own `-params` option so that its stream says it too."""
        if not self:
            return {}
        light = ",".join(map(str, self.light)) if self.light else None
        exact = self.mastering.in_units() if self.mastering else None
        decimal = self.mastering.in_decimals() if self.mastering else None
        names: dict[str, dict[str, str | None]] = {
            "libx264": {"mastering-display": exact, "cll": light},
            "libx265": {"hdr10": "1", "master-display": exact, "max-cll": light},
            "libsvtav1": {"mastering-display": decimal, "content-light": light},
        }
        return {name: text for name, text in names.get(codec, {}).items() if text}
