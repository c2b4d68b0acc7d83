"""The upscaling network for one picture size as a list of native kernels.

The same arithmetic as `upscaler.py`, whose results it has to equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ctypes import byref
from dataclasses import dataclass

import numpy as np

from vdiff_plugin.contracts import Change, Doubling
from vdiff_plugin.model.fusion import LEVEL_GAIN
from vdiff_plugin.model.native_layers import fraction_kernel, hidden_kernel, level_names
from vdiff_plugin.model.presets import LEVELS, UpscalerPreset
from vdiff_plugin.model.upscaler import OUT_CHANNELS
from vdiff_plugin.model.weights import Layer
from vdiff_plugin.native.arrays import Kernel, Tensor, conv_block, conv_task
from vdiff_plugin.native.library import Kernels
from vdiff_plugin.native.pictures import hold_picture
from vdiff_plugin.native.steps import Steps

_PICTURE = 13  # channels: four differences and the mean of luma, U, V; six taken away


@dataclass(frozen=True)
class UpscaleLayers:
    """All layers in the order of the kernels; shared by all sizes."""

    first: Kernel
    blocks: Sequence[Sequence[Kernel]]
    head: Kernel

    @classmethod
    def of(cls, layers: Mapping[str, Layer], preset: UpscalerPreset) -> UpscaleLayers:
        """Pack the layers of a weights file."""
        names = [level_names(layers, f"up.{block}") for block in range(preset.blocks)]
        blocks = [
            [
                *(hidden_kernel(layers[name]) for name in block[:-1]),
                hidden_kernel(layers[block[-1]], "signed"),
            ]
            for block in names
        ]
        return cls(hidden_kernel(layers["up.in"]), blocks, fraction_kernel(layers["up.out"]))


class UpscalePlan:
    """One picture."""

    def __init__(
        self, layers: UpscaleLayers, preset: UpscalerPreset, height: int, width: int
    ) -> None:
        """Lay out arrays for pictures of `height` x `width` pixels."""
        self._size = (height, width)
        half = (height // 2, width // 2)
        self._input = Tensor.zeros(*half, _PICTURE + LEVELS)
        spare = [Tensor.zeros(*half, preset.width) for _ in range(2)]
        x = Tensor.zeros(*half, preset.width)
        tasks = [conv_task(self._input, layers.first, x)]
        for kernels in layers.blocks:
            block = conv_block(x, kernels, spare)
            tasks += block.tasks
            x, spare = block.out, block.spare
        self._head = Tensor.zeros(*half, OUT_CHANNELS)
        tasks.append(conv_task(x, layers.head, self._head))
        self._steps = Steps(height, width)
        for task in tasks:
            self._steps.add_conv(task)

    def run(self, kernels: Kernels, doubling: Doubling) -> Change:
        """See `Upscaler.upscale`."""
        height, width = self._size
        codes = np.clip(np.rint(np.asarray(doubling.levels, np.float32) * LEVEL_GAIN), 0, 255)
        self._input.inside[..., _PICTURE : _PICTURE + LEVELS] = codes
        held = [
            (hold_picture(each.luma, each.chroma), each.scale)
            for each in (doubling.restored, doubling.source)
        ]
        pictures = [
            part for each, scale in held for part in (byref(each.picture), each.deep, scale)
        ]
        kernels.upscale_input(*pictures, *self._size, *self._input.place)
        self._steps.run(kernels)
        luma = np.empty((2 * height, 2 * width), np.float32)
        chroma = np.empty((height, width, 2), np.float32)
        kernels.upscale_change(*self._head.place, *self._size, luma.ctypes.data, chroma.ctypes.data)
        return Change(luma=luma, chroma=chroma)
