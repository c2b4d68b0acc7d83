"""The method's verbs as plain functions on arrays. `docs/method.md` walks through them.

Pictures are arrays (H, W) of grey or (H, W, 3) of RGB, uint8, uint16 or float32. These
functions build what they need for each call; whoever processes much video opens an
`Engine` and keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vdiff_plugin.contracts import ChangeDetector, FeatureExtractor, Features
from vdiff_plugin.engine import Engine, open_clip
from vdiff_plugin.files import write_video
from vdiff_plugin.pictures import Picture, clip_of, frame_of, picture_of
from vdiff_plugin.settings import Settings
from vdiff_plugin.stream import render_clip

__all__ = ["detect_changes", "diffuse", "extract_features", "train", "write_video"]

Model = Callable[[NDArray[np.float32]], NDArray[Any]]


def extract_features(picture: Picture, features: str | FeatureExtractor = "vdiff") -> Features:
    """What a CNN says of one frame, (ceil(H/stride), ceil(W/stride), channels).

    Args:
        picture: one frame.
        features: an extractor, or the name of one: `vdiff` (our own network), `vgg16`,
            `pixel`, or what a plug-in offers.

    Raises:
        UnknownNameError: no such extractor.
        FrameError: no picture of ours.
    """
    clip = clip_of(picture)
    if isinstance(features, str):
        with Engine() as engine:
            return engine.extractor(features).extract(frame_of(picture), clip)
    return features.extract(frame_of(picture), clip)


def detect_changes(
    previous: NDArray[Any], current: NDArray[Any], detector: str | ChangeDetector = "absolute"
) -> NDArray[np.float32]:
    """The change map of two consecutive frames, (h, w), 0 where nothing changed.

    Args:
        previous: features (h, w, channels), or a picture whose pixels are compared.
        current: the same of the next frame.
        detector: a detector, or the name of one.

    Raises:
        UnknownNameError: no such detector.
        FrameError: arrays of different shapes.
    """
    maps = [each[..., None] if each.ndim == 2 else each for each in (previous, current)]
    if isinstance(detector, str):
        with Engine() as engine:
            return engine.change_detector(detector).detect(*maps)
    return detector.detect(*maps)


def diffuse(
    video: Iterable[Picture], model: Model | None = None, **settings: Any
) -> Iterator[Picture]:
    """The enhanced frames: each is its input plus what the model adds, times the strength.

    Args:
        video: pictures of one size and type, in order.
        model: gives for a picture, as float32, what is to be added to it; by default our
            own network restores, from the frame and its neighbours.
        **settings: as of `Settings`: strength, task, preset and so on.

    Raises:
        UnknownNameError: a setting, task or preset that does not exist.
        SettingsError: a value outside its range.
        FrameError: no picture of ours, or one unlike the first.
    """
    chosen = Settings.of(**settings)
    if model is not None:
        return (_add(picture, model, chosen.strength) for picture in video)
    return _restore(iter(video), chosen)


def train(
    recipe: Path,
    footage: Sequence[Path],
    out: Path,
    *,
    work: Path = Path("training-work"),
    start: Path | None = None,
) -> None:
    """Train a network on much video by back-propagation, and write its weights.

    Args:
        recipe: a TOML file that says what is trained and how.
        footage: folders of clean videos and stills.
        out: the weights file.
        work: folder for samples; the next training uses them again.
        start: weights to begin with instead of random ones.

    Raises:
        SettingsError: a bad recipe.
    """
    from vdiff_plugin.training.loop import train_recipe
    from vdiff_plugin.training.recipe import Recipe

    train_recipe(Recipe.read(recipe), footage, work, out, start)


def _restore(video: Iterator[Picture], settings: Settings) -> Iterator[Picture]:
    first = next(video, None)
    if first is None:
        return
    with open_clip(clip_of(first), settings) as session:
        frames = (frame_of(picture) for picture in chain((first,), video))
        yield from map(picture_of, render_clip(session, frames))


def _add(picture: Picture, model: Model, strength: float) -> Picture:
    """Picture + strength * model(picture), rounded and kept in range where it is integer."""
    exact = picture.astype(np.float32)
    total = exact + np.float32(strength) * np.asarray(model(exact), np.float32)
    if np.issubdtype(picture.dtype, np.floating):
        return total.astype(picture.dtype)
    limits = np.iinfo(picture.dtype)
    return np.clip(np.rint(total), limits.min, limits.max).astype(picture.dtype)
