"""Rendering a sample of a job again, and comparing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import av

from host_adapters.farm.join import Checked
from host_adapters.farm.opened import OpenJob
from host_adapters.farm.piece import frame_hash
from host_adapters.media.decode import pictures_of
from host_adapters.media.demux import open_input, video_stream
from host_adapters.media.formats import unpack
from host_adapters.media.render import render_stretch, stretch_needed
from vdiff_plugin.farm.record import Record
from vdiff_plugin.farm.spans import Span
from vdiff_plugin.frame import Frame

_LOSSLESS = {"ffv1", "ffvhuff", "huffyuv", "utvideo", "magicyuv", "png", "rawvideo", "qtrle"}


@dataclass(frozen=True)
class Verdict:
    """What a comparison found.

    Attributes:
        frames: numbers of the frames that were rendered again.
        differing: of them, those that came out otherwise than recorded.
        undecodable: pieces that give another number of pictures than frames.
        altered: frames of a lossless codec that decode to other samples than rendered.
    """

    frames: tuple[int, ...]
    differing: tuple[int, ...]
    undecodable: tuple[str, ...]
    altered: tuple[int, ...]

    @property
    def good(self) -> bool:
        """Whether nothing differs."""
        return not (self.differing or self.undecodable or self.altered)


def verify(
    job: OpenJob,
    checked: Checked,
    *,
    sample: int = 8,
    borders: int = 8,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Render frames at random, and those on both sides of chunk borders, again.

    Every piece that one of them lies in is decoded to its end as well.

    Args:
        job: opened here.
        checked: all its pieces.
        sample: frames chosen at random.
        borders: borders between chunks; all where there are fewer.
        seed: makes the choice repeatable.
        progress: called after each frame.
    """
    frames = _choose(job.manifest.table, sample, borders, random.Random(seed))
    by_piece = {
        piece: [n for n in frames if piece.first <= n <= piece.last] for piece in checked.pieces
    }
    differing, altered, undecodable = [], [], []
    done = 0
    for piece, numbers in by_piece.items():
        if not numbers:
            continue
        decoded = _decoded(job, piece)
        undecodable += [] if len(decoded) == piece.count else [piece.file]
        for n in numbers:
            frame = _render(job, n)
            if frame_hash(frame) != piece.frames[n - piece.first]:
                differing.append(n)
            elif _is_altered(job, frame, decoded.get(n)):
                altered.append(n)
            done += 1
            if progress:
                progress(done, len(frames))
    return Verdict(tuple(frames), tuple(differing), tuple(undecodable), tuple(altered))


def _choose(table: Sequence[Span], sample: int, borders: int, choice: random.Random) -> list[int]:
    whole = range(table[0].first, table[-1].last + 1)
    random_frames = choice.sample(whole, min(sample, len(whole)))
    cuts = choice.sample(range(1, len(table)), min(borders, len(table) - 1))
    beside = [n for cut in cuts for n in (table[cut].first - 1, table[cut].first)]
    return sorted({*random_frames, *beside})


def _render(job: OpenJob, n: int) -> Frame:
    pictures = job.reader().pictures(*stretch_needed(job.session, n, n))
    with closing(pictures), closing(render_stretch(job.session, pictures, n, n, 1)) as rendered:
        return next(rendered)[1]


def _decoded(job: OpenJob, piece: Record) -> dict[int, str]:
    """Hashes of a piece's pictures by frame number."""
    return {
        piece.first + n: frame_hash(Frame(unpack(picture, job.delivery.layout)))
        for n, picture in enumerate(_pictures(job, piece))
    }


def _pictures(job: OpenJob, piece: Record) -> Iterator[av.VideoFrame]:
    with open_input(job.folder.chunks / piece.file) as container:
        number = container.streams.video[0].index
        yield from pictures_of(container, video_stream(container, number))


def _is_altered(job: OpenJob, frame: Frame, decoded: str | None) -> bool:
    if job.delivery.codec not in _LOSSLESS:
        return False
    wanted = job.delivery.converter(dither=job.dither).picture(frame)
    return frame_hash(Frame(unpack(wanted, job.delivery.layout))) != decoded
