"""The network's operations in plain NumPy: slow, and the reference for every backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.model.ops import Activation, activate
from vdiff_plugin.model.weights import Layer

Array = NDArray[np.float32]


class NumpyOps:
    """Implements `Ops` on float32 arrays."""

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        """Take the weights of one network."""
        self._layers = layers

    def conv(
        self,
        x: Array,
        name: str,
        filters: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        activation: Activation = "leaky",
    ) -> Array:
        """See `Ops.conv`."""
        weights, bias = self._layers[name].real
        assert weights.shape == (kernel, kernel, x.shape[-1], filters)
        patches = _patches(x, kernel, stride)
        total: Array = patches @ weights.reshape(-1, filters) + bias
        out: Array = activate(self, total, activation)
        return out

    def concat(self, parts: Sequence[Array]) -> Array:
        """See `Ops.concat`."""
        return np.concatenate(parts, axis=-1)

    def split(self, x: Array, sizes: Sequence[int]) -> list[Array]:
        """See `Ops.split`."""
        return np.split(x, np.cumsum(sizes)[:-1], axis=-1)

    def stack(self, parts: Sequence[Array]) -> Array:
        """See `Ops.stack`."""
        return np.concatenate(parts, axis=0)

    def unstack(self, x: Array, count: int) -> list[Array]:
        """See `Ops.unstack`."""
        return np.split(x, count, axis=0)

    def space_to_depth(self, x: Array, block: int) -> Array:
        """See `Ops.space_to_depth`."""
        n, h, w, c = x.shape
        x = x.reshape(n, h // block, block, w // block, block, c).transpose(0, 1, 3, 2, 4, 5)
        return x.reshape(n, h // block, w // block, block * block * c)

    def depth_to_space(self, x: Array, block: int) -> Array:
        """See `Ops.depth_to_space`."""
        n, h, w, c = x.shape
        x = x.reshape(n, h, w, block, block, c // block**2).transpose(0, 1, 3, 2, 4, 5)
        return x.reshape(n, h * block, w * block, c // block**2)

    def quantise(self, x: Array, low: float, high: float, steps: int = 1) -> Array:
        """See `Ops.quantise`."""
        scaled = x if steps == 1 else x * np.float32(steps)
        return np.clip(np.rint(scaled) * np.float32(1 / steps), low, high).astype(np.float32)

    def maximum(self, x: Array, y: Array) -> Array:
        """See `Ops.maximum`."""
        return np.maximum(x, y)

    def absolute(self, x: Array) -> Array:
        """See `Ops.absolute`."""
        return np.abs(x)

    def mean_channels(self, x: Array) -> Array:
        """See `Ops.mean_channels`."""
        return x.sum(axis=-1, keepdims=True) * np.float32(1 / x.shape[-1])

    def spread(self, x: Array, like: Array) -> Array:
        """See `Ops.spread`."""
        return np.broadcast_to(x, (*like.shape[:3], x.shape[-1])).astype(np.float32)


def _patches(x: Array, kernel: int, stride: int) -> Array:
    """(n, h, w, c) -> (n, h/stride, w/stride, kernel*kernel*c), zero outside."""
    before = (kernel - stride) // 2 if kernel > stride else 0
    after = kernel - stride - before if kernel > stride else 0
    padded = np.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    view = view[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)
    return np.ascontiguousarray(view).reshape(*view.shape[:3], -1)
