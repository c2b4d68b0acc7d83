"""Network sizes: what a preset name stands for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from vdiff_plugin.errors import UnknownNameError

STRIDE = 16  # frames are padded to multiples of this
LEVELS = 3  # noise of luma, noise of chroma, error of compression
PIXEL_CHANNELS = 6  # four luma phases and two chroma samples per half-size position


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One network size: `shapes.arithmetic` tells its cost. Widths are channels.

    A preset's name fixes widths. Depths are what training begins with: a weights file has
    the levels that its layers tell (`built_as`).
    """

    name: str
    radius: int  # neighbours on each side
    features: int  # channels of the cached features, at quarter size
    feature_layers: int  # convolutions that make them, at least 1
    gates: int  # width of the gate network
    width: int  # trunk channels at quarter size
    levels: int  # of the trunk; each has a skip over all of it
    depth: int  # convolutions in a level
    detail_width: int  # channels at half size
    # At half size, after what the trunk found is joined with the detail. Not in the text that
    # fingerprints of weights are made of: files of before there were such levels keep theirs.
    detail_levels: int = field(repr=False)
    finest_scale: int  # of the optical flow: 2 is quick, 1 is exact
    halo: int  # at least `reach`; still part of what weights files name

    @property
    def reach(self) -> int:
        """Pixels beyond which nothing influences an output pixel, up to a multiple of 16.

        In quarter-size positions: two convolutions of the gates, one and those of the
        levels in the trunk, and one each that those at half size come to on both sides;
        two convolutions of the levels at half size reach as far as one at quarter size.
        """
        quarters = 2 + 1 + self.levels * self.depth + 2
        quarters += -(-self.detail_levels * self.depth // 2)
        return -(-4 * quarters // STRIDE) * STRIDE

    def built_as(self, layers: Iterable[str]) -> Preset:
        """The same with as many levels as `layers`, names such as `trunk.0.1`, have."""
        levels = {tuple(name.split(".")[:2]) for name in layers if name.count(".") == 2}
        parts = [part for part, _ in levels]
        return replace(self, levels=parts.count("trunk"), detail_levels=parts.count("detail"))


_PRESETS = (
    Preset(
        name="fast", radius=2, features=16, feature_layers=2, gates=16,
        width=32, levels=1, depth=2, detail_width=16, detail_levels=0,
        finest_scale=2, halo=64,
    ),
    Preset(
        name="quality", radius=2, features=32, feature_layers=2, gates=32,
        width=64, levels=3, depth=2, detail_width=32, detail_levels=1,
        finest_scale=1, halo=64,
    ),
)  # fmt: skip

PRESETS = {preset.name: preset for preset in _PRESETS}


@dataclass(frozen=True, kw_only=True)
class UpscalerPreset:
    """The size of a network that doubles pictures. Widths are channels at half size."""

    name: str
    width: int
    blocks: int  # each has a skip over all of it
    depth: int  # convolutions in a block

    @property
    def reach(self) -> int:
        """Pixels of the small picture beyond which nothing influences an output pixel."""
        return 2 * (2 + self.blocks * self.depth)


_UPSCALERS = (
    UpscalerPreset(name="fast", width=32, blocks=1, depth=3),
    UpscalerPreset(name="quality", width=48, blocks=2, depth=3),
)

UPSCALERS = {preset.name: preset for preset in _UPSCALERS}
UPSCALING = "upscale2x"  # the task whose networks are upscalers

Architecture = Preset | UpscalerPreset


def architecture_of(task: str, name: str) -> Architecture:
    """The network of `task` in size `name`. Raises UnknownNameError."""
    if task != UPSCALING:
        return preset_named(name)
    if name not in UPSCALERS:
        raise UnknownNameError("preset", name, UPSCALERS)
    return UPSCALERS[name]


def preset_named(name: str) -> Preset:
    """The preset called `name`. Raises UnknownNameError."""
    try:
        return PRESETS[name]
    except KeyError:
        raise UnknownNameError("preset", name, PRESETS) from None
