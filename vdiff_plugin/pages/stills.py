"""Stills and maps for a page, as small as they have to be to keep the page small."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.builtin.matrix import rgb_of
from vdiff_plugin.contracts import ChangeDetector, FeatureExtractor
from vdiff_plugin.frame import ClipInfo, Frame
from vdiff_plugin.measure.alignment import NONE
from vdiff_plugin.measure.comparison import Version
from vdiff_plugin.measure.luma import luma_codes
from vdiff_plugin.pages.assets import data_url

REFERENCE = "reference"
CHANGE = "change"
_MAP_EDGE = 320  # pixels; maps are smooth
_MAP_QUALITY = 70
_BRIGHTEST = 99.5  # percentile of a map's values that is shown at its brightest
_BASE64 = 4 / 3

Map = NDArray[np.float32]


@dataclass(frozen=True)
class Rung:
    """How many stills, how good, how large.

    Attributes:
        count: frames.
        quality: of WebP, 1 to 100.
        edge: longer edge in pixels; larger pictures are made smaller.
    """

    count: int
    quality: int
    edge: int


LADDER = (
    Rung(15, 96, 1920),
    Rung(12, 92, 1920),
    Rung(9, 90, 1920),
    Rung(7, 85, 1920),
    Rung(7, 85, 1280),
    Rung(5, 80, 1280),
    Rung(5, 72, 960),
    Rung(3, 65, 640),
    Rung(3, 50, 400),
)


@dataclass
class Shots:
    """Stills and maps of some frames.

    Attributes:
        rung: how they were made.
        scale: pixels of a still per pixel of the clip.
        layers: frame number -> layer name -> data URL.
        maps: frame number -> map name -> data URL.
    """

    rung: Rung
    scale: float
    layers: dict[int, dict[str, str]] = field(default_factory=dict)
    maps: dict[int, dict[str, str]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Characters of all of them."""
        both = (*self.layers.values(), *self.maps.values())
        return sum(len(url) for urls in both for url in urls.values())


def layer_name(index: int) -> str:
    """Name of the layer of version `index`."""
    return f"version{index}"


def distance_name(index: int) -> str:
    """Name of the map of version `index`: how far it is from the reference."""
    return f"distance{index}"


class Studio:
    """Takes stills of clips that are compared.

    Args:
        reference: the clip compared with.
        versions: the clips compared.
        extractor: what change maps are made from.
        detector: makes them.
    """

    def __init__(
        self,
        reference: Version,
        versions: Sequence[Version],
        extractor: FeatureExtractor,
        detector: ChangeDetector,
    ) -> None:
        self._reference = reference
        self._versions = versions
        self._extractor = extractor
        self._detector = detector

    def shots(self, choose: Callable[[int], Mapping[int, str]], limit: int) -> Shots:
        """Stills and maps of as many frames, and as good ones, as `limit` allows.

        Args:
            choose: the frames to take where so many may be taken.
            limit: characters in all; the smallest rung is taken whatever it needs.
        """
        for rung in LADDER[:-1]:
            numbers = list(choose(rung.count))
            sample = self._take([numbers[len(numbers) // 2]], rung)
            if sample.size * len(numbers) > limit:
                continue
            shots = self._take(numbers, rung)
            if shots.size <= limit:
                return shots
        return self._take(list(choose(LADDER[-1].count)), LADDER[-1])

    def _take(self, numbers: Sequence[int], rung: Rung) -> Shots:
        info = self._reference.clip.info
        shots = Shots(rung, min(1.0, rung.edge / max(info.width, info.height)))
        maps: dict[str, dict[int, Map]] = {}
        for n in numbers:
            frames = dict(self._frames(n))
            shots.layers[n] = {
                name: still(frame, info, rung) for name, (frame, info) in frames.items()
            }
            for name, found in self._maps(n, frames):
                maps.setdefault(name, {})[n] = found
        for name, by_number in _brightened(maps):
            for n, url in by_number.items():
                shots.maps.setdefault(n, {})[name] = url
        return shots

    def _frames(self, n: int) -> Iterator[tuple[str, tuple[Frame, ClipInfo]]]:
        for index, version in enumerate([self._reference, *self._versions], -1):
            at = int(version.numbers[n])
            if at == NONE:
                continue
            frame = next(version.clip.frames(at, at))
            name = layer_name(index) if index >= 0 else REFERENCE
            yield name, (frame, version.clip.info)

    def _maps(
        self, n: int, frames: Mapping[str, tuple[Frame, ClipInfo]]
    ) -> Iterator[tuple[str, Map]]:
        reference, info = frames[REFERENCE]
        at = int(self._reference.numbers[n])
        if at > 0:
            before = next(self._reference.clip.frames(at - 1, at - 1))
            features = [self._extractor.extract(one, info) for one in (before, reference)]
            yield CHANGE, _small(self._detector.detect(*features))
        luma = luma_codes(reference, info)
        for index in range(len(self._versions)):
            if shown := frames.get(layer_name(index)):
                yield distance_name(index), _small(np.abs(luma_codes(*shown) - luma))


def still(frame: Frame, clip: ClipInfo, rung: Rung) -> str:
    """A frame as a WebP picture in a data URL, as a screen of eight bits shows it."""
    return _webp(_fitted(screen(frame, clip), rung.edge)[..., ::-1], rung.quality)


def screen(frame: Frame, clip: ClipInfo) -> NDArray[np.uint8]:
    """R, G and B (H, W, 3) of a frame on a screen of eight bits."""
    return np.rint(np.clip(rgb_of(frame, clip), 0, 1) * 255).astype(np.uint8)


def grey_map(shares: Map) -> str:
    """A map of shares 0..1 as a grey picture in a data URL, for the viewer's `maps`."""
    return _webp(np.rint(np.clip(shares, 0, 1) * 255).astype(np.uint8), _MAP_QUALITY)


def _brightened(maps: Mapping[str, Mapping[int, Map]]) -> Iterator[tuple[str, dict[int, str]]]:
    """Each kind of map in shares of its brightest values over all frames."""
    distances = [name for name in maps if name != CHANGE]
    for names in ([CHANGE] if CHANGE in maps else [], distances):  # distances share a scale
        values = [one.ravel() for name in names for one in maps[name].values()]
        if not values:
            continue
        top = max(float(np.percentile(np.concatenate(values), _BRIGHTEST)), 1e-6)
        for name in names:
            yield name, {n: grey_map(one / np.float32(top)) for n, one in maps[name].items()}


def _small(found: NDArray[Any]) -> Map:
    return np.asarray(_fitted(found.astype(np.float32), _MAP_EDGE), np.float32)


def _fitted(picture: NDArray[Any], edge: int) -> NDArray[Any]:
    height, width = picture.shape[:2]
    scale = edge / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _webp(picture: NDArray[Any], quality: int) -> str:
    flags = [cv2.IMWRITE_WEBP_QUALITY, quality]
    done, encoded = cv2.imencode(".webp", np.ascontiguousarray(picture), flags)
    if not done:  # a picture larger than WebP's 16383 pixels was made smaller before
        raise AssertionError("OpenCV wrote no WebP")
    return data_url(encoded.tobytes(), "image/webp")
