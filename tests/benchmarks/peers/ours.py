"""vdiff's own rows: its presets as they come, which find out the noise by themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tests.benchmarks.clips import Clip
from tests.benchmarks.peers.method import Method, Setting
from vdiff_plugin.engine import Engine
from vdiff_plugin.model.presets import UPSCALING
from vdiff_plugin.settings import Settings
from vdiff_plugin.stream import render_clip

_ANY = frozenset({"noise", "codec", "none"})
_HALF = frozenset({"half"})


@dataclass(frozen=True)
class Choice:
    """What of the settings a benchmark chooses.

    Attributes:
        presets: a row each.
        task: of the weights.
        weights: a file instead of the bundled one.
        backend: as in `Settings`.
    """

    presets: tuple[str, ...] = ("fast", "quality")
    task: str = "restore"
    weights: Path | None = None
    backend: str = "auto"


def ours(choice: Choice) -> Iterator[Method]:
    """A method a preset."""
    for preset in choice.presets:
        settings = Settings.of(
            task=choice.task, preset=preset, weights=choice.weights, backend=choice.backend
        )
        yield Method(
            name=_name(choice, preset),
            run=_through(settings),
            version=_version(settings),
            start=0,
            harms=_HALF if choice.task == UPSCALING else _ANY,
        )


def _name(choice: Choice, preset: str) -> str:
    kind = "" if choice.task == "restore" else f" {choice.task}"
    return f"vdiff{kind} {choice.weights.stem if choice.weights else preset}"


def _through(settings: Settings) -> Callable[[Clip, Setting, int], Clip]:
    def run(clip: Clip, setting: Setting, threads: int) -> Clip:
        del setting
        return restored(clip, settings, threads)

    return run


def restored(clip: Clip, settings: Settings, threads: int) -> Clip:
    """The clip after `vdiff`."""
    _engine().cache.clear()  # nothing of an earlier run helps
    with _engine().open(clip.info, settings) as session:
        out = list(render_clip(session, clip.frames(), threads))
    planes = [np.stack(planes) for planes in zip(*(each.planes for each in out), strict=True)]
    return Clip(clip.name, session.clip, tuple(planes))


@cache
def _engine() -> Engine:
    return Engine()


def _version(settings: Settings) -> str:
    """Rows belong to weights: the hash of the file and the backend."""
    path = settings.weights
    if path is None:
        path = _engine().offers.weights_for(settings.task, settings.preset).path
    return f"{hashlib.sha256(path.read_bytes()).hexdigest()[:12]} {settings.backend}"
