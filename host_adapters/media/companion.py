"""A video that goes frame for frame beside a source: its times, shape and rotation, no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from host_adapters.media.codecs import EncodeOptions
from host_adapters.media.colour import FULL, LIMITED, matrix_number
from host_adapters.media.containers import container_of
from host_adapters.media.delivery import Delivery
from host_adapters.media.source import Source
from host_adapters.media.writer import VideoWriter
from vdiff_plugin.atomic import whole_file
from vdiff_plugin.frame import ClipInfo, Frame

_MATRIX = "display_matrix"


@contextmanager
def open_companion(
    source: Source,
    path: Path,
    *,
    clip: ClipInfo,
    encode: EncodeOptions | None = None,
    overwrite: bool | None = None,
) -> Iterator[Callable[[int, Frame], None]]:
    """A function that takes frame n of `clip`; the file appears when the block ends well.

    Args:
        source: whose frames the video goes beside.
        path: its suffix names the container.
        clip: what its frames are like, of the source's size.
        encode: how they are written.
        overwrite: True replaces an existing file.

    Raises:
        OutputError: the file may not or cannot be written.
        SettingsError: options that do not fit.
    """
    shaped = _shape_of(source, clip)
    container = container_of(path)
    job = Delivery(shaped, clip, container, encode or EncodeOptions(), 0, source.length - 1)
    with whole_file(path, overwrite=overwrite, sources=(source.path,)) as part:
        target = job.target(part, path, dither=False)
        with closing(VideoWriter(target, job.converter(dither=False))) as writer:
            yield lambda n, frame: writer.write(frame.require(clip), *job.times(n))
            writer.finish()


def _shape_of(source: Source, clip: ClipInfo) -> Source:
    """The source without what belongs to its picture alone."""
    colours = replace(
        source.tags,
        range=FULL if clip.full_range else LIMITED,
        matrix=matrix_number(clip.matrix),
    )
    kept = {name: data for name, data in source.side_data.items() if name == _MATRIX}
    return replace(source, info=clip, tags=colours, side_data=kept, frame_data=frozenset())
