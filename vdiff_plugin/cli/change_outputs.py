"""What `vdiff changes` writes: each output takes every frame, and is whole at the end or not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vdiff_plugin.analysis import heat, plot, records, scene_files
from vdiff_plugin.analysis.idle import IdleFinder, Span
from vdiff_plugin.analysis.scenes import SceneList
from vdiff_plugin.analysis.watch import Moment
from vdiff_plugin.atomic import require_writable, whole_text, write_whole
from vdiff_plugin.errors import UsageError
from vdiff_plugin.frame import ClipInfo, Frame

if TYPE_CHECKING:
    from host_adapters.media import Source

Take = Callable[[Moment], None]
_LEAST_SHOWN = 1.0  # seconds that an idle span lasts at least to be marked in a plot


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Where outputs go; None for those that nobody asked for.

    Attributes:
        csv, jsonl, mask, overlay, plot, scenes: files.
        scenes_format: name of a form of scene list; None goes by the file's name.
        idle: least seconds of an idle span to print, None to print none.
        gain: brightness of mask and overlay.
        features: what is compared, for the plot.
        overwrite: replace files that exist.
    """

    csv: Path | None = None
    jsonl: Path | None = None
    mask: Path | None = None
    overlay: Path | None = None
    plot: Path | None = None
    scenes: Path | None = None
    scenes_format: str | None = None
    idle: float | None = None
    gain: float = heat.USUAL_GAIN
    features: str = "vdiff"
    overwrite: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them that are asked for."""
        each = (self.csv, self.jsonl, self.mask, self.overlay, self.plot, self.scenes)
        return tuple(path for path in each if path is not None)

    def require(self, source: Source) -> None:
        """Refuse before any work what could not be written after it.

        Raises:
            OutputError: a file may not be written.
            UsageError: one file for two outputs, a form that does not fit the clip, or a
                library that is missing.
        """
        seen: set[Path] = set()
        for path in self.files:
            require_writable(path, overwrite=self.overwrite, sources=(source.path,))
            if path.absolute() in seen:
                raise UsageError(f"{path}: named for two outputs; give each a file of its own")
            seen.add(path.absolute())
        if self.plot:
            plot.require_plottable(self.plot)
        if self.scenes:
            scene_files.scene_form(self.scenes, self.scenes_format).require(source.rate)


@contextmanager
def open_outputs(wanted: Wanted, source: Source, stride: int) -> Iterator[Take]:
    """A function that takes every frame in order; files appear when the block ends well.

    Args:
        wanted: what is asked for.
        source: the clip.
        stride: pixels a position of the change maps.
    """
    files = Files(wanted, source)
    with ExitStack() as stack:
        takers = [stack.enter_context(one) for one in _asked(files, stride)]

        def take(moment: Moment) -> None:
            for taker in takers:
                taker(moment)

        yield take


def _asked(files: Files, stride: int) -> Iterator[AbstractContextManager[Take]]:
    wanted = files.wanted
    if wanted.csv:
        yield files.rows(wanted.csv, records.as_csv, records.HEADER)
    if wanted.jsonl:
        yield files.rows(wanted.jsonl, records.as_json)
    if wanted.mask or wanted.overlay:
        yield files.pictures(stride)
    if wanted.plot:
        yield files.curves(wanted.plot)
    if wanted.scenes:
        yield files.scene_list(wanted.scenes)
    if wanted.idle is not None:
        yield files.idle_spans(wanted.idle)
    if not wanted.files and wanted.idle is None:
        yield files.printed()


class Files:
    """Opens each output of a clip.

    Args:
        wanted: what is asked for.
        source: the clip.
    """

    def __init__(self, wanted: Wanted, source: Source) -> None:
        self.wanted = wanted
        self._source = source

    @property
    def _stop(self) -> Fraction:
        """When the last frame has been shown, in seconds."""
        last = self._source.length - 1
        lasts = self._source.index.duration(last) * self._source.time_base
        return self._source.seconds(last) + lasts

    @contextmanager
    def rows(self, path: Path, row: Callable[[Moment], str], header: str = "") -> Iterator[Take]:
        """A text file of one row a frame."""
        overwrite, sources = self.wanted.overwrite, (self._source.path,)
        with whole_text(path, overwrite=overwrite, sources=sources) as write:
            write(header)
            yield lambda moment: write(row(moment))

    @contextmanager
    def printed(self) -> Iterator[Take]:
        """The table, on stdout."""
        sys.stdout.write(records.HEADER)
        yield lambda moment: _print(records.as_csv(moment))

    @contextmanager
    def pictures(self, stride: int) -> Iterator[Take]:
        """The mask and the heat over the picture, as videos."""
        clip, wanted = self._source.info, self.wanted
        with ExitStack() as stack:
            mask = overlay = None
            if wanted.mask:
                mask = stack.enter_context(self._video(wanted.mask, heat.mask_clip(clip), "ffv1"))
            if wanted.overlay:
                shown = heat.overlay_clip(clip)
                overlay = stack.enter_context(self._video(wanted.overlay, shown, None))

            def take(moment: Moment) -> None:
                grey = heat.mask(moment, stride, clip, wanted.gain)
                if mask:
                    mask(moment.n, grey)
                if overlay:
                    overlay(moment.n, heat.overlay(moment, grey, clip))

            yield take

    @contextmanager
    def curves(self, path: Path) -> Iterator[Take]:
        """The plot."""
        curves, idle = plot.Curves(), IdleFinder(_LEAST_SHOWN)

        def take(moment: Moment) -> None:
            curves.push(moment)
            _keep(curves.idle, idle.push(moment.n, moment.seen.time, idle=moment.idle))

        yield take
        _keep(curves.idle, idle.finish(self._source.length, float(self._stop)))
        form = plot.FORMS[path.suffix.lower()]
        drawn = plot.draw(curves, self._source.path.name, self.wanted.features, form)
        self._write(path, drawn)

    @contextmanager
    def scene_list(self, path: Path) -> Iterator[Take]:
        """The scenes, in the form that is asked for."""
        source = self._source
        starts: list[tuple[int, Fraction]] = []

        def take(moment: Moment) -> None:
            if moment.cut.cut or not starts:
                starts.append((moment.n, source.seconds(moment.n)))

        yield take
        end = (source.length, self._stop)
        found = SceneList.between(source.path.name, source.rate, starts, end)
        form = scene_files.scene_form(path, self.wanted.scenes_format)
        self._write(path, form.write(found).encode())

    @contextmanager
    def idle_spans(self, least: float) -> Iterator[Take]:
        """Spans in which nothing happens, on stdout as soon as they are over."""
        finder = IdleFinder(least)
        sys.stdout.write("first_frame,last_frame,start,stop\n")
        yield lambda moment: _print_span(finder.push(moment.n, moment.seen.time, idle=moment.idle))
        _print_span(finder.finish(self._source.length, float(self._stop)))

    def _video(
        self, path: Path, clip: ClipInfo, codec: str | None
    ) -> AbstractContextManager[Callable[[int, Frame], None]]:
        from host_adapters.media import EncodeOptions, open_companion

        return open_companion(
            self._source,
            path,
            clip=clip,
            encode=EncodeOptions(codec=codec),
            overwrite=self.wanted.overwrite,
        )

    def _write(self, path: Path, data: bytes) -> None:
        sources = (self._source.path,)
        write_whole(path, data, overwrite=self.wanted.overwrite, sources=sources)


def _keep(spans: list[Span], span: Span | None) -> None:
    if span:
        spans.append(span)


def _print(text: str) -> None:
    sys.stdout.write(text)


def _print_span(span: Span | None) -> None:
    if span:
        _print(f"{span.first},{span.last},{span.start:.6f},{span.stop:.6f}\n")
