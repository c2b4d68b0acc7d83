"""The `vdiff` stage: features, change, diffusion and restoration of one window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vdiff_plugin.builtin.cuts import CUT_SCORE, Layout, cut_score, describe
from vdiff_plugin.builtin.levels import Levels, eight_bit, frame_levels, window_levels
from vdiff_plugin.builtin.planes import apply_change, deepened, deeper_clip, to_pixels
from vdiff_plugin.builtin.tiling import TiledRestorer
from vdiff_plugin.builtin.warp import motion_of, warp_features, warp_pixels
from vdiff_plugin.contracts import Aligner, Cache, Fusion, Network, Pixels, Services, Stage
from vdiff_plugin.errors import SettingsError
from vdiff_plugin.frame import ClipInfo, Frame, Window
from vdiff_plugin.options import Options
from vdiff_plugin.settings import Settings


class RestoreOptions(Options):
    """Options of the `vdiff` stage."""

    depth: int | None = Field(None, ge=8, le=16, description="bits a sample of the output")


def open_stage(
    clip: ClipInfo, settings: Settings, options: Mapping[str, str], services: Services
) -> Stage:
    """Open the stage; at strength 0 it needs no network and no neighbours.

    Raises:
        SettingsError: an output depth below the input's.
    """
    out = _output_clip(clip, RestoreOptions.read("stage vdiff", options).depth)
    if settings.strength == 0:
        return Untouched(clip, out)
    network = services.network(settings)
    aligner = services.aligner(network.alignment)
    return RestoreStage(clip, out, settings, network, aligner, services.cache)


def _output_clip(clip: ClipInfo, depth: int | None) -> ClipInfo:
    bits = clip.format.bits
    if depth is None or depth == bits:
        return clip
    if depth < bits or clip.format.is_float:
        raise SettingsError(f"stage vdiff: depth {depth} of a {bits}-bit clip; it only deepens")
    return deeper_clip(clip, depth)


@dataclass(frozen=True)
class Seen:
    """What is known of one frame from that frame alone; this is what the cache keeps.

    Attributes:
        pixels: in the network's form, one a chroma phase, luma shared.
        guide: half-size smoothed luma that flow compares.
        features: (H/4, W/4, C) uint8.
        layout: for scene cuts.
        levels: of noise in luma and chroma and of compression, in codes.
    """

    pixels: tuple[Pixels, ...]
    guide: NDArray[np.uint8]
    features: NDArray[np.uint8]
    layout: Layout
    levels: Levels


class Untouched:
    """Strength 0: every frame as it is, at most in deeper samples."""

    radius = 0

    def __init__(self, source: ClipInfo, clip: ClipInfo) -> None:
        """Give out `clip` from `source`."""
        self._source = source
        self.clip = clip
        self.fingerprint = f"untouched {clip.format}".encode()

    def render(self, window: Window) -> Frame:
        """See `Stage.render`."""
        if self.clip is self._source:
            return window.centre
        return deepened(window.centre, self._source, self.clip)

    def close(self) -> None:
        """Nothing to let go of."""


class RestoreStage:
    """Diffusion and restoration by a trained network."""

    def __init__(
        self,
        source: ClipInfo,
        clip: ClipInfo,
        settings: Settings,
        network: Network,
        aligner: Aligner,
        cache: Cache,
    ) -> None:
        """Restore `source` to `clip`."""
        self._source = source
        self.clip = clip
        self._settings = settings
        self._network = network
        self._aligner = aligner
        self._cache = cache
        self._restorer = TiledRestorer(network, settings.tile)
        self.radius = network.radius
        # Frames alone decide what is seen of them, but clips differ in how to read them.
        self._seen_by = b"|".join([network.fingerprint, aligner.fingerprint, _reading(source)])
        picked = settings.model_dump(include={"strength", "noise", "scene_cuts", "dither"})
        self.fingerprint = b"|".join([self._seen_by, f"{clip.format}{picked}".encode()])

    def render(self, window: Window) -> Frame:
        """See `Stage.render`."""
        seen = self._look(window)
        changes = [self._restorer.restore(fusion) for fusion in self._fusions(seen)]
        return apply_change(
            window.centre,
            changes,
            clip=self._source,
            out=self.clip,
            strength=self._settings.strength,
            dither=self._settings.dither,
        )

    def prepare(self, frame: Frame) -> None:
        """Look at a frame before the windows that hold it come."""
        self._see(frame)

    def close(self) -> None:
        """Nothing to let go of: cache and network belong to the engine."""

    def _look(self, window: Window) -> list[Seen | None]:
        """What is seen of each frame up to the clip's ends and the nearest cuts."""
        seen: list[Seen | None] = [None] * len(window.frames)
        centre = self.radius
        seen[centre] = self._see(window.centre)
        for step in (-1, 1):
            for index in range(centre + step, centre + step * (self.radius + 1), step):
                frame, before = window.frames[index], seen[index - step]
                if frame is None or before is None:
                    break
                now = self._see(frame)
                if self._settings.scene_cuts and _is_cut(before, now):
                    break
                seen[index] = now
        return seen

    def _see(self, frame: Frame) -> Seen:
        return self._cache.get((self._seen_by, frame.key), lambda: self._compute(frame))

    def _compute(self, frame: Frame) -> Seen:
        pixels = to_pixels(frame, self._source, self._network.stride)
        features = self._network.extract(pixels[0])
        return Seen(
            pixels=pixels,
            guide=self._aligner.prepare(eight_bit(pixels[0])),
            features=features,
            layout=describe(features),
            levels=frame_levels(pixels[0]),
        )

    def _fusions(self, seen: list[Seen | None]) -> Iterator[Fusion]:
        """One a chroma phase; motion is the same for all of them."""
        centre = seen[self.radius]
        assert centre is not None
        levels = self._levels([each for each in seen if each is not None])
        others = [each for index, each in enumerate(seen) if index != self.radius]
        moved = [None if each is None else self._aligned(centre, each) for each in others]
        for phase, pixels in enumerate(centre.pixels):
            neighbours = [None if each is None else (each[0][phase], each[1]) for each in moved]
            yield Fusion(pixels, centre.features, neighbours, levels)

    def _aligned(self, centre: Seen, other: Seen) -> tuple[tuple[Pixels, ...], NDArray[np.uint8]]:
        motion = motion_of(self._aligner.flow(centre.guide, other.guide))
        return warp_pixels(other.pixels, motion), warp_features(other.features, motion)

    def _levels(self, seen: list[Seen]) -> Levels:
        *noise, compression = window_levels([each.levels for each in seen])
        if self._settings.noise != "auto":
            noise = [float(self._settings.noise)] * 2
        return noise[0], noise[1], compression


def _is_cut(before: Seen, now: Seen) -> bool:
    return cut_score(before.layout, now.layout) >= CUT_SCORE


def _reading(clip: ClipInfo) -> bytes:
    return f"{clip.format} {clip.matrix} {clip.full_range}".encode()
