from __future__ import annotations

import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from host_adapters.farm.opened import OpenJob
from host_adapters.farm.plan import plan
from host_adapters.farm.run import run, serial
from tests.host_adapters.farm.jobs import LOSSLESS, MEAN, Program, install_smear
from tests.host_adapters.media.clips import Recipe, make_film
from tests.vdiff_plugin.chain import engine_with
from vdiff_plugin.engine import Engine
from vdiff_plugin.farm.folder import JobFolder

_MS = Fraction(1, 1000)


@pytest.fixture(scope="session")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_smear(tmp_path_factory.mktemp("plugins"))


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 frames of H.264 with B-frames, sound, subtitles, a font and chapters; times vary."""
    times = [40 * n + (n % 3) * 7 for n in range(24)]
    picture = Recipe(
        frames=24, pts=times, time_base=_MS, options={"g": "8", "bf": "2"}, tags={"colorspace": 1}
    )
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    return make_film(
        path,
        video=picture,
        subtitles={"eng": "subrip"},
        attachment=True,
        chapters=True,
        metadata={"title": "A film"},
    )


@pytest.fixture
def program(tmp_path: Path, plugins: Path) -> Iterator[Program]:
    program = Program(tmp_path, plugins)
    yield program
    program.end()


@pytest.fixture
def engine() -> Iterator[Engine]:
    """With the stage `mean`."""
    with engine_with() as engine:
        yield engine


@pytest.fixture
def finished(tmp_path: Path, film: Path, engine: Engine) -> JobFolder:
    """A job whose chunks are all there, not joined yet."""
    source = tmp_path / "in.mkv"
    shutil.copy(film, source)
    folder = plan(
        source,
        tmp_path / "out.mkv",
        tmp_path / "job",
        chunk_frames=6,
        settings=MEAN,
        encode=LOSSLESS,
        engine=engine,
    )
    with OpenJob(folder, engine=engine) as job:
        run(job, serial(job))
    return folder
