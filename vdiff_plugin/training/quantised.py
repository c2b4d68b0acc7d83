"""The network's operations while it learns: rounding that lets gradients through."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops as k
from numpy.typing import NDArray

from vdiff_plugin.model.keras_ops import KerasOps
from vdiff_plugin.model.ops import WEIGHT_PEAK, Activation, Tensor, activate
from vdiff_plugin.model.weights import Layer, quantise_kernel

# Variance of a new kernel, times its inputs. 2 keeps activations at one size from layer to
# layer (K. He et al., ICCV 2015); sums that are added to something start as nearly nothing.
_GAINS: dict[Activation, float] = {
    "leaky": 2.0,
    "code": 2.0,
    "signed": 1e-2,
    "none": 1e-4,
}
_BIAS_UNIT = 32.0  # codes per unit of the trained bias, so that Adam moves it fast enough

_LIVELINESS = 0.01  # weight of the loss on sleeping channels, a layer
_LIVELY = 6.0  # codes of deviation that are enough
_SOME = 2


class TrainingOps(KerasOps):
    """`Ops` with trainable kernels; forward results equal those of inference.

    Rounding and clipping use the straight-through estimator (Y. Bengio et al., 2013,
    arXiv:1308.3432).
    """

    def __init__(self) -> None:
        """Start without layers; each is made when the network first asks for it."""
        self.layers: dict[str, QuantisedConv] = {}

    def conv(
        self,
        x: Tensor,
        name: str,
        filters: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        activation: Activation = "leaky",
    ) -> Tensor:
        """See `Ops.conv`."""
        if name not in self.layers:
            self.layers[name] = QuantisedConv(
                filters, kernel, stride, gain=_GAINS[activation], name=name.replace(".", "_")
            )
        x = self.layers[name](x)
        if activation == "leaky":
            x = Liveliness()(x)
        return activate(self, x, activation)

    def quantise(self, x: Tensor, low: float, high: float, steps: int = 1) -> Tensor:
        """See `Ops.quantise`."""
        hard = super().quantise(k.stop_gradient(x), low, high, steps)
        soft = Clip(low, high)(x)
        return soft + k.stop_gradient(hard - soft)


class Liveliness(keras.layers.Layer):
    """Passes on what it gets, with a small loss on channels that have fallen asleep.

    Below zero a unit answers eight times as weakly, and after rounding to whole codes
    hardly at all, so that it gets next to no gradient and stays there. A deep network
    once lost nearly all units of its lower half in that way. The loss asks that each
    channel's mean lies no more than its deviation below zero, and that it varies by
    more than the rounding does.
    """

    def call(self, x: Tensor) -> Tensor:
        """See the class."""
        some = x[:_SOME]  # of the batch; looking at all of it took as long as the step
        mean = k.mean(some, axis=(0, 1, 2))
        deviation = k.sqrt(k.mean(k.square(some - mean), axis=(0, 1, 2)) + 1e-3)
        asleep = k.relu(-mean - deviation) / _LIVELY + k.relu(1.0 - deviation / _LIVELY)
        self.add_loss(_LIVELINESS * k.mean(asleep))
        return x

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape that came in."""
        return shape


class Clip(keras.layers.Layer):
    """Clips, and outside its range lets only those gradients through that lead back in.

    Without them a unit that fell out of its range would be lost; with all of them it
    would drift ever further, as its output no longer answers.
    """

    def __init__(self, low: float, high: float, **kwargs: Any) -> None:
        """Clip to low..high."""
        super().__init__(**kwargs)
        self.low = low
        self.high = high

    def call(self, x: Tensor) -> Tensor:
        """See the class."""

        @k.custom_gradient  # type: ignore[untyped-decorator]
        def clip(x: Tensor) -> tuple[Tensor, Any]:
            def gradient(*args: Any, upstream: Any = None) -> Tensor:
                slope = args[0] if upstream is None else upstream
                blocked = ((x < self.low) & (slope > 0)) | ((x > self.high) & (slope < 0))
                return k.where(blocked, 0.0, slope)

            return k.clip(x, self.low, self.high), gradient

        return clip(x)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape that came in."""
        return shape


class QuantisedConv(keras.layers.Layer):
    """A convolution whose kernel is rounded to 8-bit integers times a power of two."""

    def __init__(
        self, filters: int, kernel: int, stride: int, *, gain: float, **kwargs: Any
    ) -> None:
        """See `Ops.conv`; `gain` scales the first kernel's variance."""
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel
        self.stride = stride
        self.gain = gain

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Make kernel and bias."""
        channels = int(shape[-1] or 0)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, channels, self.filters),
            initializer=keras.initializers.VarianceScaling(self.gain, "fan_in", "truncated_normal"),
        )
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, x: Tensor) -> Tensor:
        """Convolve with the rounded kernel."""
        kernel, step = _rounded_kernel(self.kernel)
        bias = _through(self.bias * _BIAS_UNIT, k.round(self.bias * _BIAS_UNIT / step) * step)
        return k.conv(x, kernel, self.stride, padding="same") + bias

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(batch, h / stride, w / stride, filters)."""
        sides = (None if size is None else size // self.stride for size in shape[1:3])
        return (shape[0], *sides, self.filters)

    def frozen(self) -> Layer:
        """The integers that inference uses."""
        kernel = np.asarray(k.convert_to_numpy(self.kernel))
        integers, shift = quantise_kernel(kernel)
        return Layer(integers, shift, _frozen_bias(k.convert_to_numpy(self.bias), shift))

    def thaw(self, layer: Layer) -> None:
        """Start from trained integers."""
        kernel, bias = layer.real
        self.kernel.assign(kernel)
        self.bias.assign(bias / _BIAS_UNIT)


def _frozen_bias(bias: NDArray[Any], shift: NDArray[np.int8]) -> NDArray[np.int32]:
    scaled = np.ldexp(bias.astype(np.float32) * np.float32(_BIAS_UNIT), shift.astype(np.int32))
    return np.asarray(np.rint(scaled), np.int32)


def _rounded_kernel(kernel: Tensor) -> tuple[Tensor, Tensor]:
    peak = k.maximum(k.max(k.absolute(k.stop_gradient(kernel)), axis=(0, 1, 2)), 2.0**-20)
    shift = k.cast(k.clip(-k.ceil(k.log2(peak / WEIGHT_PEAK)), 0, 30), "int32")
    step = 1.0 / k.cast(k.left_shift(k.ones_like(shift), shift), "float32")  # exp2 is inexact
    return _through(kernel, k.round(kernel / step) * step), step


def _through(soft: Tensor, hard: Tensor) -> Tensor:
    return soft + k.stop_gradient(hard - soft)
