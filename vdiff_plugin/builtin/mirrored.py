"""A network asked about mirror images of a picture too.

Asked the same in another way a network errs in another way, so the mean of its answers is
nearer to the truth than one of them (R. Timofte, R. Rothe, L. Van Gool, "Seven ways to improve
example-based single image super resolution", CVPR 2016). Pictures lie on the network's grid
whichever way they are turned over, so tiles and whole pictures agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import Change, Footprint, Fusion, Network, Pixels

Axes = tuple[int, ...]

MIRRORS: Sequence[Axes] = ((), (0,), (1,), (0, 1))  # the axes that are turned over
_FLIPS = {(0,): 0, (1,): 1, (0, 1): -1}  # as OpenCV calls them; it takes half of NumPy's time
_TURNED = 3.0  # bytes a pixel of one frame's copy, at 16 bits a sample
_CHANGE = 6.0  # of what one call gives


class MirroredNetwork:
    """A `Network` that restores in several mirrors and takes the mean.

    Args:
        network: does the work, a call a mirror.
        mirrors: the picture as it is first.
    """

    def __init__(self, network: Network, mirrors: Sequence[Axes] = MIRRORS) -> None:
        self._network = network
        self._mirrors = mirrors
        self.mirrors = len(mirrors)
        self.concurrent = network.concurrent
        self.radius = network.radius
        self.stride = network.stride
        self.halo = network.halo
        self.alignment = network.alignment
        self.fingerprint = network.fingerprint + f"|mirrors {mirrors}".encode()
        one, frames = network.footprint, 2 * network.radius + 1
        self.working_alone = one.working + frames * (_TURNED + one.features)  # of `restore_in`
        self.footprint = Footprint(
            working=self.working_alone + len(mirrors) * _CHANGE,
            features=len(mirrors) * one.features,
        )

    def extract(self, pixels: Pixels) -> NDArray[np.uint8]:
        """Features of one frame in all mirrors side by side, (H/4, W/4, mirrors * C).

        All are back where the picture has them, so that they are aligned like those of one.
        """
        seen = [
            _turned(self._network.extract(_turned_pixels(pixels, axes)), axes)
            for axes in self._mirrors
        ]
        return np.concatenate(seen, axis=-1)

    def restore(self, fusion: Fusion) -> Change:
        """Diffuse and restore one frame, once a mirror."""
        changes = [self.restore_in(index, fusion) for index in range(self.mirrors)]
        return Change(
            _mean([each.luma for each in changes]), _mean([each.chroma for each in changes])
        )

    def restore_in(self, index: int, fusion: Fusion) -> Change:
        """The same in one mirror alone; `fusion` has the features of all."""
        axes = self._mirrors[index]
        channels = fusion.features.shape[-1] // self.mirrors
        own = slice(index * channels, (index + 1) * channels)
        change = self._network.restore(_turned_fusion(fusion, own, axes))
        return Change(_turned(change.luma, axes), _turned(change.chroma, axes))


class _OneMirror:
    """A `Network` that restores in one mirror of another, from the features of all."""

    def __init__(self, network: MirroredNetwork, index: int) -> None:
        self._network = network
        self._index = index
        self.concurrent = network.concurrent
        self.radius = network.radius
        self.stride = network.stride
        self.halo = network.halo
        self.alignment = network.alignment
        self.fingerprint = network.fingerprint + b"|one by one"
        self.footprint = replace(network.footprint, working=network.working_alone)

    def extract(self, pixels: Pixels) -> NDArray[np.uint8]:
        """See `MirroredNetwork.extract`."""
        return self._network.extract(pixels)

    def restore(self, fusion: Fusion) -> Change:
        """See `Network.restore`."""
        return self._network.restore_in(self._index, fusion)


@dataclass(frozen=True)
class Views:
    """What restores each of the pictures that a frame goes in as.

    Attributes:
        networks: one a picture; all take the same features, of the mirrors side by side.
        plain: gives the features of the picture as it is alone.
        mirrors: how many there are; the picture as it is comes first.
    """

    networks: tuple[Network, ...]
    plain: Network
    mirrors: int


def views_of(network: Network, pictures: int, *, every: bool) -> Views:
    """Views of `pictures` that share a luma plane, whose changes to it are averaged.

    Each is restored in a mirror of its own, which costs no more runs than the same for all.

    Args:
        network: does the work.
        pictures: of one frame, up to four.
        every: restore each of them in all four mirrors.
    """
    if every:
        return Views((MirroredNetwork(network),) * pictures, network, len(MIRRORS))
    if pictures == 1:
        return Views((network,), network, 1)
    mirrored = MirroredNetwork(network, MIRRORS[:pictures])
    networks = tuple(_OneMirror(mirrored, index) for index in range(pictures))
    return Views(networks, network, pictures)


def _turned_fusion(fusion: Fusion, own: slice, axes: Axes) -> Fusion:
    def features(whole: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return _turned(whole[..., own], axes)

    neighbours = [
        None if each is None else (_turned_pixels(each[0], axes), features(each[1]))
        for each in fusion.neighbours
    ]
    centre = _turned_pixels(fusion.centre, axes)
    return Fusion(centre, features(fusion.features), neighbours, fusion.levels)


def _turned_pixels(pixels: Pixels, axes: Axes) -> Pixels:
    return Pixels(_turned(pixels.luma, axes), _turned(pixels.chroma, axes), pixels.scale)


def _turned(plane: NDArray[Any], axes: Axes) -> NDArray[Any]:
    return cv2.flip(plane, _FLIPS[axes]) if axes else plane


def _mean(parts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    total = parts[0] + parts[1]
    for part in parts[2:]:
        total += part
    total *= np.float32(1 / len(parts))
    return total
