"""`vdiff demo`: the main job, on a clip that it makes itself and knows the clean side of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vdiff_plugin.cli.options import with_settings
from vdiff_plugin.cli.progress import Report, open_progress
from vdiff_plugin.errors import OutputError, UsageError
from vdiff_plugin.model.presets import UPSCALING
from vdiff_plugin.settings import Settings

if TYPE_CHECKING:
    from vdiff_plugin.cli.scene import Scene
    from vdiff_plugin.frame import Frame

_SIGMA = 20.0  # 8-bit codes
_RATE = 25  # frames a second
_METRICS = ("psnr", "ssim", "flicker", "sharpness")


@with_settings
def demo(
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", readable=False, help="Where to write. Default: a new folder, vdiff-demo."
        ),
    ] = None,
    frames: Annotated[int, typer.Option(metavar="N", min=1, help="Length of the clip.")] = 60,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", "-y", help="Replace what DIR holds of an earlier demo.")
    ] = False,
    progress: Annotated[
        str, typer.Option(metavar="KIND", help="auto, bar, json or none, on stderr.")
    ] = "auto",
    *,
    settings: Settings,
) -> None:
    """Make a noisy clip, restore it, print the gain in PSNR.

    Writes noisy.mkv, restored.mp4, side-by-side.mp4, side-by-side.png and report.html.
    """
    from vdiff_plugin.cli.comparison import mean_psnr
    from vdiff_plugin.cli.scene import Scene

    if settings.task == UPSCALING:
        raise UsageError(f"the demo shows pictures of one size; leave --task {UPSCALING} out")
    scene, files = Scene(length=frames), Files(_folder(out), overwrite=overwrite)
    with open_progress(progress, "restoring") as report:
        _restore(scene, files, settings, report)
    _show(scene, files)
    with open_progress(progress, "reporting") as report:
        _report(scene, files, settings, report)
    clean = [scene.clean(n) for n in range(frames)]
    before, after = (mean_psnr(_read(one), clean) for one in (files.noisy, files.restored))
    typer.echo(f"PSNR of the noisy clip     {before:6.2f} dB  (luma, mean of {frames} frames)")
    typer.echo(f"PSNR of the restored clip  {after:6.2f} dB  ({after - before:+.2f} dB)")
    for path in (files.noisy, files.restored, files.video, files.picture, files.report):
        typer.echo(path)


class Files:
    """Where a demo's results go."""

    def __init__(self, folder: Path, *, overwrite: bool) -> None:
        self.noisy = folder / "noisy.mkv"
        self.restored = folder / "restored.mp4"
        self.video = folder / "side-by-side.mp4"
        self.picture = folder / "side-by-side.png"
        self.report = folder / "report.html"
        self.overwrite = overwrite


def _folder(asked: Path | None) -> Path:
    """The folder asked for, else a new one: earlier results stay."""
    path = asked or next(one for n in count(1) if not (one := _numbered(n)).exists())
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}; give another folder with --out") from error
    return path


def _numbered(n: int) -> Path:
    return Path("vdiff-demo" if n == 1 else f"vdiff-demo-{n}")


def _restore(scene: Scene, files: Files, settings: Settings, report: Report) -> None:
    """Write the noisy clip without loss, and restore that file as `vdiff enhance` would."""
    from host_adapters import media

    noisy = (scene.noisy(n, _SIGMA) for n in range(scene.length))
    media.write_video(
        noisy,
        files.noisy,
        clip=scene.clip,
        rate=_RATE,
        encode=media.EncodeOptions(codec="ffv1"),
        overwrite=files.overwrite,
    )
    media.enhance(
        files.noisy,
        files.restored,
        settings=settings,
        overwrite=files.overwrite,
        progress=report,
    )


def _show(scene: Scene, files: Files) -> None:
    """Noisy left and restored right, as a clip; and its middle frame as a picture."""
    from host_adapters import media
    from vdiff_plugin.atomic import write_whole
    from vdiff_plugin.cli.comparison import beside, png

    wide = replace(scene.clip, width=2 * scene.width)
    pairs = (beside(scene.noisy(n, _SIGMA), one) for n, one in enumerate(_read(files.restored)))
    media.write_video(
        pairs,
        files.video,
        clip=wide,
        rate=_RATE,
        encode=media.EncodeOptions(crf=20, encoder_options={"preset": "veryfast"}),
        overwrite=files.overwrite,
    )
    n = scene.length // 2
    restored = next(islice(_read(files.restored), n, None))
    panels = (("noisy", scene.noisy(n, _SIGMA)), ("restored", restored), ("clean", scene.clean(n)))
    write_whole(files.picture, png(panels), overwrite=files.overwrite)


def _report(scene: Scene, files: Files, settings: Settings, progress: Report) -> None:
    """Both files against the scene as it should look, as a page."""
    import numpy as np

    from vdiff_plugin.cli.footage import FileFootage, Footage, SceneFootage
    from vdiff_plugin.cli.judging import Telling, as_page, judge, shown_settings, write_report
    from vdiff_plugin.engine import Engine
    from vdiff_plugin.measure import METRICS

    footage: list[Footage] = [
        SceneFootage(scene, _RATE),
        FileFootage(files.noisy),
        FileFootage(files.restored),
    ]
    numbers = [np.arange(scene.length, dtype=np.int64)] * len(footage)
    metrics = [METRICS[name] for name in _METRICS]
    found = judge(footage, numbers, metrics, progress)
    telling = Telling(
        title="noisy.mkv and restored.mp4 against the clean scene",
        settings={"noise made": f"sigma {_SIGMA:g}", **shown_settings(settings)},
        left=0,
        right=1,
    )
    with Engine() as engine:
        text = as_page(found, telling, engine)
    write_report(files.report, text, overwrite=files.overwrite, sources=())


def _read(path: Path) -> Iterator[Frame]:
    from host_adapters.media import read_clip

    return read_clip(path).frames()
