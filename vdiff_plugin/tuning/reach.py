"""How far a tuning may take the weights from those that were trained on much footage."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops as k
from numpy.typing import NDArray

from vdiff_plugin.model.ops import Tensor
from vdiff_plugin.model.weights import Weights
from vdiff_plugin.training.network import TrainableNetwork

_LEEWAY = 0.05  # units of the bias, about six codes; some biases start at nothing
_KEPT = "features."  # scene cuts are told by features with a threshold measured on these


class WithinReach(keras.constraints.Constraint):
    """Keeps a variable in a ball around where it started."""

    def __init__(self, start: NDArray[np.float32], radius: float) -> None:
        """Allow an L2 distance of `radius`."""
        self._start = start
        self._radius = radius

    def __call__(self, value: Tensor) -> Tensor:
        """The nearest point within reach."""
        way = value - self._start
        distance = k.sqrt(k.sum(k.square(way)) + 1e-20)
        return self._start + way * k.minimum(1.0, self._radius / distance)


def hold(network: TrainableNetwork, reach: float) -> None:
    """Keep the features as they are, and every other layer within `reach` of its norm."""
    for name, layer in network.ops.layers.items():
        if name.startswith(_KEPT):
            layer.trainable = False
            continue
        for variable, leeway in ((layer.kernel, 0.0), (layer.bias, _LEEWAY)):
            start = np.array(k.convert_to_numpy(variable))
            variable.constraint = WithinReach(start, reach * float(np.linalg.norm(start)) + leeway)


def distance(start: Weights, end: Weights) -> float:
    """The longest way that a layer's kernel has gone, in units of its norm."""
    ways = []
    for name, layer in start.layers.items():
        before, after = layer.real[0], end.layers[name].real[0]
        ways.append(np.linalg.norm(after - before) / max(float(np.linalg.norm(before)), 1e-9))
    return float(max(ways))
