"""The `vdiff` stage: features, change, diffusion and restoration of one window.

Under task upscale2x what it restored is doubled as well.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vdiff_plugin.builtin.doubling import Doubler, open_doubler, restoring, worth_restoring
from vdiff_plugin.builtin.full_chroma import SETTLING_BYTES, settled
from vdiff_plugin.builtin.levels import Levels, window_levels
from vdiff_plugin.builtin.marks import BLOCK
from vdiff_plugin.builtin.mirrored import Views, views_of
from vdiff_plugin.builtin.planes import (
    apply_change,
    chroma_phases,
    colour_kept,
    deepened,
    deeper_clip,
    noise_shares,
    padded_shape,
)
from vdiff_plugin.builtin.reuse import Reuse, Traces
from vdiff_plugin.builtin.sight import Members, Seen, Sight
from vdiff_plugin.builtin.tiling import TiledNetwork
from vdiff_plugin.builtin.warp import motion_of, warp_features, warp_pixels
from vdiff_plugin.contracts import (
    Aligner,
    Cache,
    Change,
    Fusion,
    Pixels,
    Services,
    Stage,
)
from vdiff_plugin.errors import SettingsError
from vdiff_plugin.frame import ClipInfo, Frame, Window
from vdiff_plugin.options import Options
from vdiff_plugin.room import Weight
from vdiff_plugin.settings import Settings

logger = logging.getLogger(__name__)

# Other rules would give other pixels.
_RULES = b"noise cut off is made up for, borders and plain frames are kept, chroma settles"


class RestoreOptions(Options):
    """Options of the `vdiff` stage."""

    depth: int | None = Field(None, ge=8, le=16, description="bits a sample of the output")


def open_stage(
    clip: ClipInfo, settings: Settings, options: Mapping[str, str], services: Services
) -> Stage:
    """Open the stage; at strength 0 it needs no network and no neighbours.

    Raises:
        SettingsError: an output depth below the input's.
        WeightsError: damaged or foreign weights.
    """
    out = _output_clip(clip, RestoreOptions.read("stage vdiff", options).depth)
    doubler = open_doubler(out, settings, services)
    if settings.strength == 0:
        return Untouched(clip, out, doubler)
    restored = restoring(settings)
    network = services.network(restored)
    views = views_of(network, len(chroma_phases(clip)), every=services.mirrored(restored))
    aligner = services.aligner(network.alignment)
    return RestoreStage(clip, out, settings, views, aligner, services.cache, doubler)


def _output_clip(clip: ClipInfo, depth: int | None) -> ClipInfo:
    bits = clip.format.bits
    if depth is None or depth == bits:
        return clip
    if depth < bits or clip.format.is_float:
        raise SettingsError(f"stage vdiff: depth {depth} of a {bits}-bit clip; it only deepens")
    return deeper_clip(clip, depth)


class Untouched:
    """Strength 0: every frame as it is, at most in deeper samples or interpolated to double."""

    radius = 0

    def __init__(self, source: ClipInfo, out: ClipInfo, doubler: Doubler | None = None) -> None:
        """Give out `out` from `source`, or what `doubler` makes of that."""
        self._source = source
        self._out = out
        self._doubler = doubler
        self.clip = doubler.clip if doubler else out
        facts = f"untouched {out.format}".encode()
        self.fingerprint = b"|".join([facts, doubler.fingerprint]) if doubler else facts

    def render(self, window: Window) -> Frame:
        """See `Stage.render`."""
        frame = window.centre
        if self._out is not self._source:
            frame = deepened(frame, self._source, self._out)
        return self._doubler.double(frame) if self._doubler else frame

    def close(self) -> None:
        """Nothing to let go of."""


class RestoreStage:
    """Diffusion and restoration by a trained network."""

    def __init__(
        self,
        source: ClipInfo,
        out: ClipInfo,
        settings: Settings,
        views: Views,
        aligner: Aligner,
        cache: Cache,
        doubler: Doubler | None = None,
    ) -> None:
        """Restore `source` to `out`, which `doubler` then doubles."""
        self._source = source
        self._out = out
        self._doubler = doubler
        self.clip = doubler.clip if doubler else out
        self._settings = settings
        self._aligner = aligner
        self._cache = cache
        networks = [TiledNetwork(each, settings.tile) for each in views.networks]
        self._network = networks[0]
        self._reuse = Reuse(networks, cache)
        self.radius = self._network.radius
        self._sight = Sight(
            source,
            self._network,
            aligner,
            cache,
            scene_cuts=settings.scene_cuts,
            mirrors=views.mirrors,
            plain=TiledNetwork(views.plain, settings.tile),
        )
        picked = settings.model_dump(include={"strength", "noise", "scene_cuts", "dither"})
        parts = [self._sight.fingerprint, f"{out.format}{picked}".encode(), _RULES]
        self.fingerprint = b"|".join([*parts, doubler.fingerprint] if doubler else parts)
        self._shape = padded_shape(source, self._network.stride)
        edge = self._network.tiles.edge(self._shape)
        pieces = "one piece" if edge >= max(self._shape) else f"tiles of {edge}"
        logger.debug("%dx%d in %s", source.width, source.height, pieces)

    @property
    def weight(self) -> Weight:
        """See `Weighed.weight`. What follows is in bytes a pixel."""
        network, pixels = self._network, math.prod(self._shape)
        phases = len(chroma_phases(self._source))
        rgb = self._source.format.family == "rgb"
        sample = 2 if rgb else min(self._source.format.dtype.itemsize, 2)
        seen = sample * (1 + phases / 2) + network.footprint.features
        moved, change = 2 * self.radius * seen, 6 * phases
        guide = 1 / 4
        settling = int(SETTLING_BYTES * pixels * phases / 4) if phases > 1 else 0
        working = network.tiles.working_bytes(self._shape)
        restoring = Weight(
            render=int(pixels * (moved + change)) + max(working, settling),
            kept=int(pixels * (seen + guide)),
        )
        if self._doubler is None:
            return restoring
        return restoring + Weight(render=self._doubler.render_bytes + working)  # both are held

    def render(self, window: Window) -> Frame:
        """See `Stage.render`."""
        members = self._sight.members(window)
        if not members.repeats:
            return self._restored(window.centre, members)
        key = (self.fingerprint, "restored", members.key)
        return self._cache.get(key, lambda: self._restored(window.centre, members))

    def prepare(self, frame: Frame) -> None:
        """Look at a frame before the windows that hold it come."""
        self._sight.prepare(frame)

    def close(self) -> None:
        """Nothing to let go of: cache and network belong to the engine."""

    def _restored(self, frame: Frame, members: Members) -> Frame:
        levels = self._levels(members)
        if self._doubler is None:
            return self._added(frame, members, levels, self._settings.strength)
        share = worth_restoring(levels)
        restored = deepened(frame, self._source, self._out)
        if share:
            restored = self._added(frame, members, levels, share * self._settings.strength)
        return self._doubler.double(restored, members.centre.pixels[0], levels, even=members.even)

    def _added(self, frame: Frame, members: Members, levels: Levels, strength: float) -> Frame:
        """`frame` and `strength` times what the network wants added to it."""
        return apply_change(
            frame,
            self._changes(members),
            clip=self._source,
            out=self._out,
            strength=strength,
            dither=self._settings.dither,
            noise=levels[:2],
            even=members.even,
        )

    def _changes(self, members: Members) -> tuple[Change, ...]:
        """One a chroma phase; motion is the same for all of them."""
        centre, levels = members.centre, self._levels(members)
        moved = [None if each is None else _aligned(self._aligner, centre, each)
                 for each in members.neighbours]  # fmt: skip
        fusions = [
            Fusion(
                pixels,
                centre.features,
                [None if each is None else (each.phases[index], each.features) for each in moved],
                levels,
            )
            for index, pixels in enumerate(centre.pixels)
        ]
        still = [each.still for each in moved if each is not None]
        if not still and not members.repeats:  # nothing says that it stands still
            still = [np.zeros(centre.marks.shape, bool)]
        traces = Traces(
            np.stack([each.marks for each in members.all]),
            np.logical_and.reduce(still) if still else np.ones(centre.marks.shape, bool),
            levels,
        )
        key = (self.fingerprint, "changes", members.key)
        changes = self._reuse.restore(key, fusions, traces)
        changes = settled(changes, centre.pixels, chroma_phases(self._source), levels[1])
        return tuple(map(colour_kept, changes, centre.pixels))

    def _levels(self, members: Members) -> Levels:
        *noise, compression = window_levels([each.levels for each in members.all])
        if self._settings.noise != "auto":
            shares = noise_shares(even=members.even)
            noise = [float(self._settings.noise) * share for share in shares]
        return noise[0], noise[1], compression


@dataclass(frozen=True)
class _Aligned:
    """A neighbour brought to frame n; `still` says which blocks have not moved."""

    phases: tuple[Pixels, ...]
    features: NDArray[np.uint8]
    still: NDArray[np.bool_]


def _aligned(aligner: Aligner, centre: Seen, other: Seen) -> _Aligned:
    still = centre.still == other.still
    if still.all():
        return _Aligned(other.pixels, other.features, still)
    motion = motion_of(aligner.flow(centre.guide, other.guide))
    if still.any():
        height, width = still.shape
        blocks = motion.reshape(height, BLOCK // 2, width, BLOCK // 2, 2)
        blocks.transpose(0, 2, 1, 3, 4)[still] = 0
    return _Aligned(warp_pixels(other.pixels, motion), warp_features(other.features, motion), still)
