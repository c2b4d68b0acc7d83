"""The named kinds of file, looked at by somebody else's ffprobe before and after."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from host_adapters.media import EncodeOptions, enhance
from host_adapters.media.hdr import Hdr, Mastering
from host_adapters.media.template import template_stream
from tests.host_adapters.media.clips import Recipe, add_video, encoded, make, make_film
from vdiff_plugin.settings import Settings

pytestmark = pytest.mark.ffmpeg

SETTINGS = Settings.of(strength=0)
HDR_PARAMETERS = (
    "log-level=none:hdr10=1:max-cll=1000,400:"
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
)
BT2020_PQ = {"colorspace": 9, "color_primaries": 9, "color_trc": 16, "color_range": 1}
MASTERING = Mastering(
    red=(Fraction(68, 100), Fraction(32, 100)),
    green=(Fraction(265, 1000), Fraction(69, 100)),
    blue=(Fraction(15, 100), Fraction(6, 100)),
    white=(Fraction(3127, 10000), Fraction(329, 1000)),
    darkest=Fraction(50, 10000),
    brightest=Fraction(1000),
)
COLOURS = ("color_range", "color_space", "color_transfer", "color_primaries", "chroma_location")
KEPT = ("width", "height", "pix_fmt", "sample_aspect_ratio", "time_base", *COLOURS)
IN_PLACE = ("start_pts", "start_time", "r_frame_rate", "avg_frame_rate", "duration")


def ffprobe(path: Path, *what: str) -> dict[str, Any]:
    words = ["ffprobe", "-v", "error", "-of", "json", *what, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert not done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def streams(path: Path) -> list[dict[str, Any]]:
    return list(ffprobe(path, "-show_streams")["streams"])


def frames(path: Path) -> list[tuple[Any, ...]]:
    found = ffprobe(path, "-show_frames", "-select_streams", "v:0")["frames"]
    return [(each["pts"], each["pict_type"] != "?", each["interlaced_frame"]) for each in found]


def side_data(path: Path) -> dict[str, dict[str, Any]]:
    """What the stream and its first frame say, fractions as numbers."""
    first = ffprobe(path, "-show_frames", "-select_streams", "v:0", "-read_intervals", "%+#1")
    both = streams(path)[0].get("side_data_list", []) + first["frames"][0].get("side_data_list", [])
    return {
        each["side_data_type"]: {
            name: float(Fraction(value)) if "/" in str(value) else value
            for name, value in each.items()
        }
        for each in both
        if "User Data" not in each["side_data_type"]
    }


def stream_side_data(path: Path) -> set[str]:
    return {each["side_data_type"] for each in streams(path)[0].get("side_data_list", [])}


def pixels(path: Path) -> str:
    words = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v:0", "-f", "framemd5", "-"]
    listing = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return "\n".join(line.rsplit(",", 1)[1] for line in listing.splitlines() if line[0] != "#")


def without_place(streams: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What must be equal of the copied streams: all but what belongs to the file."""
    loose = {"bit_rate", "extradata_size", "index", "nb_read_frames"}
    return [{k: v for k, v in each.items() if k not in loose} for each in streams]


def h264_film(folder: Path) -> Path:
    tags = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}
    video = Recipe(frames=30, tags=tags | {"sample_aspect_ratio": Fraction(4, 3)})
    return make_film(
        folder / "in.mkv",
        video=video,
        audio=("aac", "ac3"),
        subtitles={"eng": "subrip"},
        attachment=True,
        chapters=True,
        metadata={"title": "Film"},
    )


def hevc_hdr10(folder: Path) -> Path:
    return make(
        folder / "in.mkv",
        codec="libx265",
        pix_fmt="yuv420p10le",
        tags=BT2020_PQ,
        options={"x265-params": HDR_PARAMETERS},
    )


def vfr(folder: Path) -> Path:
    return make(
        folder / "in.mp4", pts=[0, 512, 700, 1536, 4000, 4010], time_base=Fraction(1, 12800)
    )


def prores(folder: Path) -> Path:
    tags = {"colorspace": 1, "color_primaries": 1, "color_trc": 1}
    return make(folder / "in.mov", codec="prores_ks", pix_fmt="yuv422p10le", tags=tags)


