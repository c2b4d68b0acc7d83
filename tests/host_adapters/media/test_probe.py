"""Input that is no video, or none that we may touch: one line that says so."""

from __future__ import annotations

import threading
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from host_adapters.media import probe
from tests.clips import write_sound
from tests.host_adapters.media.clips import make, make_film
from vdiff_plugin.errors import MediaError


def one_line(path: Path, told: str) -> None:
    with pytest.raises(MediaError, match=told) as failed:
        probe(path)
    text = str(failed.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    assert ";" in text


def test_what_is_no_video(tmp_path: Path) -> None:
    one_line(tmp_path / "missing.mkv", "no such file")
    one_line(tmp_path, "a directory")
    for name, data, told in (
        ("empty.mp4", b"", "the file is empty"),
        ("text.txt", b"hello world\n" * 90, "this is text, not video"),
        ("text.mp4", b"hello world\n" * 90, "not a video, or damaged"),
        ("noise.mkv", np.random.default_rng(0).bytes(9000), "not a video, or damaged"),
        ("list.ffconcat", b"ffconcat version 1.0\nfile /etc/passwd\n", "refers to other files"),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        one_line(path, told)


def test_mp4_without_its_index(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    one_line(path, "not a video, or damaged")


def test_sound_alone(tmp_path: Path) -> None:
    one_line(write_sound(tmp_path / "in.wav"), r"no video in it \(it has audio\)")


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", cover=True)
    path = tmp_path / "in.mkv"
    with av.open(str(film)) as container, av.open(str(path), "w") as out:
        sound = out.add_stream_from_template(container.streams.audio[0])
        out.add_attachment("cover.png", "image/png", bytes(next(container.demux(video=1))))
        for packet in container.demux(audio=0):
            if packet.size:
                packet.stream = sound
                out.mux(packet)
    one_line(path, "no video in it")


def test_a_video_of_no_frames(tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    one_line(path, "it ends before its first frame")


def test_nothing_is_fetched_from_the_network(tmp_path: Path) -> None:
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        path = tmp_path / "in.m3u8"
        segment = f"http://127.0.0.1:{server.server_port}/spy.ts"
        path.write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{segment}\n#EXT-X-ENDLIST\n"
        )
        with pytest.raises(MediaError):
            probe(path)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert asked == []


def test_what_is_read_of_a_clip(tmp_path: Path) -> None:
    path = make(
        tmp_path / "in.mp4",
        tags={"sample_aspect_ratio": Fraction(4, 3), "colorspace": 1},
        rotation=90,
        rate=Fraction(30000, 1001),
        time_base=Fraction(1, 30000),
        pts=range(0, 10010, 1001),
    )
    source = probe(path)
    assert (source.codec, source.stream, source.length) == ("h264", 0, 10)
    assert (source.rate, source.time_base) == (Fraction(30000, 1001), Fraction(1, 30000))
    assert source.sar == Fraction(4, 3)
    assert "display_matrix" in source.side_data
    assert source.describe(3) == "frame 3 (pts 3003, 0.100 s)"


def test_a_frame_rate_that_the_file_gets_wrong_is_measured(tmp_path: Path) -> None:
    path = make(
        tmp_path / "in.mkv",
        rate=Fraction(500),
        time_base=Fraction(1, 1000),
        pts=range(0, 400, 40),
    )
    assert probe(path).rate == 25
