"""Whole or in chunks of any length: the same frames at the same times, whatever goes in."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from host_adapters.farm.join import check
from host_adapters.farm.opened import OpenJob
from host_adapters.farm.plan import plan
from host_adapters.farm.run import finish, render_range, run, serial
from host_adapters.farm.verify import verify
from host_adapters.media import EncodeOptions, enhance, probe
from tests.host_adapters.farm.jobs import LOSSLESS, MEAN, content
from tests.host_adapters.media.clips import damage, describe, make, payload
from tests.vdiff_plugin.networks import random_weights_file
from vdiff_plugin.engine import Engine
from vdiff_plugin.farm.folder import JobFolder
from vdiff_plugin.farm.spans import Span
from vdiff_plugin.settings import Settings

FRAMES = 26
UNEVEN = [n * 3003 + (n % 4) * 250 for n in range(FRAMES)]
OPEN_GOP = {"x264-params": "keyint=9:min-keyint=9:scenecut=0:open-gop=1:bframes=3"}
OPEN_GOP_265 = {"x265-params": "log-level=none:keyint=9:min-keyint=9:open-gop=1:bframes=3"}
SOURCES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "open-gop-h264": ("in.mp4", {"options": OPEN_GOP}),
    "hevc": ("in.mp4", {"codec": "libx265", "options": OPEN_GOP_265}),
    "vfr": (
        "in.mp4",
        {
            "pts": UNEVEN,
            "time_base": Fraction(1, 90000),
            "muxing": {"video_track_timescale": "90000"},
            "options": {"bf": "2", "g": "7"},
        },
    ),
    "vp9": ("in.webm", {"codec": "libvpx-vp9", "options": {"g": "9", "cpu-used": "8"}}),
    "prores": ("in.mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
    "ts": ("in.ts", {"options": {"bf": "2", "g": "7"}, "time_base": Fraction(1, 90000)}),
}


def render_all(folder: JobFolder, engine: Engine) -> None:
    with OpenJob(folder, engine=engine) as job, folder.lock():
        finish(job, run(job, serial(job)))


@pytest.mark.parametrize("kind", SOURCES)
def test_chunks_of_any_length_are_the_whole(tmp_path: Path, kind: str, engine: Engine) -> None:
    name, recipe = SOURCES[kind]
    path = make(tmp_path / name, frames=FRAMES, **recipe)
    enhance(path, tmp_path / "whole.mkv", settings=MEAN, encode=LOSSLESS, engine=engine)
    whole = content(tmp_path / "whole.mkv")
    assert len(set(whole["frames"])) == FRAMES
    for length in (1, 7, 60):
        out, job = tmp_path / f"{length}.mkv", tmp_path / f"job-{length}"
        folder = plan(
            path, out, job, chunk_frames=length, settings=MEAN, encode=LOSSLESS, engine=engine
        )
        render_all(folder, engine)
        assert content(out) == whole


@pytest.mark.parametrize("container", ["mkv", "mp4"])
def test_a_damaged_source_is_patched_in_chunks_as_it_is_whole(
    tmp_path: Path, container: str, engine: Engine
) -> None:
    options = {"options": {"g": "6", "bf": "2"}, "size": (96, 64)}
    path = damage(make(tmp_path / f"in.{container}", frames=FRAMES, **options), [4, 13, 18])
    enhance(path, tmp_path / "whole.mkv", settings=MEAN, encode=LOSSLESS, engine=engine)
    whole = content(tmp_path / "whole.mkv")
    for length in (1, 7):
        out, job = tmp_path / f"{length}.mkv", tmp_path / f"job-{length}"
        folder = plan(
            path, out, job, chunk_frames=length, settings=MEAN, encode=LOSSLESS, engine=engine
        )
        render_all(folder, engine)
        assert content(out) == whole


@pytest.mark.parametrize(
    ("codec", "out"),
    [
        ("ffv1", "o.mkv"),
        ("h264", "o.mp4"),
        ("hevc", "o.mkv"),
        ("h264", "o.ts"),
        ("vp9", "o.webm"),
        ("av1", "o.mp4"),
        ("mpeg4", "o.avi"),
        ("prores", "o.mov"),
        ("qtrle", "o.mov"),
    ],
)
def test_one_chunk_is_what_enhance_writes_and_seven_have_its_times(
    tmp_path: Path, codec: str, out: str, engine: Engine
) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", frames=17)
    pix_fmt = {"prores": "yuv422p10le", "qtrle": "rgb24"}.get(codec)
    options = {"encoder_options": {"threads": "4"}}
    encode = EncodeOptions(codec=codec, pix_fmt=pix_fmt, **options)
    enhance(path, tmp_path / f"whole-{out}", settings=MEAN, encode=encode, engine=engine)
    whole = content(tmp_path / f"whole-{out}")
    for length in (60, 3):
        made = tmp_path / f"{length}-{out}"
        job = tmp_path / f"job-{length}"
        render_all(
            plan(path, made, job, chunk_frames=length, settings=MEAN, encode=encode, engine=engine),
            engine,
        )
        found = content(made)
        assert found["times"] == whole["times"]
        if length == 60:
            assert found == whole


def test_alpha_comes_through_vp9(tmp_path: Path, engine: Engine) -> None:
    recipe = {"codec": "ffv1", "pix_fmt": "yuva420p", "frames": 6}
    path, encode = make(tmp_path / "in.mkv", **recipe), EncodeOptions(codec="vp9")
    enhance(path, tmp_path / "whole.webm", settings=MEAN, encode=encode, engine=engine)
    out, job = tmp_path / "out.webm", tmp_path / "job"
    render_all(plan(path, out, job, settings=MEAN, encode=encode, engine=engine), engine)
    found = content(out)
    assert found["info"].format.alpha
    assert found == content(tmp_path / "whole.webm")


def test_all_that_a_film_holds_comes_along(tmp_path: Path, film: Path, engine: Engine) -> None:
    whole, out = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    enhance(film, whole, settings=MEAN, encode=LOSSLESS, engine=engine)
    folder = plan(
        film, out, tmp_path / "job", chunk_frames=5, settings=MEAN, encode=LOSSLESS, engine=engine
    )
    render_all(folder, engine)
    assert content(out) == content(whole)
    assert describe(out) == describe(whole)
    assert len(payload(out, 1)) > 10  # its sound
    assert payload(out, 1) == payload(whole, 1) == payload(film, 1)


def test_a_stretch_in_chunks_is_the_stretch(tmp_path: Path, film: Path, engine: Engine) -> None:
    whole, out = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    how: dict[str, Any] = {"settings": MEAN, "encode": LOSSLESS, "engine": engine}
    how |= {"start": 5, "end": 17}
    enhance(film, whole, **how)
    folder = plan(film, out, tmp_path / "job", chunk_frames=4, **how)
    assert folder.manifest.table[0] == Span(5, 8)
    assert folder.manifest.chunks[0].needs_first == 3  # real neighbours beyond the stretch
    render_all(folder, engine)
    assert content(out) == content(whole)


def test_colours_and_rotation_stand_in_the_joined_header(tmp_path: Path, engine: Engine) -> None:
    path = make(tmp_path / "in.mp4", frames=8, rotation=90, tags={"color_trc": 16})
    encode = EncodeOptions(codec="h264")
    enhance(path, tmp_path / "whole.mp4", settings=MEAN, encode=encode, engine=engine)
    out, job = tmp_path / "out.mp4", tmp_path / "job"
    folder = plan(path, out, job, chunk_frames=3, settings=MEAN, encode=encode, engine=engine)
    render_all(folder, engine)
    whole, found = content(tmp_path / "whole.mp4"), content(out)
    assert (found["tags"], found["info"]) == (whole["tags"], whole["info"])
    assert found["tags"].transfer == 16
    sides = [probe(each).side_data for each in (out, tmp_path / "whole.mp4", path)]
    assert "display_matrix" in sides[0]
    assert sides[0] == sides[1] == sides[2]


def test_the_real_network_does_not_see_chunks(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mp4", frames=9, size=(96, 64), options=OPEN_GOP)
    weights = random_weights_file(tmp_path)
    settings = Settings.of(backend="numpy", weights=weights, precision="fp32")
    with Engine() as engine:
        enhance(path, tmp_path / "whole.mkv", settings=settings, encode=LOSSLESS, engine=engine)
        how: dict[str, Any] = {"settings": settings, "encode": LOSSLESS, "engine": engine}
        folder = plan(path, tmp_path / "out.mkv", tmp_path / "job", chunk_frames=4, **how)
    weights.unlink()  # the job has its own copy
    with Engine() as engine:
        render_all(folder, engine)
        with OpenJob(folder, engine=engine) as job:
            assert job.session.radius > 0
            assert verify(job, check(folder), sample=2, borders=1, seed=1).good
    assert content(tmp_path / "out.mkv") == content(tmp_path / "whole.mkv")


def test_ranges_that_know_nothing_of_chunks(tmp_path: Path, film: Path, engine: Engine) -> None:
    out, job = tmp_path / "out.mkv", tmp_path / "job"
    folder = plan(film, out, job, chunk_frames=7, settings=MEAN, encode=LOSSLESS, engine=engine)
    assert [len(span) for span in folder.manifest.table] == [6, 6, 6, 6]
    with OpenJob(folder, engine=engine) as opened:
        made = render_range(opened, [Span(20, 23), Span(5, 5), Span(0, 13)])
        assert made == [Span(20, 23), Span(5, 5), Span(0, 5), Span(6, 11), Span(12, 13)]
        assert render_range(opened, [Span(2, 4)]) == []  # its chunk is there
        checked = run(opened, serial(opened))
        assert [str(each.span) for each in checked.pieces] == [
            *("0-5", "6-11", "12-13", "14-17", "18-19", "20-23"),
        ]
        finish(opened, checked)
    enhance(film, tmp_path / "whole.mkv", settings=MEAN, encode=LOSSLESS, engine=engine)
    assert content(out) == content(tmp_path / "whole.mkv")
