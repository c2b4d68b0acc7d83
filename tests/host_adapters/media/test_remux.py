"""Everything beside the processed video comes along as it was."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from av.stream import AttachmentStream, Disposition

from host_adapters.media import EncodeOptions, enhance, probe
from tests.host_adapters.media.clips import Recipe, describe, make, make_film, payload
from vdiff_plugin.errors import OutputError
from vdiff_plugin.settings import Settings

SETTINGS = Settings.of(strength=0)
MUXERS_OWN = {"encoder", "ENCODER", "major_brand", "minor_version", "compatible_brands"}
TAGS = {"title": "Film", "artist": "Nobody", "creation_time": "2020-01-02T03:04:05.000000Z"}


def plain(metadata: dict[str, str]) -> dict[str, str]:
    return {key.lower(): text for key, text in metadata.items() if key not in MUXERS_OWN}


def same(path: Path, out: Path) -> None:
    """Streams, chapters, metadata and every copied byte are equal."""
    before, after = describe(path), describe(out)
    assert after["streams"] == before["streams"]
    assert after["chapters"] == before["chapters"]
    assert plain(after["metadata"]) == plain(before["metadata"])
    video = probe(path).stream
    assert probe(out).stream == video
    for number in range(len(before["streams"])):
        if number != video:
            assert payload(out, number) == payload(path, number)


def test_a_film_in_matroska(tmp_path: Path) -> None:
    path = make_film(
        tmp_path / "in.mkv",
        video=Recipe(frames=30),
        audio=("aac", "flac"),
        subtitles={"eng": "subrip", "deu": "subrip"},
        attachment=True,
        cover=True,
        chapters=True,
        metadata=TAGS | {"my_own_key": "kept"},
    )
    out = tmp_path / "out.mkv"
    enhance(path, out, settings=SETTINGS)
    same(path, out)
    with av.open(str(path)) as old, av.open(str(out)) as new:
        for before, after in zip(old.streams, new.streams, strict=True):
            if isinstance(before, AttachmentStream) and isinstance(after, AttachmentStream):
                assert before.data == after.data
                assert (before.name, before.mimetype) == (after.name, after.mimetype)
            assert before.type == after.type
            assert before.metadata.get("title") == after.metadata.get("title")
    assert describe(out)["metadata"]["MY_OWN_KEY"] == "kept"


@pytest.mark.parametrize("ending", ["mp4", "mov"])
def test_a_film_in_mp4(tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture) -> None:
    path = make_film(
        tmp_path / f"in.{ending}",
        video=Recipe(frames=30, options={"bf": "2"}),
        subtitles={"eng": "mov_text"},
        chapters=True,
        metadata=TAGS,
    )
    out = tmp_path / f"out.{ending}"
    enhance(path, out, settings=SETTINGS)
    same(path, out)
    assert probe(out).index.pts.tolist() == probe(path).index.pts.tolist()
    assert probe(out).time_base == probe(path).time_base
    assert "left out" not in caplog.text  # the chapters' own track is no stream to copy


def test_a_phones_own_keys_and_its_creation_time(tmp_path: Path) -> None:
    first = make_film(tmp_path / "first.mp4", metadata=TAGS | {"com.apple.quicktime.make": "Pear"})
    path = tmp_path / "in.mp4"  # libav's own free form, so that the keys are in the input
    with (
        av.open(str(first)) as container,
        av.open(str(path), "w", container_options={"movflags": "+use_metadata_tags"}) as out,
    ):
        out.metadata.update({"com.apple.quicktime.make": "Pear", "title": "Film"})
        stream = out.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    written = tmp_path / "out.mp4"
    enhance(path, written, settings=SETTINGS)
    assert plain(describe(written)["metadata"]) == plain(describe(path)["metadata"])

    keys = {"title": "Film", "my_own_key": "kept", "creation_time": TAGS["creation_time"]}
    source = make_film(tmp_path / "phone.mkv", metadata=keys)
    enhance(source, tmp_path / "phone.mp4", settings=SETTINGS)
    metadata = plain(describe(tmp_path / "phone.mp4")["metadata"])
    assert metadata == keys


def test_cover_art_in_mp4(tmp_path: Path) -> None:
    path = make_film(tmp_path / "in.mp4", cover=True)
    enhance(path, tmp_path / "out.mp4", settings=SETTINGS)
    same(path, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[1].disposition & Disposition.attached_pic


def test_a_second_video_is_copied_and_the_default_one_processed(tmp_path: Path) -> None:
    one, two = Recipe(frames=12), Recipe(frames=12, size=(32, 32), moving=False)
    path = tmp_path / "in.mkv"
    paths = [make(tmp_path / f"{n}.mkv", **vars(each)) for n, each in enumerate((two, one))]
    inputs = [av.open(str(each)) for each in paths]
    with av.open(str(path), "w") as out:
        streams = [out.add_stream_from_template(each.streams.video[0]) for each in inputs]
        streams[1].disposition = Disposition.default
        for stream, each in zip(streams, inputs, strict=True):
            for packet in each.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
    assert probe(path).stream == 1
    enhance(path, tmp_path / "out.mkv", settings=SETTINGS, encode=EncodeOptions(codec="ffv1"))
    same(path, tmp_path / "out.mkv")
    assert probe(tmp_path / "out.mkv").codec == "ffv1"


def test_between_containers(tmp_path: Path) -> None:
    path = make_film(tmp_path / "in.ts", video=Recipe(frames=30), audio=("aac", "ac3"))
    for ending in ("mp4", "mkv", "ts"):
        out = tmp_path / f"out.{ending}"
        enhance(path, out, settings=SETTINGS)
        assert [each[0] for each in describe(out)["streams"]] == ["video", "audio", "audio"]
        assert len(payload(out, 1)) == len(payload(path, 1))
        assert payload(out, 2) == payload(path, 2)
        old, new = probe(path), probe(out)
        gap = old.seconds(0) - Fraction(payload(path, 2)[0][0])
        assert abs(new.seconds(0) - Fraction(payload(out, 2)[0][0]) - gap) < Fraction(1, 500)


@pytest.mark.parametrize(
    ("ending", "film", "what"),
    [
        ("mp4", {"subtitles": {"eng": "subrip"}}, r"stream 2 \(subtitle"),
        ("mp4", {"attachment": True}, r"stream 2 \(attachment"),
        ("webm", {"audio": ("aac",)}, r"stream 1 \(audio aac\)"),
        ("ts", {"subtitles": {"eng": "subrip"}}, r"stream 2 \(subtitle"),
    ],
)
def test_what_a_container_cannot_hold_is_said_before_any_work(
    tmp_path: Path, ending: str, film: dict[str, Any], what: str
) -> None:
    path = make_film(tmp_path / "in.mkv", **film)
    with pytest.raises(OutputError, match=rf"cannot hold {what}.* write to \.mkv, or leave"):
        enhance(path, tmp_path / f"out.{ending}", settings=SETTINGS)
    assert [each.name for each in tmp_path.iterdir()] == ["in.mkv"]


def test_a_stretch_takes_its_part_of_all_streams(tmp_path: Path) -> None:
    path = make_film(
        tmp_path / "in.mkv",
        video=Recipe(frames=50),
        subtitles={"eng": "subrip"},
        chapters=True,
        cover=True,
    )
    out = tmp_path / "out.mkv"
    enhance(path, out, settings=SETTINGS, start=5, end=29)
    old, new = probe(path), probe(out)
    assert new.length == 25
    assert new.seconds(0) == old.seconds(0)
    begin, end = 0.2, 1.2
    for number in (1, 2):
        before, after = payload(path, number), payload(out, number)
        inside = [(t, data) for t, data in before if begin < t < end]
        assert {data for _, data in inside} <= {data for _, data in after}
        assert len(after) <= len(inside) + 2
        shifted = {data: t for t, data in before}
        assert all(abs(shifted[data] - begin - t) < 0.003 for t, data in after)
    assert [(a, round(b, 3)) for a, b, _ in describe(out)["chapters"]] == [(0, 0.8), (0.8, 1.0)]
    assert payload(out, 3) == payload(path, 3)


def test_sound_that_runs_in_before_zero(tmp_path: Path) -> None:
    path = make_film(tmp_path / "in.mp4", video=Recipe(frames=20))
    assert payload(path, 1)[0][0] < 0
    for ending in ("mp4", "mkv"):
        out = tmp_path / f"out.{ending}"
        enhance(path, out, settings=SETTINGS)
        assert probe(out).seconds(0) == 0
        assert payload(out, 1) == payload(path, 1)
    enhance(path, tmp_path / "out.avi", settings=SETTINGS)
    assert probe(tmp_path / "out.avi").index.pts.tolist() == list(range(20))
    assert payload(tmp_path / "out.avi", 1)[0][0] == 0


def test_a_mov_timecode_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "in.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("prores_ks", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv422p10le"
        stream.metadata["timecode"] = "01:02:03:04"
        for n in range(5):
            picture = av.VideoFrame(64, 48, "yuv422p10le")
            picture.pts = n
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    assert [each[0] for each in describe(path)["streams"]] == ["video", "data"]
    enhance(path, tmp_path / "out.mov", settings=SETTINGS)
    with av.open(str(tmp_path / "out.mov")) as container:
        assert [each.type for each in container.streams] == ["video", "data"]
        assert container.streams[1].metadata["timecode"] == "01:02:03:04"


def test_chapters_are_missed_aloud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = make_film(tmp_path / "in.mkv", chapters=True)
    enhance(path, tmp_path / "out.ts", settings=SETTINGS)
    assert "cannot hold the 2 chapters" in caplog.text
