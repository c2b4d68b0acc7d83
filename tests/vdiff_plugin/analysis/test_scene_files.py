"""Lists of scenes, read back by the tools that they are for."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from tests.clips import count_frames, write_clip
from vdiff_plugin.analysis.scene_files import FORMS, scene_form
from vdiff_plugin.analysis.scenes import SceneList
from vdiff_plugin.errors import UnknownNameError, UsageError

needs_otio = pytest.mark.skipif(
    importlib.util.find_spec("otio_cmx3600_adapter") is None,
    reason="needs OpenTimelineIO; pip install 'vdiff-plugin[timeline]'",
)


def scenes(rate: Fraction = Fraction(25), name: str = "my clip.mkv") -> SceneList:
    """Frames 0 to 36, 37 to 99 and 100 to 159 of a file that starts at 2 seconds."""
    starts = [(n, 2 + n / rate) for n in (0, 37, 100)]
    return SceneList.between(name, rate, starts, (160, 2 + 160 / rate))


def test_scenes_are_whole_and_begin_at_zero() -> None:
    found = scenes()
    assert [(each.first, each.end) for each in found.scenes] == [(0, 37), (37, 100), (100, 160)]
    assert (found.scenes[0].start, found.scenes[-1].stop) == (0, Fraction(160, 25))
    assert found.length == 160


def test_times_are_never_later_than_their_frames() -> None:
    rate = Fraction(30000, 1001)
    text = FORMS["ffmpeg"].write(scenes(rate))
    times = [Fraction(each) for each in text.strip().split(",")]
    for time, n in zip(times, (37, 100), strict=True):
        assert 0 <= n / rate - time < Fraction(1, 1_000_000)


@pytest.mark.ffmpeg
def test_ffmpeg_cuts_where_the_list_says(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", frames=20)
    starts = [(n, Fraction(n, 25)) for n in (0, 7, 15)]
    found = SceneList.between("in.mkv", Fraction(25), starts, (20, Fraction(20, 25)))
    times = FORMS["ffmpeg"].write(found).strip()
    encode = f"-c:v libx264 -force_key_frames {times}"
    words = f"-i {clip} {encode} -f segment -segment_times {times} -reset_timestamps 1"
    command = ["ffmpeg", "-v", "error", *words.split(), str(tmp_path / "part%d.mkv")]
    subprocess.run(command, check=True)
    assert [count_frames(tmp_path / f"part{n}.mkv") for n in range(3)] == [7, 8, 5]


def test_av1an_gets_both_lists() -> None:
    whole = json.loads(FORMS["av1an"].write(scenes()))
    assert list(whole) == ["frames", "scenes", "split_scenes"]
    assert whole["frames"] == 160
    assert whole["scenes"] == whole["split_scenes"]
    assert whole["scenes"][1] == {"start_frame": 37, "end_frame": 100, "zone_overrides": None}


def test_a_qpfile_makes_idr_frames() -> None:
    assert FORMS["qpfile"].write(scenes()) == "0 I -1\n37 I -1\n100 I -1\n"


def test_a_table_counts_frames_as_the_other_commands_do() -> None:
    lines = FORMS["csv"].write(scenes()).splitlines()
    assert lines[0] == "scene,first_frame,last_frame,start,stop"
    assert lines[2] == "2,37,99,1.480000,4.000000"


@needs_otio
@pytest.mark.parametrize("rate", [Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001)])
@pytest.mark.parametrize("form", ["edl", "otio"])
def test_an_editor_reads_the_same_scenes(form: str, rate: Fraction) -> None:
    from opentimelineio import adapters

    FORMS[form].require(rate)
    text = FORMS[form].write(scenes(rate))
    adapter, options = ("cmx_3600", {"rate": float(rate)}) if form == "edl" else ("otio_json", {})
    (track,) = adapters.read_from_string(text, adapter, **options).video_tracks()
    ranges = [each.source_range for each in track]
    assert [each.start_time.to_frames() for each in ranges] == [0, 37, 100]
    assert [each.duration.to_frames() for each in ranges] == [37, 63, 60]


@needs_otio
def test_an_edl_keeps_its_columns_whatever_the_file_is_called() -> None:
    text = FORMS["edl"].write(scenes(name="a  b\nc, very long indeed.mkv"))
    events = [line for line in text.splitlines() if re.match(r"\d{3} ", line)]
    assert len(events) == 3
    assert all(len(line.split()) == 8 for line in events)
    assert "* FROM CLIP NAME:  a b c, very long indeed.mkv" in text


@needs_otio
def test_an_edl_needs_a_timecode() -> None:
    with pytest.raises(UsageError, match="12.5 frames a second have no timecode"):
        FORMS["edl"].require(Fraction(25, 2))
    FORMS["otio"].require(Fraction(25, 2))


@pytest.mark.vapoursynth
def test_vapoursynth_marks_the_frames(tmp_path: Path) -> None:
    (tmp_path / "cuts.py").write_text(FORMS["vapoursynth"].write(scenes()))
    script = (
        "import vapoursynth as vs\n"
        "from cuts import mark\n"
        "clip = vs.core.std.BlankClip(length=160, width=16, height=16)\n"
        "names = ('_SceneChangePrev', '_SceneChangeNext')\n"
        "marked = [[f.props[each] for each in names] for f in mark(clip).frames()]\n"
        "print(*[[n for n, row in enumerate(marked) if row[i]] for i in (0, 1)])\n"
        "try:\n    mark(clip[:100])\n"
        "except ValueError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == "[37, 100] [36, 99]\na clip of 100 frames; the list is of 160\n", (
        done.stderr
    )


def test_the_form_goes_by_the_name() -> None:
    assert scene_form(Path("x.EDL"), None) is FORMS["edl"]
    assert scene_form(Path("x.txt"), "qpfile") is FORMS["qpfile"]
    with pytest.raises(UsageError, match="says no form of scene list"):
        scene_form(Path("x.xml"), None)
    with pytest.raises(UnknownNameError, match="have av1an, csv, edl, ffmpeg, otio"):
        scene_form(Path("x.txt"), "fcpxml")
