"""`vdiff_changes`: the map, its properties, and that they say what the restoration does."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

vs = pytest.importorskip("vapoursynth")

from host_adapters.vapoursynth import vdiff, vdiff_changes
from tests.clips import write_clip
from tests.conftest import Vdiff
from tests.host_adapters.vapoursynth.clips import clip_of, core, hashes, info_of, noisy
from tests.vdiff_plugin.counting import count_extractions
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import Frame

pytestmark = pytest.mark.vapoursynth

LENGTH = 8
SCENE = Scene(width=96, height=64, length=4)
SHOTS = [SCENE.noisy(n, 3) for n in range(4)]
SHOTS += [Frame(tuple(250 - plane[::-1, ::-1] for plane in frame.planes)) for frame in SHOTS]


@pytest.mark.parametrize("form", [vs.YUV420P8, vs.RGB30, vs.GRAYH])
def test_the_map_is_the_methods_own(form: int) -> None:
    info = info_of(form, length=5)
    frames = noisy(info, half=form == vs.GRAYH)
    with Engine() as engine:
        extractor, detector = engine.extractor("vdiff"), engine.change_detector("absolute")
        features = [extractor.extract(frame, info) for frame in frames]
        maps = [detector.detect(features[max(0, n - 1)], features[n]) for n in range(5)]
    out = vdiff_changes(clip_of(frames, form))
    assert (out.format.id, out.width, out.height, out.num_frames) == (vs.GRAYS, 44, 36, 5)
    for frame, expected in zip(out.frames(), maps, strict=True):
        got = np.asarray(frame[0])
        assert (got[::4, ::4] == expected).all()
        assert (got[3::4, 3::4] == expected).all()
        assert frame.props["vdiff_change"] == float(expected.mean())
    assert not np.asarray(out.get_frame(0)[0]).any()
    assert np.asarray(out.get_frame(1)[0]).any()


def test_the_mean_is_what_the_command_prints(vdiff: Vdiff, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mkv", frames=5)
    printed = vdiff("changes", path)
    rows = list(csv.DictReader(io.StringIO(printed.stdout)))
    clip = vdiff_changes(core.bs.VideoSource(str(path), cachemode=0))
    assert [f"{f.props['vdiff_change']:.6g}" for f in clip.frames()] == [r["mean"] for r in rows]


def test_a_scene_change_is_marked_on_both_sides() -> None:
    marks = [
        (f.props["_SceneChangePrev"], f.props["_SceneChangeNext"])
        for f in vdiff_changes(clip_of(SHOTS)).frames()
    ]
    assert marks == [(0, 0), (0, 0), (0, 0), (0, 1), (1, 0), (0, 0), (0, 0), (0, 0)]


def test_its_marks_are_the_cuts_that_the_restoration_makes() -> None:
    source = clip_of(SHOTS)
    marks = ["_SceneChangePrev", "_SceneChangeNext"]
    marked = core.std.CopyFrameProps(source, vdiff_changes(source), props=marks)
    trusted, found = (
        hashes(vdiff(clip, sc=sc).frames()) for clip, sc in ((marked, None), (source, True))
    )
    assert trusted == found
    assert trusted != hashes(vdiff(source, sc=False).frames())


def test_properties_stay_and_the_range_is_full() -> None:
    out = vdiff_changes(clip_of(SHOTS, _Matrix=1, _Range=0, note="kept"))
    props = out.get_frame(2).props
    assert (props["_Matrix"], props["note"], props["_Range"]) == (1, "kept", 1)
    assert "vdiff_key" not in props


def test_it_masks_another_filter() -> None:
    """What it is for: restore only where little changed."""
    source = clip_of(SHOTS)
    still = vdiff_changes(source).std.Expr("x 400 < 1 0 ?")
    out = vdiff(source, mask=still)
    for was, now, mask in zip(source.frames(), out.frames(), still.frames(), strict=True):
        moving = np.asarray(mask[0]) == 0
        assert (np.asarray(was[0])[moving] == np.asarray(now[0])[moving]).all()


def test_features_are_extracted_once_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = count_extractions(monkeypatch)
    fresh = [Scene(width=96, height=64, length=12, seed=3).noisy(n, 5) for n in range(12)]
    for _ in vdiff_changes(clip_of(fresh)).frames():
        pass
    assert (len(seen), seen.total()) == (12, 12)


def test_any_order(tmp_path: Path) -> None:
    frames = [Frame(frame.planes) for frame in SHOTS]
    out = vdiff_changes(clip_of(frames))
    expected = hashes(out.frames())
    other = vdiff_changes(clip_of(frames), cache=0)
    assert [hashes([other.get_frame(n)])[0] for n in reversed(range(LENGTH))] == expected[::-1]
