"""The network's operations in Keras 3, for any of its backends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops as k

from vdiff_plugin.model.ops import Activation, Tensor, activate
from vdiff_plugin.model.weights import Layer


class KerasOps:
    """All of `Ops` but the convolution."""

    def concat(self, parts: Sequence[Tensor]) -> Tensor:
        """See `Ops.concat`."""
        return k.concatenate(list(parts), axis=-1)

    def split(self, x: Tensor, sizes: Sequence[int]) -> list[Tensor]:
        """See `Ops.split`."""
        ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
        return [x[..., end - size : end] for size, end in zip(sizes, ends, strict=True)]

    def stack(self, parts: Sequence[Tensor]) -> Tensor:
        """See `Ops.stack`."""
        return k.concatenate(list(parts), axis=0)

    def unstack(self, x: Tensor, count: int) -> list[Tensor]:
        """See `Ops.unstack`."""
        return list(k.split(x, count, axis=0))

    def space_to_depth(self, x: Tensor, block: int) -> Tensor:
        """See `Ops.space_to_depth`."""
        return k.space_to_depth(x, block, data_format="channels_last")

    def depth_to_space(self, x: Tensor, block: int) -> Tensor:
        """See `Ops.depth_to_space`."""
        return k.depth_to_space(x, block, data_format="channels_last")

    def quantise(self, x: Tensor, low: float, high: float, steps: int = 1) -> Tensor:
        """See `Ops.quantise`."""
        if steps == 1:
            return k.clip(k.round(x), low, high)
        return k.clip(k.round(x * float(steps)) * (1.0 / steps), low, high)

    def maximum(self, x: Tensor, y: Tensor) -> Tensor:
        """See `Ops.maximum`."""
        return k.maximum(x, y)

    def absolute(self, x: Tensor) -> Tensor:
        """See `Ops.absolute`."""
        return k.absolute(x)

    def mean_channels(self, x: Tensor) -> Tensor:
        """See `Ops.mean_channels`."""
        return k.sum(x, axis=-1, keepdims=True) * (1.0 / x.shape[-1])

    def spread(self, x: Tensor, like: Tensor) -> Tensor:
        """See `Ops.spread`."""
        return x * k.ones_like(like[..., :1])


class InferenceOps(KerasOps):
    """Convolutions with fixed integer weights."""

    def __init__(self, layers: Mapping[str, Layer], dtype: str = "float32") -> None:
        """Hold the weights.

        Args:
            layers: of one network.
            dtype: of the convolutions, float32 or bfloat16; both hold codes and
                weights exactly, so only float32 sums are kept in the last layer.
        """
        self._layers = layers
        self._dtype = dtype

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
        del filters, kernel
        weights, bias = self._layers[name].real
        dtype = "float32" if activation == "none" else self._dtype
        x = k.conv(k.cast(x, dtype), _constant(weights, dtype), stride, padding="same")
        x = x + _constant(bias, dtype)
        return k.cast(activate(self, x, activation), "float32")


def _constant(array: Any, dtype: str) -> Tensor:
    return k.convert_to_tensor(array, dtype=dtype)


def backend_name() -> str:
    """The library under Keras: tensorflow, jax or torch."""
    return str(keras.backend.backend())
