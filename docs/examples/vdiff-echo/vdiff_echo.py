"""A stage for vdiff in which moving things leave trails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

import vdiff_plugin as vdiff
from vdiff_plugin.contracts import Features, Services, Stage


@vdiff.hookimpl
def vdiff_stages() -> Mapping[str, Callable[..., Stage]]:
    """Offer `echo` for `--stages`."""
    return {"echo": open_echo}


class EchoOptions(vdiff.Options):
    """What may stand after `echo:` in a stage list."""

    radius: int = Field(2, ge=1, le=2, description="how many earlier frames leave a trail")
    decay: float = Field(0.6, ge=0, le=1, description="how visible the last frame stays")
    threshold: float = Field(12, ge=1, le=255, description="change below which nothing stays")


class EchoStage:
    """Blends earlier frames into each frame where they changed afterwards."""

    def __init__(self, clip: vdiff.ClipInfo, options: EchoOptions, services: Services) -> None:
        """Prepare for the frames of `clip`."""
        self.clip = clip
        self.radius = options.radius
        self._options = options
        self._cache = services.cache
        self._extractor = services.extractor("pixel")
        self._detector = services.change_detector("absolute")

    @property
    def fingerprint(self) -> bytes:
        """Differs whenever the same window could give other pixels."""
        return f"echo/1 {self._options!r}".encode()

    def render(self, window: vdiff.Window) -> vdiff.Frame:
        """Frame n with the trails of frames n-radius .. n-1, the oldest lowest."""
        past = window.frames[: self.radius + 1]
        planes: list[Any] = list(window.centre.planes)
        for age in range(self.radius, 0, -1):
            before, after = past[-1 - age], past[-age]
            if before is not None and after is not None:
                weight = self._trail(before, after) * np.float32(self._options.decay**age)
                planes = [self._blend(i, plane, before, weight) for i, plane in enumerate(planes)]
        return vdiff.Frame(tuple(planes))

    def close(self) -> None:
        """Nothing to let go of."""

    def _trail(self, before: vdiff.Frame, after: vdiff.Frame) -> NDArray[np.float32]:
        """0 where `before` did not change, 1 where it changed by twice the threshold."""
        features = [self._features(frame) for frame in (before, after)]
        change = self._detector.detect(*features)
        threshold = np.float32(self._options.threshold)
        trail: NDArray[np.float32] = np.clip((change - threshold) / threshold, 0, 1)
        return trail

    def _features(self, frame: vdiff.Frame) -> Features:
        """Features are worked out once a frame: the cache goes by the frame's content."""
        key = ("echo", self._extractor.fingerprint, self.clip.format, frame.key)
        return self._cache.get(key, lambda: self._extractor.extract(frame, self.clip))

    def _blend(
        self, index: int, plane: NDArray[Any], before: vdiff.Frame, weight: NDArray[np.float32]
    ) -> NDArray[Any]:
        form = self.clip.format
        if form.plane_names[index] == "a":
            return plane
        if form.plane_names[index] in ("u", "v"):
            weight = weight[:: 1 << form.log2_h, :: 1 << form.log2_w]
        now = plane.astype(np.float32)
        mixed = now + weight * (before.planes[index].astype(np.float32) - now)
        if form.is_float:
            return mixed
        return np.rint(mixed).astype(plane.dtype)


def open_echo(
    clip: vdiff.ClipInfo,
    settings: vdiff.Settings,  # noqa: ARG001  every stage gets them
    options: Mapping[str, str],
    services: Services,
) -> EchoStage:
    """Open the stage. Raises SettingsError for options it does not have or take."""
    return EchoStage(clip, EchoOptions.read("stage echo", options), services)
