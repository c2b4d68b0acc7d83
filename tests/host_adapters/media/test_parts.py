"""The smaller parts by themselves: HDR text, templates, times, creation time, the host."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from host_adapters.hooks import vdiff_hosts
from host_adapters.media.containers import container_of, header_for
from host_adapters.media.hdr import Hdr, Mastering
from host_adapters.media.mp4 import set_creation_time
from host_adapters.media.template import can_template, template_stream
from host_adapters.media.timeline import Timeline
from tests.host_adapters.media.clips import describe, make

DISPLAY = Mastering(
    red=(Fraction(34000, 50000), Fraction(16000, 50000)),
    green=(Fraction(13250, 50000), Fraction(34500, 50000)),
    blue=(Fraction(7500, 50000), Fraction(3000, 50000)),
    white=(Fraction(15635, 50000), Fraction(16450, 50000)),
    darkest=Fraction(1, 10000),
    brightest=Fraction(1000),
)


def test_hdr_in_each_encoders_words() -> None:
    hdr = Hdr(mastering=DISPLAY, light=(1000, 400))
    exact = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    assert hdr.parameters("libx265") == {
        "hdr10": "1",
        "master-display": exact,
        "max-cll": "1000,400",
    }
    assert hdr.parameters("libx264") == {"mastering-display": exact, "cll": "1000,400"}
    assert hdr.parameters("libsvtav1")["content-light"] == "1000,400"
    assert hdr.parameters("libsvtav1")["mastering-display"].startswith("G(0.265000,0.690000)B(")
    assert hdr.parameters("ffv1") == {}
    assert Hdr().parameters("libx265") == {}
    assert Hdr(light=(5, 4)).parameters("libx264") == {"cll": "5,4"}


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "vp9", "ffv1", "prores"])
def test_a_template_says_what_it_was_told(codec: str) -> None:
    hdr = Hdr(mastering=DISPLAY, light=(1000, 400))
    assert can_template(codec)
    with template_stream(codec, 64, 48, hdr) as stream:
        side_data = {str(k): v for k, v in stream.codec_context.coded_side_data.items()}
        assert stream.codec_context.width == 64
        assert av.Codec(stream.codec_context.name, "r").canonical_name == codec
    found = Hdr.of(side_data)
    assert found.light == (1000, 400)
    assert found.mastering is not None
    assert found.mastering.in_units() == DISPLAY.in_units()


def test_incomplete_mastering_data_is_left_out() -> None:
    assert Mastering.parse(bytes(88)) is None
    assert not Hdr.of({"mastering_display_metadata": bytes(88)})


def packet(pts: int | None, duration: int = 0, base: int = 1000) -> av.Packet[Any]:
    made: av.Packet[Any] = av.Packet(b"x")
    made.pts = made.dts = pts
    made.duration, made.time_base = duration, Fraction(1, base)
    return made


def test_a_timeline_without_limits_changes_nothing() -> None:
    timeline = Timeline()
    each = packet(-40)
    assert timeline.holds(each)
    timeline.move(each)
    assert each.pts == -40
    chapters = [{"id": 1, "start": 3, "end": 9, "time_base": Fraction(1, 10), "metadata": {}}]
    assert timeline.chapters(chapters) == chapters  # type: ignore[arg-type]


def test_a_stretch_of_time() -> None:
    timeline = Timeline(shift=Fraction(2), start=Fraction(2), stop=Fraction(3))
    held = [pts for pts in range(1800, 3200, 100) if timeline.holds(packet(pts, 150))]
    assert held == list(range(1900, 3000, 100))
    each = packet(2500)
    timeline.move(each)
    assert (each.pts, each.dts) == (500, 500)
    assert timeline.pts(90_000 * 2 + 9, Fraction(1, 90_000), Fraction(1, 90_000)) == 9
    assert timeline.holds(packet(None))
    chapters = [
        {"id": n, "start": a, "end": b, "time_base": Fraction(1), "metadata": {}}
        for n, (a, b) in enumerate(((0, 1), (1, 5), (2, 3), (4, 9)))
    ]
    cut = timeline.chapters(chapters)  # type: ignore[arg-type]
    assert [(each["id"], each["start"], each["end"]) for each in cut] == [(1, 0, 1), (2, 0, 1)]


def test_what_runs_in_before_zero_can_be_left_out() -> None:
    timeline = Timeline(shift=Fraction(1), from_zero=True)
    assert [timeline.holds(packet(pts)) for pts in (979, 1000, 1021)] == [False, True, True]


@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_the_creation_time_of_a_movie(tmp_path: Path, ending: str) -> None:
    path = make(tmp_path / f"in.{ending}")
    set_creation_time(path, "2021-06-07T08:09:10.000000Z")
    assert describe(path)["metadata"]["creation_time"] == "2021-06-07T08:09:10.000000Z"
    before = path.read_bytes()
    set_creation_time(path, "yesterday")
    assert path.read_bytes() == before


def test_a_file_without_a_movie_header_is_left_alone(tmp_path: Path) -> None:
    for data in (b"", b"short", b"\0\0\0\0moov", b"\0\0\0\x08free" * 3):
        path = tmp_path / "x.mp4"
        path.write_bytes(data)
        set_creation_time(path, "2021-06-07T08:09:10Z")
        assert path.read_bytes() == data


def test_headers() -> None:
    tick = Fraction(1, 12800)
    usual = {"title": "T", "encoder": "E", "creation_time": "C"}
    assert header_for("mp4", tick, usual).metadata == {"title": "T", "creation_time": "C"}
    assert header_for("mp4", tick, usual).options == {"video_track_timescale": "12800"}
    assert header_for("mp4", Fraction(1, 25), usual).options == {}
    own = header_for("mov", tick, usual | {"my_key": "x"})
    assert own.metadata == {"title": "T", "my_key": "x"}
    assert own.creation_time == "C"
    assert own.options["movflags"] == "+use_metadata_tags"
    with_cover = header_for("mp4", tick, usual | {"my_key": "x"}, cover=True)
    assert with_cover.lost == ("my_key",)
    assert "movflags" not in with_cover.options
    assert header_for("mpegts", tick, usual).options == {"mpegts_copyts": "1"}


def test_containers_by_suffix() -> None:
    assert [container_of(Path(f"x{each}")) for each in (".MKV", ".m4v", ".m2ts", ".nut")] == [
        "matroska",
        "mp4",
        "mpegts",
        "nut",
    ]


def test_the_host_says_its_versions() -> None:
    host = vdiff_hosts()["media"]()
    assert host.missing() == ""
    assert av.__version__ in host.version()


def test_the_hooks_load_nothing() -> None:
    program = (
        "import sys, host_adapters.hooks as hooks; hooks.vdiff_hosts();"
        "assert not {'av', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


MEMORY = """
import sys
from pathlib import Path
from host_adapters.media import EncodeOptions, enhance
from vdiff_plugin.settings import Settings
encode = EncodeOptions(codec="mjpeg", pix_fmt="yuv420p")
enhance(sys.argv[1], sys.argv[2], settings=Settings.of(strength=0), encode=encode, overwrite=True)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


STILL: dict[str, Any] = {"pix_fmt": "yuvj420p", "moving": False}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_clip(tmp_path: Path) -> None:
    def peak(frames: int) -> int:
        path = tmp_path / f"{frames}.avi"
        if not path.exists():
            make(path, codec="mjpeg", size=(640, 360), frames=frames, **STILL)
        words = [sys.executable, "-c", MEMORY, str(path), str(tmp_path / f"{frames}.mkv")]
        return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

    short = peak(40)
    # How full queues get differs from run to run; what is kept would be there in every one.
    assert any(peak(400) < short * 1.05 for _ in range(3))
