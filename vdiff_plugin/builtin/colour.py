"""The `colour` stage: what an editor keeps beside a restoration.

Brightness, contrast and gamma act on luma, saturation and hue on chroma, in this order,
as in ffmpeg's `eq` and `hue`. RGB gets the same picture as its Y'CbCr form would: luma's
change is added to R, G and B, and chroma is turned between matrices. Alpha is untouched,
and so is every plane on which the options do nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vdiff_plugin.builtin.matrix import chroma_codes, from_rgb, luma_codes, mix, to_rgb, units
from vdiff_plugin.contracts import Services
from vdiff_plugin.frame import ClipInfo, Frame, Plane, Window
from vdiff_plugin.options import Options
from vdiff_plugin.settings import Settings

Samples = NDArray[np.float32]


class ColourOptions(Options):
    """Options of the stage; the defaults change nothing."""

    brightness: float = Field(0.0, ge=-1, le=1, description="added to luma, 1 is black to white")
    contrast: float = Field(1.0, ge=0, le=4, description="slope of luma about mid-grey")
    gamma: float = Field(1.0, ge=0.1, le=10, description="luma to the power of 1/gamma")
    saturation: float = Field(1.0, ge=0, le=4, description="distance of colours from grey")
    hue: float = Field(0.0, ge=-180, le=180, description="turn of the colours in degrees")

    @property
    def keeps_luma(self) -> bool:
        """True where luma comes out as it went in."""
        return self.brightness == 0 and self.contrast == 1 and self.gamma == 1

    @property
    def keeps_chroma(self) -> bool:
        """True where chroma comes out as it went in."""
        return self.saturation == 1 and self.hue == 0

    def grade_luma(self, luma: Samples) -> Samples:
        """New luma of `luma`, both nominally 0..1. Below black, gamma mirrors."""
        half = np.float32(0.5)
        graded = (luma - half) * np.float32(self.contrast) + half + np.float32(self.brightness)
        if self.gamma == 1:
            return graded
        return np.sign(graded) * np.abs(graded) ** np.float32(1 / self.gamma)

    def grade_chroma(self, first: Any, second: Any) -> tuple[Any, Any]:
        """Both chroma planes, centred on 0, turned by `hue` and scaled by `saturation`."""
        angle = math.radians(self.hue)
        along, across = self.saturation * math.cos(angle), self.saturation * math.sin(angle)
        return along * first - across * second, across * first + along * second


class ColourStage:
    """Grades every frame by itself."""

    radius = 0

    def __init__(self, clip: ClipInfo, options: ColourOptions) -> None:
        """Grade frames of `clip` by `options`."""
        self.clip = clip
        self._options = options

    @property
    def fingerprint(self) -> bytes:
        """See `Stage.fingerprint`."""
        return f"colour/1 {self._options!r}".encode()

    def render(self, window: Window) -> Frame:
        """Frame n, graded; the same object where the options do nothing."""
        planes = window.centre.planes
        if self._options.keeps_luma and self._options.keeps_chroma:
            return window.centre
        if self.clip.format.family == "rgb":
            return Frame((*self._grade_rgb(planes[:3]), *planes[3:]))
        if self.clip.format.family == "gray":
            return Frame((self._grade_luma(planes[0]), *planes[1:]))
        return Frame((self._grade_luma(planes[0]), *self._grade_chroma(*planes[1:3]), *planes[3:]))

    def close(self) -> None:
        """Nothing to let go of."""

    def _grade_luma(self, plane: NDArray[Any]) -> Plane:
        if self._options.keeps_luma:
            return plane
        if self.clip.format.is_float:
            return self._options.grade_luma(np.ascontiguousarray(plane))
        table: Any = self._luma_table
        return np.take(table, plane, mode="clip")

    @cached_property
    def _luma_table(self) -> Plane:
        """The new code value of every code value of integer samples."""
        codes = np.arange(self.clip.format.peak + 1, dtype=np.float32)
        span = luma_codes(self.clip)
        return self._codes(self._options.grade_luma(units(codes, span)), span)

    def _grade_chroma(self, first: Plane, second: Plane) -> tuple[Plane, Plane]:
        if self._options.keeps_chroma:
            return first, second
        span = chroma_codes(self.clip)
        graded = self._options.grade_chroma(units(first, span), units(second, span))
        return self._codes(graded[0], span), self._codes(graded[1], span)

    def _grade_rgb(self, planes: tuple[Plane, ...]) -> list[Plane]:
        span = luma_codes(self.clip)
        red, green, blue = (units(plane, span) for plane in planes)
        luma, *colours = mix(self._rgb_weights, (red, green, blue))
        graded = luma if self._options.keeps_luma else self._options.grade_luma(luma)
        return [self._codes(np.add(graded, colour, out=colour), span) for colour in colours]

    @cached_property
    def _rgb_weights(self) -> NDArray[np.float64]:
        """(4, 3): from R, G, B to luma, and to what graded chroma adds to it in R, G, B."""
        forward, back = from_rgb(self.clip.matrix), to_rgb(self.clip.matrix)
        turned = np.stack(self._options.grade_chroma(*np.eye(2)))
        return np.vstack([forward[0], back[:, 1:] @ turned @ forward[1:]])

    def _codes(self, samples: Samples, codes: tuple[float, float]) -> Plane:
        """Samples of the clip's type: rounded and within 0..peak where they are integers."""
        zero, span = codes
        values: Any = samples * np.float32(span)
        values += np.float32(zero)
        if self.clip.format.is_float:
            return values  # type: ignore[no-any-return]
        np.rint(values, out=values)
        np.clip(values, 0, self.clip.format.peak, out=values)
        return values.astype(self.clip.format.dtype)  # type: ignore[no-any-return]


def open_stage(
    clip: ClipInfo,
    settings: Settings,  # noqa: ARG001  every stage gets them
    options: Mapping[str, str],
    services: Services,  # noqa: ARG001
) -> ColourStage:
    """Open the stage. Raises SettingsError for options it does not have or take."""
    return ColourStage(clip, ColourOptions.read("stage colour", options))
