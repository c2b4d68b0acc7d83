"""The network's operations as an OpenVINO model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.model.graph import Planes, WindowTensors, features_graph, restore_graph
from vdiff_plugin.model.ops import Activation, activate
from vdiff_plugin.model.presets import Preset, UpscalerPreset
from vdiff_plugin.model.quiet import import_openvino
from vdiff_plugin.model.upscaler import upscale_graph
from vdiff_plugin.model.weights import Layer


class Value:
    """An OpenVINO output with arithmetic in float32: plain numbers would become doubles."""

    def __init__(self, output: Any) -> None:
        """Wrap a node or an output."""
        self.output = output

    def __add__(self, other: Any) -> Value:
        return Value(_opset().add(self.output, _operand(other)))

    def __sub__(self, other: Any) -> Value:
        return Value(_opset().subtract(self.output, _operand(other)))

    def __mul__(self, other: Any) -> Value:
        return Value(_opset().multiply(self.output, _operand(other)))

    def __truediv__(self, other: Any) -> Value:
        return Value(_opset().divide(self.output, _operand(other)))

    def __rtruediv__(self, other: Any) -> Value:
        return Value(_opset().divide(_operand(other), self.output))


class OpenVinoOps:
    """Implements `Ops` on `Value`, which run channels-first inside."""

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        """Take the weights of one network."""
        self._op = _opset()
        self._layers = layers

    def conv(
        self,
        x: Value,
        name: str,
        filters: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        activation: Activation = "leaky",
    ) -> Value:
        """See `Ops.conv`."""
        del filters
        weights, bias = self._layers[name].real
        before = (kernel - stride) // 2 if kernel > stride else 0
        after = kernel - stride - before if kernel > stride else 0
        out = self._op.convolution(
            x.output, np.ascontiguousarray(weights.transpose(3, 2, 0, 1)),
            [stride] * 2, [before] * 2, [after] * 2, [1, 1],
        )  # fmt: skip
        total = Value(self._op.add(out, bias[None, :, None, None]))
        activated: Value = activate(self, total, activation)
        return activated

    def concat(self, parts: Sequence[Value]) -> Value:
        """See `Ops.concat`."""
        return Value(self._op.concat([part.output for part in parts], 1))

    def split(self, x: Value, sizes: Sequence[int]) -> list[Value]:
        """See `Ops.split`."""
        node = self._op.variadic_split(x.output, np.int64(1), np.array(sizes, np.int64))
        return [Value(output) for output in node.outputs()]

    def stack(self, parts: Sequence[Value]) -> Value:
        """See `Ops.stack`."""
        return Value(self._op.concat([part.output for part in parts], 0))

    def unstack(self, x: Value, count: int) -> list[Value]:
        """See `Ops.unstack`."""
        node = self._op.split(x.output, np.int64(0), count)
        return [Value(output) for output in node.outputs()]

    def space_to_depth(self, x: Value, block: int) -> Value:
        """See `Ops.space_to_depth`."""
        return Value(self._op.space_to_depth(x.output, "blocks_first", block))

    def depth_to_space(self, x: Value, block: int) -> Value:
        """See `Ops.depth_to_space`."""
        return Value(self._op.depth_to_space(x.output, "blocks_first", block))

    def quantise(self, x: Value, low: float, high: float, steps: int = 1) -> Value:
        """See `Ops.quantise`."""
        scaled = x if steps == 1 else x * steps
        rounded = Value(self._op.round(scaled.output, "half_to_even"))
        units = rounded if steps == 1 else rounded * (1 / steps)
        return Value(self._op.clamp(units.output, float(low), float(high)))

    def maximum(self, x: Value, y: Value) -> Value:
        """See `Ops.maximum`."""
        return Value(self._op.maximum(x.output, y.output))

    def absolute(self, x: Value) -> Value:
        """See `Ops.absolute`."""
        return Value(self._op.abs(x.output))

    def mean_channels(self, x: Value) -> Value:
        """See `Ops.mean_channels`."""
        return Value(self._op.reduce_mean(x.output, np.array([1], np.int64), True))

    def spread(self, x: Value, like: Value) -> Value:
        """See `Ops.spread`."""
        shape = self._op.shape_of(like.output)
        sizes = self._op.gather(shape, np.array([0, 2, 3], np.int64), np.int64(0))
        target = self._op.concat(
            [
                self._op.gather(sizes, np.array([0], np.int64), np.int64(0)),
                np.array([x.output.get_output_shape(0)[1]], np.int64),
                self._op.gather(sizes, np.array([1, 2], np.int64), np.int64(0)),
            ],
            0,
        )
        return Value(self._op.broadcast(x.output, target))


def _opset() -> Any:
    return import_openvino().opset13


def _operand(value: Any) -> Any:
    return value.output if isinstance(value, Value) else np.float32(value)


def features_model(
    layers: Mapping[str, Layer], preset: Preset, like: Sequence[NDArray[Any]], scale: float
) -> Any:
    """An OpenVINO model of `features_graph` for arrays shaped as `like`."""
    ops = OpenVinoOps(layers)
    parameters = _parameters(like)
    luma, chroma = (_codes(part, scale) for part in parameters)
    features = features_graph(ops, preset, Planes(luma, chroma))
    return _model([Value(_opset().convert(_last(features).output, "u8"))], parameters)


def restore_model(
    layers: Mapping[str, Layer], preset: Preset, like: Sequence[NDArray[Any]], scale: float
) -> Any:
    """An OpenVINO model of `restore_graph` for arrays shaped as `like`."""
    ops = OpenVinoOps(layers)
    parameters = _parameters(like)
    luma, chroma, lumas, chromas = (_codes(part, scale) for part in parameters[:4])
    features, neighbours, valid, levels = (_codes(part, 1.0) for part in parameters[4:])
    window = WindowTensors(
        Planes(luma, chroma), Planes(lumas, chromas), features, neighbours, valid, levels
    )
    changes = restore_graph(ops, preset, window)
    return _model([_last(part) for part in changes], parameters)


def upscale_model(
    layers: Mapping[str, Layer],
    preset: UpscalerPreset,
    like: Sequence[NDArray[Any]],
    scales: tuple[float, float],
) -> Any:
    """An OpenVINO model of `upscale_graph` for arrays shaped as `like`."""
    ops = OpenVinoOps(layers)
    parameters = _parameters(like)
    restored, source = (
        Planes(*(_codes(part, scale) for part in parameters[first : first + 2]))
        for first, scale in zip((0, 2), scales, strict=True)
    )
    changes = upscale_graph(ops, preset, (restored, source), _codes(parameters[4], 1.0))
    return _model([_last(part) for part in changes], parameters)


def _parameters(like: Sequence[NDArray[Any]]) -> list[Any]:
    return [_opset().parameter(list(part.shape), part.dtype) for part in like]


def _codes(parameter: Any, scale: float) -> Value:
    """Channels first, float32, in codes."""
    first = _opset().transpose(parameter, np.array([0, 3, 1, 2], np.int64))
    x = Value(_opset().convert(first, "f32"))
    return x if scale == 1.0 else x * scale


def _last(x: Value) -> Value:
    """Channels last."""
    return Value(_opset().transpose(x.output, np.array([0, 2, 3, 1], np.int64)))


def _model(outputs: Sequence[Value], parameters: Sequence[Any]) -> Any:
    return import_openvino().Model([output.output for output in outputs], list(parameters))
