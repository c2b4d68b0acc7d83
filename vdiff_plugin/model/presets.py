"""Network sizes: what a preset name stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vdiff_plugin.errors import UnknownNameError

STRIDE = 16  # frames are padded to multiples of this
LEVELS = 3  # noise of luma, noise of chroma, error of compression
PIXEL_CHANNELS = 6  # four luma phases and two chroma samples per half-size position


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One network size: `shapes.arithmetic` tells its cost. Widths are channels."""

    name: str
    radius: int  # neighbours on each side
    features: int  # channels of the cached features, at quarter size
    feature_layers: int  # convolutions that make them, at least 1
    gates: int  # width of the gate network
    trunk: Literal["shallow", "deep"]
    width: int  # trunk channels at quarter size
    deep_width: int = 0  # trunk channels at eighth size (deep)
    detail_width: int  # channels at half size
    depth: int  # convolutions at each size
    finest_scale: int  # of the optical flow: 2 is quick, 1 is exact
    halo: int  # pixels beyond which nothing influences an output pixel; multiple of 16


_PRESETS = (
    Preset(
        name="fast", radius=2, features=16, feature_layers=2, gates=16,
        trunk="shallow", width=32, detail_width=16, depth=2,
        finest_scale=2, halo=64,
    ),
    Preset(
        name="quality", radius=2, features=32, feature_layers=2, gates=24,
        trunk="deep", width=48, deep_width=80, detail_width=24, depth=2,
        finest_scale=1, halo=96,
    ),
)  # fmt: skip

PRESETS = {preset.name: preset for preset in _PRESETS}


def preset_named(name: str) -> Preset:
    """The preset called `name`. Raises UnknownNameError."""
    try:
        return PRESETS[name]
    except KeyError:
        raise UnknownNameError("preset", name, PRESETS) from None
