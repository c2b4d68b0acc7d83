"""The network for one picture size as a list of native kernels over fixed arrays.

The same arithmetic as `features.py`, `gates.py`, `diffusion.py`, `trunk.py` and
`fusion.py`, whose results it has to equal bit for bit; tests hold it to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ctypes import addressof, byref
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Change, Fusion, Pixels
from vdiff_plugin.model.fusion import LEVEL_GAIN
from vdiff_plugin.model.native_layers import (
    growing_kernels,
    head_kernel,
    hidden_kernel,
    level_names,
)
from vdiff_plugin.model.presets import LEVELS, Preset
from vdiff_plugin.model.trunk import HEAD_CHANNELS
from vdiff_plugin.model.weights import Layer
from vdiff_plugin.native.arrays import ConvTask, Kernel, Tensor, conv_block, conv_task
from vdiff_plugin.native.library import ChangeInput, Diffusion, Ending, Kernels, StepKind
from vdiff_plugin.native.pictures import hold_picture
from vdiff_plugin.native.steps import Steps

_MEANS = 3
_COARSE = 8  # pixel differences that the gates see a quarter-size position
_GATES = 16  # 9 of them used
_PIXELS = 14  # detail 6, deviation 6, share 2


@dataclass(frozen=True)
class NativeLayers:
    """All layers of a network in the order of the kernels; shared by all sizes."""

    hidden: Mapping[str, Kernel]
    growing: Mapping[str, Mapping[tuple[int, int], Kernel]]
    head: Kernel

    @classmethod
    def of(cls, layers: Mapping[str, Layer], preset: Preset) -> NativeLayers:
        """Pack the layers of a weights file."""
        codes = {f"features.{preset.feature_layers - 1}", "gates.1"}
        signed = {names[-1] for level in _levels(preset) if (names := level_names(layers, level))}
        growing = {name for name in layers if name.endswith(".grow")}
        hidden = {
            name: hidden_kernel(
                layer, "code" if name in codes else "signed" if name in signed else "leaky"
            )
            for name, layer in layers.items()
            if name not in growing | {"head"}
        }
        grown = {name: growing_kernels(layers[name]) for name in growing}
        return cls(hidden, grown, head_kernel(layers["head"]))

    def level(self, name: str) -> list[Kernel]:
        """The layers of one level."""
        return [self.hidden[layer] for layer in level_names(self.hidden, name)]


def _levels(preset: Preset) -> list[str]:
    trunk = [f"trunk.{level}" for level in range(preset.levels)]
    return trunk + [f"detail.{level}" for level in range(preset.detail_levels)]


class FeaturePlan:
    """Features of one frame."""

    def __init__(self, layers: NativeLayers, preset: Preset, height: int, width: int) -> None:
        """Lay out arrays for pictures of `height` x `width` pixels."""
        self._size = (height, width)
        self._channels = preset.features
        self._input = Tensor.zeros(height // 4, width // 4, 24)
        self._tasks: list[ConvTask] = []
        x = self._input
        for layer in range(preset.feature_layers):
            out = Tensor.zeros(height // 4, width // 4, preset.features)
            self._tasks.append(conv_task(x, layers.hidden[f"features.{layer}"], out))
            x = out
        self._out = x

    def run(self, kernels: Kernels, pixels: Pixels) -> NDArray[np.uint8]:
        """(H/4, W/4, C)."""
        held = hold_picture(pixels.luma, pixels.chroma)
        kernels.feature_input(
            byref(held.picture), held.deep, pixels.scale, *self._size, *self._input.place
        )
        for task in self._tasks:
            kernels.conv(task.call)
        height, width = (size // 4 for size in self._size)
        features = np.empty((height, width, self._channels), np.uint8)
        kernels.narrow(*self._out.place, self._channels, height, width, features.ctypes.data)
        return features


class RestorePlan:
    """Gates, diffusion and trunk of one window."""

    def __init__(self, layers: NativeLayers, preset: Preset, height: int, width: int) -> None:
        """Lay out arrays for pictures of `height` x `width` pixels."""
        self._size = (height, width)
        self._preset = preset
        quarter = (height // 4, width // 4)
        self._told = np.zeros(LEVELS, np.float32)
        self._levels_at = preset.features + _COARSE
        self._change = Tensor.zeros(*quarter, preset.features + _COARSE + 2)
        self._gates = [Tensor.zeros(*quarter, _GATES) for _ in range(2 * preset.radius)]
        between = Tensor.zeros(*quarter, preset.gates)
        self._seen = ChangeInput(channels=preset.features, height=height, width=width)
        self._seen.out, self._seen.out_row, self._seen.out_pixel = self._change.place
        first = conv_task(self._change, layers.hidden["gates.0"], between)
        last = [conv_task(between, layers.hidden["gates.1"], gates) for gates in self._gates]
        self._gating = [self._gate_steps(first, each) for each in last]
        pixels = Tensor.zeros(height // 2, width // 2, _PIXELS)
        self._gain = np.empty((height + height // 2, width), np.int16)
        self._detail = np.empty_like(self._gain)
        trunk = _Trunk(layers, preset, pixels)
        self._extra = trunk.extra
        self._diffusion = self._diffusion_into(pixels)
        self._ending = Ending(diffusion=addressof(self._diffusion))
        self._ending.head, self._ending.head_row, self._ending.head_pixel = trunk.head.place
        self._restoring = Steps(height, width)
        self._restoring.add(StepKind.DIFFUSE, self._diffusion, height // 4)
        for task in trunk.tasks:
            self._restoring.add_conv(task)
        self._restoring.add(StepKind.FINISH, self._ending, height // 2, reads=trunk.head)

    def _gate_steps(self, first: ConvTask, last: ConvTask) -> Steps:
        steps = Steps(*self._size)
        steps.add(StepKind.CHANGE, self._seen, self._size[0] // 4)
        steps.add_conv(first)
        steps.add_conv(last)
        return steps

    def _diffusion_into(self, pixels: Tensor) -> Diffusion:
        height, width = self._size
        return Diffusion(
            gates_row=self._gates[0].row, gates_pixel=self._gates[0].pixel,
            channels=self._preset.features, height=height, width=width,
            pixels=pixels.address(), pixels_row=pixels.row, pixels_pixel=pixels.pixel,
            extra=self._extra.address(), extra_row=self._extra.row,
            extra_pixel=self._extra.pixel,
            gain=self._gain.ctypes.data, detail=self._detail.ctypes.data,
        )  # fmt: skip

    def run(self, kernels: Kernels, fusion: Fusion) -> Change:
        """See `Network.restore`."""
        height, width = self._size
        self._tell(fusion.levels)
        held = self._gate(kernels, fusion)
        luma = np.empty((height, width), np.float32)
        chroma = np.empty((height // 2, width // 2, 2), np.float32)
        self._ending.luma, self._ending.chroma = luma.ctypes.data, chroma.ctypes.data
        self._restoring.run(kernels)
        del held  # what the diffusion pointed to
        return Change(luma=luma, chroma=chroma)

    def _tell(self, levels: Sequence[float]) -> None:
        """Write noise and compression at every place; they hardly change between frames."""
        told = np.clip(np.rint(np.asarray(levels, np.float32) * LEVEL_GAIN), 0, 255)
        if np.array_equal(told, self._told):
            return
        self._told = told
        self._change.inside[..., self._levels_at : self._levels_at + 2] = told[:2]
        at = _MEANS + self._preset.features
        self._extra.inside[..., at : at + LEVELS] = told

    def _gate(self, kernels: Kernels, fusion: Fusion) -> list[Any]:
        """Make the gates of all neighbours that are there, and point to the window.

        Returns:
            What is pointed to.
        """
        centre = hold_picture(fusion.centre.luma, fusion.centre.chroma)
        own = np.ascontiguousarray(fusion.features)
        held: list[Any] = [centre, own]
        seen, diffusion = self._seen, self._diffusion
        for each in (seen, diffusion):
            each.centre, each.deep, each.scale = centre.picture, centre.deep, fusion.centre.scale
            each.features, each.features_row = own.ctypes.data, own.strides[0]
        there = [neighbour for neighbour in fusion.neighbours if neighbour is not None]
        for index, (pixels, features) in enumerate(there):
            other = hold_picture(pixels.luma, pixels.chroma)
            features = np.ascontiguousarray(features)
            held += [other, features]
            seen.other = other.picture
            seen.other_features, seen.other_features_row = features.ctypes.data, features.strides[0]
            self._gating[index].run(kernels)
            diffusion.others[index] = other.picture
            diffusion.gates[index] = self._gates[index].address()
            diffusion.other_features[index] = features.ctypes.data
            diffusion.other_features_row[index] = features.strides[0]
        diffusion.count = len(there)
        return held


class _Trunk:
    """Arrays and convolutions of `trunk.py`. Joined parts are written side by side."""

    def __init__(self, layers: NativeLayers, preset: Preset, pixels: Tensor) -> None:
        self._layers = layers
        self._preset = preset
        height, width, _ = pixels.inside.shape
        half, self._quarter = (height, width), (height // 2, width // 2)
        self.tasks: list[ConvTask] = []
        extra = _MEANS + preset.features + LEVELS
        detail, width = preset.detail_width, preset.width
        joined = Tensor.zeros(*half, 2 * detail)  # grown from below, then detail
        entered = Tensor.zeros(*self._quarter, width + extra)
        self.extra = entered.channel(width)
        self._conv("detail.in", pixels, joined.channel(detail))
        self._conv("trunk.enter", joined.channel(detail), entered, stride=2)
        x = self._new(width)
        self._conv("trunk.in", entered, x)
        x = self._levels("trunk", preset.levels, x)
        self._grow("detail.grow", x, joined)
        out = Tensor.zeros(*half, detail)
        self._conv("detail.join", joined, out)
        out = self._levels("detail", preset.detail_levels, out)
        self.head = Tensor.zeros(*half, HEAD_CHANNELS + 4)
        self.tasks.append(conv_task(out, layers.head, self.head))

    def _levels(self, part: str, count: int, x: Tensor) -> Tensor:
        """All levels of a part take three arrays by turns."""
        spare = [Tensor.zeros(*x.inside.shape) for _ in range(2 if count else 0)]
        for level in range(count):
            block = conv_block(x, self._layers.level(f"{part}.{level}"), spare)
            self.tasks += block.tasks
            x, spare = block.out, block.spare
        return x

    def _conv(self, name: str, source: Tensor, out: Tensor, stride: int = 1) -> None:
        self.tasks.append(conv_task(source, self._layers.hidden[name], out, stride=stride))

    def _grow(self, name: str, source: Tensor, out: Tensor) -> None:
        for place, kernel in self._layers.growing[name].items():
            self.tasks.append(conv_task(source, kernel, out, spread=place))

    def _new(self, channels: int) -> Tensor:
        return Tensor.zeros(*self._quarter, channels)
