"""Network sizes: what a preset name stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vdiff_plugin.errors import UnknownNameError

STRIDE = 16  # frames are padded to multiples of this
PIXEL_CHANNELS = 6  # four luma phases and two chroma samples per half-size position


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One network size. Widths are channels, multiples of 8."""

    name: str
    radius: int  # neighbours on each side
    features: int  # channels of the cached features, at quarter size
    feature_layers: int  # convolutions that make them, at least 1
    gates: int  # width of the gate network
    trunk: Literal["flat", "pyramid"]
    width: int  # trunk channels at quarter size
    deep_width: int = 0  # trunk channels at eighth size (pyramid)
    detail_width: int = 0  # channels of the half-size detail layer (pyramid)
    depth: int  # convolutions of the flat trunk, or at each level of the pyramid
    finest_scale: int  # of the optical flow: 2 is quick, 1 is exact
    halo: int  # pixels beyond which nothing influences an output pixel; multiple of 16


_PRESETS = (
    Preset(
        name="fast", radius=2, features=16, feature_layers=2, gates=16,
        trunk="flat", width=32, depth=3, finest_scale=2, halo=64,
    ),
    Preset(
        name="quality", radius=2, features=32, feature_layers=2, gates=24,
        trunk="pyramid", width=48, deep_width=80, detail_width=24, depth=2,
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