def grey(folder: Path) -> Path:
    return make(folder / "in.mkv", codec="ffv1", pix_fmt="gray16le", size=(45, 35))


@pytest.mark.parametrize("film", [h264_film, hevc_hdr10, vfr, prores, grey])
def test_the_five_kinds(tmp_path: Path, film: Callable[[Path], Path]) -> None:
    path = film(tmp_path)
    out = tmp_path / f"out{path.suffix}"
    enhance(path, out, settings=SETTINGS)
    before, after = streams(path), streams(out)
    for name in (*KEPT, *IN_PLACE, "disposition"):
        assert after[0].get(name) == before[0].get(name), name
    assert without_place(after[1:]) == without_place(before[1:])
    assert frames(out) == frames(path)
    assert side_data(out) == side_data(path)
    chapters = ("-show_chapters",)
    assert ffprobe(out, *chapters) == ffprobe(path, *chapters)
    tags = (ffprobe(each, "-show_format")["format"].get("tags", {}) for each in (path, out))
    old, new = ({k: v for k, v in each.items() if k.lower() != "encoder"} for each in tags)
    assert new == old


@pytest.mark.parametrize("film", [h264_film, hevc_hdr10, vfr, prores, grey])
def test_lossless_pixels_as_ffmpeg_decodes_them(
    tmp_path: Path, film: Callable[[Path], Path]
) -> None:
    path = film(tmp_path)
    enhance(path, tmp_path / "out.mkv", settings=SETTINGS, encode=EncodeOptions(codec="ffv1"))
    assert pixels(tmp_path / "out.mkv") == pixels(path)


def hdr_in_the_container(folder: Path, codec: str, pix_fmt: str, name: str) -> Path:
    """A file whose HDR metadata stands in the container alone."""
    path = folder / name
    hdr = Hdr(mastering=MASTERING, light=(1000, 400))
    canonical = av.Codec(codec, "w").canonical_name
    recipe = Recipe(codec=codec, pix_fmt=pix_fmt, tags=BT2020_PQ)
    with av.open(str(folder / f"plain-{name}"), "w") as plain:
        stream = add_video(plain, recipe)
        plain.start_encoding()
        packets = list(encoded(stream, recipe))
        context = stream.codec_context
        with av.open(str(path), "w") as out, template_stream(canonical, 64, 48, hdr) as template:
            target = out.add_stream_from_template(template, opaque=True)
            target.codec_context.pix_fmt = pix_fmt
            target.codec_context.extradata = context.extradata
            for each, value in BT2020_PQ.items():
                setattr(target.codec_context, each, value)
            for packet in packets:
                packet.stream = target
                out.mux(packet)
    return path


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "name"),
    [
        ("ffv1", "yuv420p16le", "in.mkv"),
        ("prores_ks", "yuv422p10le", "in.mov"),
        ("libx265", "yuv420p10le", "in.mp4"),
        ("libvpx-vp9", "yuv420p", "in.webm"),
    ],
)
def test_hdr_metadata_of_the_container_is_kept(
    tmp_path: Path, codec: str, pix_fmt: str, name: str
) -> None:
    path = hdr_in_the_container(tmp_path, codec, pix_fmt, name)
    kinds = {"Mastering display metadata", "Content light level metadata"}
    assert stream_side_data(path) == kinds
    out = tmp_path / f"out{path.suffix}"
    enhance(path, out, settings=SETTINGS)
    assert stream_side_data(out) == kinds
    assert side_data(out) == side_data(path)


