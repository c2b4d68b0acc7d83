"""`vdiff bench`: how fast this machine restores, a preset and size a line."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from vdiff_plugin.cli.options import with_settings
from vdiff_plugin.cli.table import print_table
from vdiff_plugin.errors import UsageError
from vdiff_plugin.settings import Settings

if TYPE_CHECKING:
    from vdiff_plugin.engine import Engine

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
    *,
    settings: Settings,
) -> None:
    """Time restoration on this machine, a preset and size a line.

    The clip is generated; reading and writing files is not counted.
    """
    from vdiff_plugin.engine import Engine

    wanted = [_parse_size(text) for text in sizes.split(",")]
    with Engine() as engine:
        names = presets.split(",") if presets is not None else _presets(engine, settings.task)
        rows = [("preset", "size", "fps", "ms a frame")]
        for name in names:
            chosen = Settings.of(**{**dict(settings), "preset": name})
            for width, height in wanted:
                fps = _measure(engine, chosen, (width, height), frames)
                rows.append((name, f"{width}x{height}", f"{fps:.1f}", f"{1000 / fps:.1f}"))
        print_table(rows)


def _presets(engine: Engine, task: str) -> list[str]:
    names = [one.preset for one in engine.offers.weights if one.task == task]
    if not names:
        engine.offers.weights_for(task, "fast")  # says which tasks there are
    return sorted(names)


def _measure(engine: Engine, settings: Settings, size: tuple[int, int], frames: int) -> float:
    """Frames a second of `settings` at `size` (width, height), after a warm-up."""
    from vdiff_plugin.cli.scene import Scene
    from vdiff_plugin.stream import render_clip

    scene = Scene(width=size[0], height=size[1], length=_WARM_UP + frames)
    noisy = [scene.noisy(n, 20) for n in range(scene.length)]
    with engine.open(scene.clip, settings) as session:
        finished: Iterator[object] = render_clip(session, noisy)
        for _ in range(_WARM_UP):
            next(finished)
        start = time.perf_counter()
        count = sum(1 for _ in finished)
        return count / (time.perf_counter() - start)


def _parse_size(text: str) -> tuple[int, int]:
    found = _SIZE.fullmatch(text.strip())
    width, height = (int(found[1]), int(found[2])) if found else (0, 0)
    if width < 16 or height < 16 or width % 2 or height % 2:
        raise UsageError(f"size {text!r} is no good; write WIDTHxHEIGHT, both even, 16 or more")
    return width, height
