"""Parts of a network, run a band of rows after the other: see run.c.

A picture's hidden values take several times what a processor's own cache holds. By bands
most of what a part writes is still there when the next part reads it.
"""

from __future__ import annotations

from ctypes import Structure, addressof

from vdiff_plugin.native.arrays import ConvTask, Tensor
from vdiff_plugin.native.library import Kernels, Step, StepKind

_BAND = 48 * 1280  # pixels; 24 to 96 rows of a picture of 1280 took about the same time
_ROWS = 4  # that tiles of convolutions make at once


class Steps:
    """Parts in order.

    A part may read what those before it write. It may write over what they read, if it lags so
    far behind that they are done with it.
    """

    def __init__(self, height: int, width: int) -> None:
        """Begin with none.

        Args:
            height: of the picture in pixels, a multiple of 4.
            width: of the picture in pixels.
        """
        self._quarter = height // 4
        rows = round(_BAND / width / 4 / _ROWS) * _ROWS
        self._band = min(max(rows, _ROWS), self._quarter)
        self._lags: dict[int, int] = {}  # of arrays, in their rows
        self._needed: dict[int, int] = {}  # the same of the oldest rows that are still read
        self._steps: list[Step] = []
        self._kept: list[object] = []
        self._array = (Step * 0)()

    def add_conv(self, task: ConvTask) -> None:
        """Add a convolution."""
        call, lag = task.call, self._lag(task.source)
        reach = call.kernel // 2 if call.stride == 1 else 0
        if call.stride == 1:
            lag += reach
        else:  # it sees one row below the two that it makes one of
            lag = -(-(lag + 1) // call.stride)
        if task.skip is not None:
            lag = max(lag, self._lag(task.skip))
            self._need(task.skip, lag)
        self._need(task.source, call.stride * lag + reach)
        scale = task.out.inside.shape[0] // call.height  # 2 if results are spread
        self._note(task.out, scale * lag)
        self._add(StepKind.CONV, call, call.height, lag)
        self._kept.append(task)

    def add(
        self,
        kind: StepKind,
        what: Structure,
        rows: int,
        *,
        reads: Tensor | None = None,
    ) -> None:
        """Add another part, that makes `rows` rows in all, each from the same row of `reads`."""
        self._add(kind, what, rows, 0 if reads is None else self._lag(reads))

    def run(self, kernels: Kernels) -> None:
        """Run all parts."""
        kernels.run(self._array, len(self._array), -(-self._quarter // self._band))

    def _add(self, kind: StepKind, what: Structure, rows: int, lag: int) -> None:
        band = self._band * rows // self._quarter
        self._steps.append(Step(what=addressof(what), kind=kind, height=rows, band=band, lag=lag))
        self._kept.append(what)
        self._array = (Step * len(self._steps))(*self._steps)

    def _lag(self, tensor: Tensor) -> int:
        return self._lags.get(id(tensor.array), 0)

    def _need(self, tensor: Tensor, lag: int) -> None:
        place = id(tensor.array)
        self._needed[place] = max(lag, self._needed.get(place, 0))

    def _note(self, tensor: Tensor, lag: int) -> None:
        if lag < self._needed.get(id(tensor.array), 0):
            raise ValueError("a part writes over rows that an earlier one still reads")
        self._lags[id(tensor.array)] = max(lag, self._lag(tensor))
        self._kept.append(tensor)
