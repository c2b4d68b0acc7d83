"""What a tuning works on: pairs to learn from, pairs to judge by, the noise between them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.atomic import unwritable
from vdiff_plugin.engine import Engine
from vdiff_plugin.model.presets import preset_named
from vdiff_plugin.settings import Settings
from vdiff_plugin.tuning.guides import Guided, guide
from vdiff_plugin.tuning.noise import (
    Noise,
    UnsuitableError,
    apart_for,
    lingering,
    measure_noise,
)
from vdiff_plugin.tuning.pairs import PairMaker
from vdiff_plugin.tuning.recipe import TuneRecipe
from vdiff_plugin.tuning.takes import Take

logger = logging.getLogger(__name__)

_LEARN = (96, 6)  # windows of all takes together, and patches of a window
_JUDGE = (32, 4)
_FEWEST = 16  # patches to judge by


@dataclass(frozen=True)
class Material:
    """Pairs of all takes.

    Attributes:
        learn: file of records to learn from.
        judge: records of held-out frames.
        noise: of the footage.
        stays: share of it that lasts from one frame to the next.
        digest: over all samples of the takes.
    """

    learn: Path
    judge: NDArray[np.void]
    noise: Noise
    stays: float
    digest: str


def make_material(
    takes: Sequence[Take], recipe: TuneRecipe, engine: Engine, work: Path
) -> Material:
    """Restore the takes with the bundled network, align them and cut pairs.

    Raises:
        UnsuitableError: clean footage, or nothing in it can be followed.
        OutputError: `work` cannot be written.
    """
    settings = Settings.of(task=recipe.task, preset=recipe.preset)
    learnt, judged = guide(
        engine, [take.learn for take in takes], [take.judge for take in takes], settings
    )
    stays = float(np.mean([lingering(part.noisy, part.guide) for part in learnt]))
    maker = PairMaker(
        patch=recipe.patch,
        finest_scale=preset_named(recipe.preset).finest_scale,
        apart=apart_for(stays),
    )
    learn = _pairs(learnt, maker, *_LEARN, np.random.default_rng(recipe.seed))
    judge = _pairs(judged, maker, *_JUDGE, np.random.default_rng(recipe.seed + 1))
    if len(judge) < _FEWEST or len(learn) < recipe.batch:
        raise UnsuitableError(
            "too little in this footage can be followed from frame to frame; give calmer parts of "
            "it, or keep the bundled weights"
        )
    noise = measure_noise(learn)
    logger.info(
        "noise of %.1f codes in luma, %.1f in chroma; %.0f %% of it lasts for a frame",
        noise.luma, noise.chroma, 100 * max(0.0, stays),
    )  # fmt: skip
    noise.require()
    return Material(_kept(learn, work / "pairs.npy"), judge, noise, stays, _digest(takes))


def _pairs(
    parts: Sequence[Guided],
    maker: PairMaker,
    windows: int,
    places: int,
    rng: np.random.Generator,
) -> NDArray[np.void]:
    each = -(-windows // len(parts))
    made = [maker.make(p.noisy, p.guide, windows=each, places=places, rng=rng) for p in parts]
    return np.concatenate(made)


def _kept(records: NDArray[np.void], path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, records)
    except OSError as error:
        raise unwritable(path, error.errno) from error
    return path


def _digest(takes: Sequence[Take]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for take in takes:
        for part in (take.learn, take.judge):
            digest.update(np.ascontiguousarray(part.luma).tobytes())
            digest.update(np.ascontiguousarray(part.chroma).tobytes())
    return digest.hexdigest()