@pytest.mark.parametrize(
    ("codec", "ending"),
    [("libx264", "mkv"), ("libx265", "mp4"), ("libsvtav1", "mp4"), ("libx265", "ts")],
)
def test_hdr_metadata_in_the_coded_stream(tmp_path: Path, codec: str, ending: str) -> None:
    path = hevc_hdr10(tmp_path)
    out = tmp_path / f"out.{ending}"
    encode = EncodeOptions(codec=codec, pix_fmt="yuv420p10le")
    enhance(path, out, settings=SETTINGS, encode=encode)
    bare = tmp_path / "bare.mkv"  # without what the container says
    form = {"libx264": "h264", "libx265": "hevc", "libsvtav1": "obu"}[codec]
    with av.open(str(out)) as container, av.open(str(bare), "w", format=form) as raw:
        stream = raw.add_stream_from_template(container.streams.video[0], opaque=True)
        for packet in container.demux(video=0):
            if packet.size:
                packet.stream = stream
                raw.mux(packet)
    with av.open(str(bare)) as container:
        picture = next(container.decode(video=0))
    hdr = Hdr.of({each.type.name.lower(): bytes(each) for each in picture.side_data.values()})
    assert hdr.light == (1000, 400)
    assert hdr.mastering is not None
    for name in ("red", "green", "blue", "white"):
        got, expected = getattr(hdr.mastering, name), getattr(MASTERING, name)
        assert [float(x) for x in got] == pytest.approx([float(x) for x in expected], abs=2e-5)
    assert float(hdr.mastering.brightest) == pytest.approx(1000, rel=1e-3)
    assert float(hdr.mastering.darkest) == pytest.approx(0.005, rel=0.01)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_is_kept(tmp_path: Path, ending: str, rotation: int) -> None:
    path = make(tmp_path / f"in.{ending}", rotation=rotation)
    out = tmp_path / f"out.{ending}"
    enhance(path, out, settings=SETTINGS)
    before, after = side_data(path), side_data(out)
    assert before["Display Matrix"]["rotation"] == after["Display Matrix"]["rotation"]
    assert before["Display Matrix"]["displaymatrix"] == after["Display Matrix"]["displaymatrix"]


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_shape_and_colours_of_a_pixel_are_kept(tmp_path: Path, ending: str) -> None:
    tags = {
        "sample_aspect_ratio": Fraction(16, 11),
        "colorspace": 6,
        "color_primaries": 5,
        "color_trc": 6,
        "color_range": 2,
        "chroma_sample_location": 3,
    }
    path = make(tmp_path / f"in.{ending}", tags=tags)
    out = tmp_path / f"out.{ending}"
    enhance(path, out, settings=SETTINGS)
    before, after = streams(path)[0], streams(out)[0]
    assert before["sample_aspect_ratio"] == "16:11"
    for name in (*COLOURS, "sample_aspect_ratio", "display_aspect_ratio"):
        assert after[name] == before[name], name


def test_unknown_colours_stay_unknown(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mkv")
    enhance(path, tmp_path / "out.mkv", settings=SETTINGS)
    after = streams(tmp_path / "out.mkv")[0]
    assert not set(COLOURS[:4]) & set(after)


def test_closed_captions_are_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "in.ts"
    caption = b"\xb5\x00\x31GA94\x03\xc2\xff" + b"\xfc\x94\x2c\xfc\x48\x69" + b"\xff"
    message = bytes([4, len(caption)]) + caption + b"\x80"
    unit = b"\0\0\0\1\x06" + message
    with av.open(str(path), "w") as container:
        recipe = Recipe(frames=12, options={"bf": "0"})
        stream = add_video(container, recipe)
        container.start_encoding()
        for packet in encoded(stream, recipe):
            data = bytes(packet)
            at = data.index(b"\0\0\1\x65" if packet.is_keyframe else b"\0\0\1\x41")
            spoken = av.Packet(data[:at] + unit + data[at:])
            spoken.pts, spoken.dts, spoken.time_base = packet.pts, packet.dts, packet.time_base
            spoken.stream, spoken.is_keyframe = stream, packet.is_keyframe
            container.mux(spoken)

    def captions(path: Path) -> int:
        found = ffprobe(path, "-show_frames", "-select_streams", "v:0")["frames"]
        return sum(
            "ATSC A53 Part 4 Closed Captions" in str(each.get("side_data_list")) for each in found
        )

    assert captions(path) == 12
    for codec in ("libx264", "libx265"):
        out = tmp_path / f"{codec}.mkv"
        enhance(path, out, settings=SETTINGS, encode=EncodeOptions(codec=codec))
        assert captions(out) == 12
