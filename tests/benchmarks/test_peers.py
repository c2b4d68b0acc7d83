"""What the benchmarks conclude from numbers, and that peers see what they should see."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.bjontegaard import quality_change, rate_change
from tests.benchmarks.clips import HARMS, Clip, clip_of
from tests.benchmarks.encoder import through_x264
from tests.benchmarks.measures import measured
from tests.benchmarks.pareto import Point, front
from tests.benchmarks.peers.method import Method, Setting
from tests.benchmarks.peers.tuning import walk
from tests.benchmarks.rows import Row, Rows
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.training.footage import Sequence420

needs_scipy = pytest.mark.skipif(find_spec("scipy") is None, reason="needs scipy")
PLAIN = [(100.0, 30.0), (200.0, 33.0), (400.0, 36.0), (800.0, 39.0)]


@pytest.fixture(scope="module")
def clean() -> Clip:
    scene = Scene(width=64, height=48, length=6)
    frames = [scene.clean(n) for n in range(6)]
    luma = np.stack([frame.planes[0] for frame in frames])
    chroma = np.stack([np.stack(frame.planes[1:], axis=-1) for frame in frames])
    return clip_of("scene", Sequence420(luma, chroma))


@needs_scipy
def test_half_the_rate_at_every_quality_is_minus_a_half() -> None:
    half = [(rate / 2, quality) for rate, quality in PLAIN]
    assert rate_change(PLAIN, half) == pytest.approx(-0.5)
    assert quality_change(PLAIN, half) == pytest.approx(3.0)  # 3 dB an octave


@needs_scipy
def test_points_that_noise_drowns_are_left_out() -> None:
    turned = [*PLAIN, (1600.0, 31.0)]
    assert rate_change(turned, PLAIN) == pytest.approx(0.0)


@needs_scipy
def test_curves_that_share_no_quality_have_no_rate_change() -> None:
    above = [(rate, quality + 20) for rate, quality in PLAIN]
    assert rate_change(PLAIN, above) is None
    assert quality_change(PLAIN, above) == pytest.approx(20.0)


def test_walk_finds_the_best_luma_and_the_best_chroma() -> None:
    asked = []

    def score(step: int) -> tuple[float, float]:
        asked.append(step)
        return -float(abs(step - 3)), -float(abs(step + 1))

    assert walk(score) == (3, -1)
    assert len(asked) == len(set(asked))


def test_walk_ends_where_more_never_hurts() -> None:
    luma, chroma = walk(lambda step: (float(step), 0.0))
    assert luma == 9
    assert chroma == 0


def test_front_keeps_what_nothing_beats_in_both() -> None:
    points = [Point(10, 30, "a"), Point(5, 29, "b"), Point(100, 20, "c"), Point(1, 31, "d")]
    assert [point.name for point in front(points)] == ["c", "a", "d"]


def test_rows_outlive_a_run_that_was_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = Row("m", "1", "rgb", "sigma 10", "clip", 16, {"luma": 1.5, "variant": "x"})
    Rows(path).add(row.with_measures({"psnr": 30.0}))
    with path.open("a") as file:
        file.write('{"method": "m", "vers')
    again = Rows(path)
    assert again.find(row, "psnr")
    assert not again.find(row, "psnr", "fps")
    again.add(row.with_measures({"fps": 7.0}))
    found = Rows(path).find(row, "psnr", "fps")
    assert found is not None
    assert found.measures == {"psnr": 30.0, "fps": 7.0}


def test_a_tuned_setting_survives_its_way_through_a_file() -> None:
    setting = Setting(3.0, 4.5, "8b")
    assert Setting(**json.loads(json.dumps(setting.as_fields()))) == setting


def test_strengths_stay_within_what_the_filter_takes() -> None:
    method = Method(name="m", run=lambda *_: None, version="", start=2, least=1, most=30)
    assert [method.strength(HARMS["sigma 10"], step) for step in (-15, 0, 9)] == [1, 20, 30]


def test_noise_is_the_same_every_time_and_as_strong_as_it_says(clean: Clip) -> None:
    harm = HARMS["sigma 10"]
    one, two = harm.apply(clean), harm.apply(clean)
    assert all(np.array_equal(*pair) for pair in zip(one.planes, two.planes, strict=True))
    assert measured(one, clean, ["psnr"])["psnr"] == pytest.approx(28.13, abs=0.3)


def test_the_encoder_gives_all_frames_back_and_counts_their_bits(clean: Clip) -> None:
    (fine, more), (coarse, less) = (through_x264(clean, crf) for crf in (18, 40))
    assert len(fine) == len(coarse) == len(clean)
    quality = [measured(each, clean, ["psnr"])["psnr_y"] for each in (fine, coarse)]
    assert quality[0] > 38 > quality[1]
    assert more > 2 * less > 0


@pytest.mark.skipif(find_spec("imageio_ffmpeg") is None, reason="needs imageio-ffmpeg")
def test_planes_keep_their_places_through_ffmpeg(clean: Clip) -> None:
    from tests.benchmarks.peers.ffmpeg_filters import filtered

    back = filtered(clean, "null", 1)
    assert all(np.array_equal(*pair) for pair in zip(back.planes, clean.planes, strict=True))
    grey = filtered(clean, "lutyuv=u=128:v=128", 1)
    assert np.array_equal(grey.planes[0], clean.planes[0])
    assert set(np.unique(np.stack(grey.planes[1:]))) == {128}


@pytest.mark.vapoursynth
@pytest.mark.skipif(find_spec("vapoursynth") is None, reason="needs VapourSynth")
def test_planes_keep_their_places_through_vapoursynth(clean: Clip) -> None:
    from tests.benchmarks.peers.vapoursynth_host import through

    same = through(lambda clip, strengths, variant: clip)
    back = same(clean, Setting(1, 1), 1)
    assert all(np.array_equal(*pair) for pair in zip(back.planes, clean.planes, strict=True))
