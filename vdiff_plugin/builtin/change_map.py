"""The `changes` stage: where a frame differs from the one before, as a grey picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vdiff_plugin.contracts import Cache, ChangeDetector, FeatureExtractor, Features, Services
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat, Window
from vdiff_plugin.options import Options
from vdiff_plugin.settings import Settings


class ChangeMapOptions(Options):
    """Options of the `changes` stage."""

    features: str = Field("pixel", description="what is compared: pixel, vdiff or vgg16")
    gain: float = Field(1.0, gt=0, le=1000, description="code values a unit of change")


def open_stage(
    clip: ClipInfo,
    settings: Settings,  # noqa: ARG001  # every stage's factory gets them
    options: Mapping[str, str],
    services: Services,
) -> ChangeMapStage:
    """Open the stage. Raises SettingsError for options that it does not take."""
    read = ChangeMapOptions.read("stage changes", options)
    extractor = services.extractor(read.features)
    return ChangeMapStage(
        clip, read.gain, extractor, services.change_detector("absolute"), services.cache
    )


class ChangeMapStage:
    """8-bit full-range grey of the clip's size; black is unchanged, the first frame is black.

    A position's value is the sum over channels of the absolute difference of its features,
    times `gain`, at most 255. It covers a square of the extractor's stride.
    """

    radius = 1

    def __init__(
        self,
        source: ClipInfo,
        gain: float,
        extractor: FeatureExtractor,
        detector: ChangeDetector,
        cache: Cache,
    ) -> None:
        """Compare the frames of `source`."""
        grey = PixelFormat(family="gray")
        self.clip = replace(source, format=grey, full_range=True, chroma_location="left")
        self._source = source
        self._gain = np.float32(gain)
        self._extractor = extractor
        self._detector = detector
        self._cache = cache
        reading = f"{source.format} {source.matrix} {source.full_range}".encode()
        self._seen_by = b"changes|" + extractor.fingerprint + reading
        self.fingerprint = self._seen_by + f"|{gain}".encode()

    def render(self, window: Window) -> Frame:
        """See `Stage.render`."""
        before = window.frames[0]
        now = self._features(window.centre)
        change = self._detector.detect(now if before is None else self._features(before), now)
        codes = np.rint(np.minimum(change * self._gain, 255)).astype(np.uint8)
        return Frame((self._enlarged(codes),))

    def close(self) -> None:
        """Nothing to let go of."""

    def _features(self, frame: Frame) -> Features:
        return self._cache.get(
            (self._seen_by, frame.key), lambda: self._extractor.extract(frame, self._source)
        )

    def _enlarged(self, codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
        stride = self._extractor.stride
        if stride > 1:
            codes = codes.repeat(stride, axis=0).repeat(stride, axis=1)
        return np.ascontiguousarray(codes[: self.clip.height, : self.clip.width])
