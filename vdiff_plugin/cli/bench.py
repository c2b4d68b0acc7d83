"""`vdiff bench`: how fast this machine restores, a preset and size a line, and why."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from vdiff_plugin.atomic import require_writable, write_whole
from vdiff_plugin.cli.options import with_settings
from vdiff_plugin.cli.table import print_table
from vdiff_plugin.errors import UsageError
from vdiff_plugin.settings import Settings

if TYPE_CHECKING:
    from vdiff_plugin.cli.profiling import Span
    from vdiff_plugin.engine import Engine
    from vdiff_plugin.session import Session

_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
_WARM_UP = 4  # frames: the network is traced, the caches of the processor are filled


@with_settings
def bench(
    sizes: Annotated[
        str, typer.Option(metavar="WxH,...", help="Picture sizes.")
    ] = "640x360,1280x720,1920x1080",
    presets: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", show_default=False, help="Presets. Default: all of the task's."
        ),
    ] = None,
    frames: Annotated[int, typer.Option(metavar="N", min=1, help="Frames to time.")] = 24,
    profile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            readable=False,
            help="Also tell what the time goes to, and write a trace for ui.perfetto.dev.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("-y", help="Replace FILE.json if it exists.")] = False,
    *,
    settings: Settings,
) -> None:
    """Time restoration on this machine, a preset and size a line.

    The clip is generated; reading and writing files is not counted.
    """
    from vdiff_plugin.engine import Engine

    wanted = [_parse_size(text) for text in sizes.split(",")]
    if profile is not None:
        require_writable(profile, overwrite=yes, sources=())
    with _ProfiledRuns() if profile is not None else _Runs(Engine()) as runs:
        engine = runs.engine
        names = presets.split(",") if presets is not None else _presets(engine, settings.task)
        for name in names:
            chosen = Settings.of(**{**dict(settings), "preset": name})
            for size in wanted:
                runs.measure(chosen, size, frames)
        runs.report(profile, overwrite=yes)


def _presets(engine: Engine, task: str) -> list[str]:
    found = [one for one in engine.offers.weights if one.task == task]
    if not found:
        engine.offers.weights_for(task, "fast")  # says which tasks there are
    return [one.preset for one in sorted(found, key=lambda one: (one.mirrored, one.preset))]


class _Runs:
    """Runs on one engine, and what is told of them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._rows = [("preset", "size", "fps", "ms a frame")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()

    def measure(self, settings: Settings, size: tuple[int, int], frames: int) -> float:
        """Frames a second of `settings` at `size` (width, height), after a warm-up."""
        self._render(settings, size, range(_WARM_UP))
        self.begin()
        taken = self._render(settings, size, range(_WARM_UP, _WARM_UP + frames))
        fps = frames / taken
        self._rows.append(
            (settings.preset, f"{size[0]}x{size[1]}", f"{fps:.1f}", f"{1000 / fps:.1f}")
        )
        return fps

    def _render(self, settings: Settings, size: tuple[int, int], numbers: range) -> float:
        """Seconds that a clip of these frames of the scene takes from first to last."""
        from vdiff_plugin.cli.scene import Scene
        from vdiff_plugin.stream import render_clip

        scene = Scene(width=size[0], height=size[1], length=len(numbers))
        noisy = [scene.noisy(n, 20) for n in numbers]
        with self.engine.open(scene.clip, settings) as session:
            start = time.perf_counter()
            for _ in render_clip(self.listened(session), noisy):
                pass
            return time.perf_counter() - start

    def begin(self) -> None:
        """The warm-up is over."""

    def listened(self, session: Session) -> Session:
        """What is rendered with."""
        return session

    def report(self, profile: Path | None, *, overwrite: bool) -> None:
        """Print what was measured."""
        _ = profile, overwrite
        print_table(self._rows)


class _ProfiledRuns(_Runs):
    """Runs that also tell what their time went to."""

    def __init__(self) -> None:
        from vdiff_plugin.cli.profiling import ProfiledEngine

        self._profiled = ProfiledEngine()
        super().__init__(self._profiled)
        self._details: list[tuple[str, ...]] = [
            ("preset", "size", "what", "core ms a frame", "share")
        ]
        self._spans: list[Span] = []

    def measure(self, settings: Settings, size: tuple[int, int], frames: int) -> float:
        from vdiff_plugin.cli.profiling import profile_rows

        fps = super().measure(settings, size, frames)
        spans = self._profiled.recorder.take()
        self._spans += spans
        run = (settings.preset, f"{size[0]}x{size[1]}")
        self._details += [(*run, *row) for row in profile_rows(spans, frames, frames / fps)]
        return fps

    def begin(self) -> None:
        self._profiled.recorder.take()

    def listened(self, session: Session) -> Session:
        return self._profiled.listened(session)

    def report(self, profile: Path | None, *, overwrite: bool) -> None:
        from vdiff_plugin.cli.profiling import trace_file

        super().report(profile, overwrite=overwrite)
        typer.echo()
        print_table(self._details)
        if profile is not None:
            write_whole(profile, trace_file(self._spans), overwrite=overwrite)


def _parse_size(text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text.strip())
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    if width < 16 or height < 16 or width % 2 or height % 2:
        raise UsageError(f"size {text!r} is no good; write WIDTHxHEIGHT, both even, 16 or more")
    return width, height
