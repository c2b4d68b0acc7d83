"""`vdiff enhance --report`: what the restoration changed, told once it is done."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from host_adapters.media import EncodeOptions, read_clip
from host_adapters.media.codecs import choose_encoder
from host_adapters.media.containers import container_of
from host_adapters.media.delivery import stretch_of
from host_adapters.media.job import deepened
from vdiff_plugin.cli.footage import FileFootage
from vdiff_plugin.cli.judging import (
    Telling,
    as_page,
    judge,
    require_results,
    shown_settings,
    write_report,
)
from vdiff_plugin.cli.progress import Report as Progress
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import UsageError, VdiffError
from vdiff_plugin.frame import ClipInfo
from vdiff_plugin.measure import choose
from vdiff_plugin.measure.alignment import require_alike
from vdiff_plugin.settings import Settings

_METRICS = ("psnr", "ssim", "flicker", "sharpness")
_NOTE = (
    "The reference is the input itself: PSNR and SSIM say how much was changed, not how good it "
    "is. Less flicker with the sharpness of the things shown kept is what restoration is after."
)


@dataclass
class EnhanceReport:
    """The page about one restored file.

    Attributes:
        path: of the page.
        path_in: the input.
        path_out: the restored file.
        settings: it is restored with.
        encode: it is written with.
        overwrite: replace a page that exists.
    """

    path: Path
    path_in: Path
    path_out: Path
    settings: Settings
    encode: EncodeOptions
    overwrite: bool
    first: int = 0

    def require_possible(self, engine: Engine, start: int, end: int | None) -> None:
        """Refuse before the work what could not be told after it.

        Raises:
            OutputError: the page may not or cannot be written.
            UsageError: an output unlike the input in size or format.
        """
        sources = (self.path_in, self.path_out)
        require_results((self.path, self.path_out), overwrite=self.overwrite, sources=sources[:1])
        reader = read_clip(self.path_in)
        self.first, _ = stretch_of(reader.source, start, end)
        settings = deepened(self.settings, reader.info, self.encode)
        with closing(engine.open(reader.info, settings)) as session:
            clip = session.clip
        _, layout = choose_encoder(clip, container_of(self.path_out), self.encode)
        self._require_alike(reader.info, replace(clip, format=layout.format))

    def write(self, engine: Engine, progress: Progress) -> None:
        """Compare the two files and write the page.

        Raises:
            VdiffError: why there is no page; the output is there all the same.
        """
        try:
            self._write(engine, progress)
        except VdiffError as error:
            raise VdiffError(f"{self.path_out} is written, but no report: {error}") from error

    def _write(self, engine: Engine, progress: Progress) -> None:
        footage = [FileFootage(self.path_in), FileFootage(self.path_out)]
        self._require_alike(footage[0].info, footage[1].info)
        theirs = np.arange(len(footage[1]), dtype=np.int64)
        found = judge(footage, [theirs + self.first, theirs], choose(_METRICS), progress)
        telling = Telling(
            title=f"{footage[0].name}, restored as {footage[1].name}",
            settings=shown_settings(self.settings),
            notes=(_NOTE,),
        )
        text = as_page(found, telling, engine)
        sources = (self.path_in, self.path_out)
        write_report(self.path, text, overwrite=self.overwrite, sources=sources)

    def _require_alike(self, before: ClipInfo, after: ClipInfo) -> None:
        try:
            require_alike(before, after, self.path_out.name)
        except UsageError as error:
            what = str(error).partition(";")[0].replace("the reference", "IN")
            raise UsageError(f"{what}; leave --report out, or keep size and format") from error
