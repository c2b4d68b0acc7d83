"""`vdiff_changes`: how much each position differs from the frame before, as a clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from host_adapters.vapoursynth.clips import modified, require_source, shifted
from host_adapters.vapoursynth.errors import frame_errors, script_errors
from host_adapters.vapoursynth.formats import new_frame, planes_of
from host_adapters.vapoursynth.props import Reading, require_progressive
from host_adapters.vapoursynth.shared import ENGINE
from vdiff_plugin.builtin.cuts import CUT_SCORE, Layout, cut_score, describe
from vdiff_plugin.builtin.planes import to_pixels
from vdiff_plugin.contracts import ChangeDetector, Network
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.settings import Settings

MEAN = "vdiff_change"  # mean of the change map over its positions
_KEY = "vdiff_key"
_DETECTOR = "absolute"  # the method's own


def vdiff_changes(
    clip: vs.VideoNode,
    *,
    task: str = "restore",
    preset: str = "fast",
    weights: str | Path | None = None,
    backend: str = "auto",
    device: str = "auto",
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
    cache: int | str = 1 << 29,
) -> vs.VideoNode:
    """The change map of each frame against the one before, by the network's features.

    Args:
        clip: as `vdiff` takes it.
        task: whose weights say what a frame shows.
        preset: network size, "fast" or "quality".
        weights: a weights file instead of the bundled one.
        backend: what runs the network: "auto", "openvino", "keras" or "numpy".
        device: "auto", "cpu", "gpu:0".
        precision: arithmetic of the convolutions: "auto", "fp32", "bf16", "fp16".
        cache: bytes of features kept, such as "512M".

    Returns:
        A GRAYS clip of the same size and length: for each pixel the sum over channels of
        the features' absolute difference, 0 where nothing changed and in the whole first
        frame. Its frames have the source's properties and `vdiff_change` (the map's mean,
        as `vdiff changes` prints it), `_SceneChangePrev` and `_SceneChangeNext`.

    Raises:
        vapoursynth.Error: a clip or a value that cannot be; the message says what can.
    """
    with script_errors():
        source = require_source(clip)
        settings = Settings.of(
            task=task,
            preset=preset,
            weights=weights,
            backend=backend,
            device=device,
            precision=precision,
            cache=cache,
        )
        engine = ENGINE.get()
        engine.reserve(settings.cache)
        changes = Changes(engine, settings, source.info)
        looked = modified(source.node, [source.node], changes.look)
        window = [shifted(looked, by) for by in (-1, 0, 1)]
        blank = source.node.std.BlankClip(format=vs.GRAYS, keep=True)
        return modified(blank, window, changes.compare)


@dataclass(frozen=True)
class Look:
    """What one frame shows.

    Attributes:
        features: (ceil(H/stride), ceil(W/stride), channels).
        stride: pixels a position.
        layout: for scene cuts, by the padded picture as the restoration has it.
    """

    features: NDArray[np.uint8]
    stride: int
    layout: Layout


class Changes:
    """The callbacks of one filter. Any thread may call them.

    Args:
        engine: has the network and the cache.
        settings: which network.
        clip: what comes in.
    """

    def __init__(self, engine: Engine, settings: Settings, clip: ClipInfo) -> None:
        self._cache = engine.cache
        self._network: Network = engine.network(settings)
        self._detector: ChangeDetector = engine.change_detector(_DETECTOR)
        self._clip = clip

    def look(self, n: int, frames: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """Extract the features of one frame into the engine's cache; the frame itself goes on."""
        with frame_errors():
            (source,) = frames
            require_progressive(source.props, n)
            frame = Frame(planes_of(source)).require(self._clip)
            self._look(frame, source)
            passed = source.copy()
            passed.props[_KEY] = frame.key
            return passed

    def compare(self, _: int, frames: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        """The change map of a frame, from it and the frames before and after it."""
        with frame_errors():
            before, now, after = (
                self._look(Frame(planes_of(each), bytes(each.props[_KEY])), each) for each in frames
            )
            change = self._detector.detect(before.features, now.features)
            frame = new_frame(
                [self._enlarged(change, now.stride)], vs.core.get_video_format(vs.GRAYS)
            )
            frame.props = frames[1].props
            del frame.props[_KEY]
            frame.props.update(
                {
                    "_Range": int(vs.RANGE_FULL),
                    "_SceneChangePrev": int(_is_cut(before, now)),
                    "_SceneChangeNext": int(_is_cut(now, after)),
                    MEAN: float(change.mean()),
                }
            )
            return frame

    def _look(self, frame: Frame, source: vs.VideoFrame) -> Look:
        clip = Reading.of(source.props, self._clip).applied(self._clip)
        read = (clip.format, clip.matrix, clip.full_range)
        key = ("changes", self._network.fingerprint, read, frame.key)
        return self._cache.get(key, lambda: self._compute(frame, clip))

    def _compute(self, frame: Frame, clip: ClipInfo) -> Look:
        pixels = to_pixels(frame, clip, self._network.stride)[0]
        features = self._network.extract(pixels)
        stride = pixels.luma.shape[0] // features.shape[0]
        rows, columns = -(-clip.height // stride), -(-clip.width // stride)
        return Look(features[:rows, :columns], stride, describe(features))

    def _enlarged(self, change: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
        """One value a pixel: a mask for other filters has the clip's size."""
        large = change.repeat(stride, axis=0).repeat(stride, axis=1)
        return large[: self._clip.height, : self._clip.width]


def _is_cut(before: Look, after: Look) -> bool:
    return cut_score(before.layout, after.layout) >= CUT_SCORE
