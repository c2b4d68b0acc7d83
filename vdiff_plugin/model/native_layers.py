"""A network's layers as the native kernels take them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from vdiff_plugin.model.diffusion import FRACTION
from vdiff_plugin.model.fusion import SHRINK_STEPS, SHRINK_UNIT
from vdiff_plugin.model.ops import CODE_PEAK, LEAK, LEAKY_RANGE, Activation
from vdiff_plugin.model.presets import PIXEL_CHANNELS
from vdiff_plugin.model.weights import Layer
from vdiff_plugin.native.arrays import Kernel, pack_kernel

_RANGES: dict[Activation, tuple[int, int]] = {
    "leaky": LEAKY_RANGE,
    "code": (0, CODE_PEAK),
    "signed": (-CODE_PEAK, CODE_PEAK),
}


def hidden_kernel(layer: Layer, activation: Activation = "leaky") -> Kernel:
    """A convolution inside the network."""
    low, high = _RANGES[activation]
    filters = len(layer.bias)
    return pack_kernel(
        layer.kernel,
        layer.bias,
        _units(layer),
        low=[low] * filters,
        high=[high] * filters,
        leak=LEAK if activation == "leaky" else 1.0,
    )


def growing_kernels(layer: Layer) -> dict[tuple[int, int], Kernel]:
    """A 1x1 convolution before `depth_to_space`: a kernel for each place of a 2x2 block."""
    count = len(layer.bias) // 4
    parts = [slice(i * count, (i + 1) * count) for i in range(4)]
    return {
        divmod(i, 2): hidden_kernel(
            Layer(layer.kernel[..., part], layer.shift[part], layer.bias[part])
        )
        for i, part in enumerate(parts)
    }


def head_kernel(layer: Layer) -> Kernel:
    """The last convolution: residuals in 1/64 codes, then shrinkages in 1/256."""
    gains = np.repeat(
        [np.float32(FRACTION), np.float32(SHRINK_STEPS * SHRINK_UNIT)], PIXEL_CHANNELS
    )
    residual, shrink = (-CODE_PEAK * FRACTION, CODE_PEAK * FRACTION), (0, SHRINK_STEPS)
    return pack_kernel(
        layer.kernel,
        layer.bias,
        _units(layer) * gains,
        low=[residual[0]] * PIXEL_CHANNELS + [shrink[0]] * PIXEL_CHANNELS,
        high=[residual[1]] * PIXEL_CHANNELS + [shrink[1]] * PIXEL_CHANNELS,
        leak=1.0,
    )


def fraction_kernel(layer: Layer) -> Kernel:
    """A last convolution whose results are all in 1/64 codes."""
    filters = len(layer.bias)
    peak = CODE_PEAK * FRACTION
    return pack_kernel(
        layer.kernel,
        layer.bias,
        _units(layer) * np.float32(FRACTION),
        low=[-peak] * filters,
        high=[peak] * filters,
        leak=1.0,
    )


def _units(layer: Layer) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.ldexp(np.float32(1), -layer.shift.astype(np.int32)).astype(np.float32)


def level_names(layers: Iterable[str], level: str) -> list[str]:
    """The layers of one level of a trunk, in order."""
    return sorted(
        (name for name in layers if name.rpartition(".")[0] == level and name[-1].isdigit()),
        key=lambda name: int(name.rpartition(".")[2]),
    )
