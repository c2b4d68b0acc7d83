"""The server over real HTTP: what it gives, whom it refuses, and that it outlives rubbish."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from host_adapters.media import EncodeOptions, enhance, read_clip
from host_adapters.preview.frames import png
from host_adapters.preview.guard import Guard, RefusedError
from host_adapters.preview.server import PreviewServer
from tests.host_adapters.media.clips import Recipe, add_video, make
from tests.host_adapters.preview.conftest import SCENE, serving
from vdiff_plugin.builtin.matrix import rgb_of
from vdiff_plugin.cli import main
from vdiff_plugin.settings import Settings

Reply = tuple[int, bytes]


def get(server: PreviewServer, asked: str, **headers: str) -> Reply:
    """Status and content of what the page would ask for."""
    return fetch(server.address + asked, **headers)


def fetch(url: str, method: str = "GET", **headers: str) -> Reply:
    request = urllib.request.Request(url, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def picture(server: PreviewServer, asked: str) -> Any:
    status, content = get(server, asked)
    assert (status, content[:4]) == (200, b"\x89PNG")
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


def raw(server: PreviewServer, sent: bytes) -> bytes:
    """The first line of the reply to bytes that no browser would send."""
    with socket.create_connection(("127.0.0.1", server.server_port), 30) as line:
        with contextlib.suppress(ConnectionError):  # refused before all was sent
            line.sendall(sent)
            line.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            return line.makefile("rb").readline()
    return b""


def test_after_is_the_frame_that_enhance_writes(
    preview: PreviewServer, clip: Path, tmp_path: Path
) -> None:
    settings = Settings.of(strength=0.6, noise=9.5)
    out = tmp_path / "out.mkv"
    enhance(clip, out, settings=settings, encode=EncodeOptions(codec="ffv1"))
    restored = read_clip(out)
    for n in (5, 0, 7):  # not in order
        status, content = get(preview, f"after?n={n}&strength=0.6&noise=9.5")
        frame = next(restored.frames(n, n))
        assert (status, content) == (200, png(frame, restored.info))
        shown = np.rint(np.clip(rgb_of(frame, restored.info), 0, 1) * 255)
        read: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert np.array_equal(read[..., ::-1], shown)


def test_before_is_the_clip_and_strength_is_heard(preview: PreviewServer) -> None:
    noisy = np.rint(np.clip(rgb_of(SCENE.noisy(3, 12), SCENE.clip), 0, 1) * 255)
    assert np.array_equal(picture(preview, "before?n=3")[..., ::-1], noisy)
    assert np.array_equal(picture(preview, "after?n=3&strength=0")[..., ::-1], noisy)
    weak, strong = (picture(preview, f"after?n=3&strength={s}") for s in ("0.2", "1"))
    distance = [float(np.abs(one[..., ::-1] - noisy).mean()) for one in (weak, strong)]
    assert 0 < distance[0] < distance[1] / 2


def test_the_change_map_is_black_where_there_is_nothing_before(preview: PreviewServer) -> None:
    assert picture(preview, "change?n=0").max() == 0
    later = picture(preview, "change?n=4")
    assert (later.shape, later.max() > 0) == ((SCENE.height, SCENE.width, 3), True)


def test_strings_are_those_of_the_settings(preview: PreviewServer, clip: Path) -> None:
    status, content = get(preview, "strings?n=2&strength=0.25")
    told: dict[str, Any] = json.loads(content)
    assert status == 200
    assert told["seconds"] == pytest.approx(0.08)
    assert told["filter"] == "vdiff=strength=0.25"
    assert told["command"].startswith("vdiff enhance '")
    assert str(clip) in told["command"]


def test_noise_is_measured_in_the_frame_shown(preview: PreviewServer) -> None:
    status, content = get(preview, "measured?n=3")
    assert status == 200
    # What conftest adds.
    assert json.loads(content) == {"n": 3, "noise": pytest.approx(12, abs=1.5)}


def test_the_page_loads_nothing_from_anywhere(preview: PreviewServer) -> None:
    status, content = get(preview, "")
    text = content.decode()
    assert status == 200
    assert "a &lt;noisy&gt; clip.mkv" in text
    assert "default-src 'none'" in text
    assert "connect-src 'self'" in text
    assert re.findall(r"(?:src|href)=\"(?!data:)", text) == []


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ("after?n=8", 404, "no frame 8; the clip has 8"),
        ("after?n=-1", 400, "no frame number"),
        ("after?n=%D9%A3", 400, "no frame number"),  # a digit, but not ours
        ("after?n=99999999999999", 400, "no frame number"),
        ("after?strength=2", 400, "strength"),
        ("after?strength=nan", 400, "strength"),
        ("after?noise=loud", 400, "noise"),
        ("after?task=paint", 400, "no task 'paint'"),
        ("after?preset=huge", 400, "huge"),
        ("after?weights=/etc/passwd", 400, "no name 'weights'"),
        ("after?stages=changes", 400, "no name 'stages'"),
        ("after?n=1&n=2", 400, "given twice"),
        ('after?{"n":1}', 400, "cannot be read"),
        ("before?n=", 400, "no frame number"),
        ("before?n=1e3", 400, "no frame number"),
        ("before?n=999999999", 404, "no frame 999999999; the clip has 8"),
        ("measured?n=8", 404, "no frame 8; the clip has 8"),
        ("strings?n=8", 404, "no frame 8; the clip has 8"),
        ("after?noise=1e309", 400, "noise"),
        ("after?task=%00", 400, "no task"),
        ("after?n", 400, "cannot be read"),
        ("after?" + "&".join(["n=1"] * 9), 400, "cannot be read"),
        ("after?task=" + "x" * 100, 400, "too long"),
        ("after?task=" + "x" * 3000, 414, "too long"),
        ("after?n=%ff", 400, "cannot be read"),
        ("../../etc/passwd", 404, "no such page"),
        ("%2e%2e/etc/passwd", 404, "no such page"),
        ("app.js", 404, "no such page"),
    ],
)
def test_rubbish_is_refused_in_a_line(
    preview: PreviewServer, asked: str, status: int, told: str
) -> None:
    got, content = get(preview, asked)
    assert got == status
    assert told in content.decode()
    assert b"\n" not in content
    assert get(preview, "strings")[0] == 200


def test_only_its_own_page_may_ask(preview: PreviewServer) -> None:
    port = preview.server_port
    root = f"http://127.0.0.1:{port}/"
    assert fetch(root)[0] == 403
    assert fetch(f"{root}favicon.ico")[0] == 403
    assert fetch(f"{root}{'x' * 32}/strings")[0] == 403
    assert fetch(preview.address.rstrip("/"))[0] == 404
    assert get(preview, "strings", Host=f"rebound.example:{port}")[0] == 421
    assert get(preview, "strings", Host="127.0.0.1:1")[0] == 421
    assert get(preview, "strings", Host=f"localhost:{port}")[0] == 200
    assert get(preview, "strings", Origin="http://evil.example")[0] == 403
    assert get(preview, "strings", Origin="null")[0] == 403
    assert get(preview, "strings", Origin=root.rstrip("/"))[0] == 200
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS", "BREW"):
        assert fetch(preview.address, method)[0] == 405


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"GET / HTTP/1.1\r\n\r\n", b"421"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"421"),
        (b"GET /" + b"y" * 65_540 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"431"),
        (b"", b""),
    ],
)
def test_what_is_no_request_is_refused(preview: PreviewServer, sent: bytes, status: bytes) -> None:
    assert status in raw(preview, sent)
    assert get(preview, "strings")[0] == 200


def test_a_newer_request_ends_the_waiting_of_an_older_one(preview: PreviewServer) -> None:
    before = preview.turns._newest["after"]
    with ThreadPoolExecutor(2) as pool:
        with preview.turns.take("test"):
            older = pool.submit(get, preview, "after?n=1&strength=0.1")
            while preview.turns._newest["after"] == before:
                assert not older.done()
                time.sleep(0.01)
            newer = pool.submit(get, preview, "after?n=1&strength=0.2")
            assert older.result(30) == (409, b"a newer request took its place; ask again")
            assert not newer.done()
        assert newer.result(30)[0] == 200


def test_at_the_usual_port_browsers_need_not_name_it() -> None:
    guard, headers = Guard(80), Message()
    headers["Host"], headers["Origin"] = "127.0.0.1", "http://127.0.0.1"
    assert guard.admit("GET", f"/{guard.token}/strings", headers) == "strings"
    headers.replace_header("Host", "127.0.0.1:80")
    assert guard.admit("GET", f"/{guard.token}/strings", headers) == "strings"
    headers.replace_header("Host", "127.0.0.1:8080")
    with pytest.raises(RefusedError):
        guard.admit("GET", f"/{guard.token}/strings", headers)


def test_nobody_else_can_reach_it(preview: PreviewServer) -> None:
    assert preview.server_address[0] == "127.0.0.1"
    assert len(preview.guard.token) >= 32


def test_a_port_that_is_taken(
    preview: PreviewServer, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = preview.server_port
    assert main.run(["preview", str(clip), "--port", str(port)]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"vdiff: port {port} is taken; ")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["gone.mkv"], 1, "gone.mkv"),
        (["CLIP", "--task", "paint"], 2, "no task 'paint'"),
        (["CLIP", "--port", "70000"], 2, "'--port'"),
    ],
)
def test_what_cannot_be_shown_is_said_before_there_is_a_page(
    clip: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, told: str
) -> None:
    assert main.run(["preview", *(str(clip) if one == "CLIP" else one for one in words)]) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert told in err


def test_a_clip_without_frames_is_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bare.mkv"
    with av.open(str(path), "w") as container:
        add_video(container, Recipe(codec="ffv1"))
        container.start_encoding()
    assert main.run(["preview", str(path)]) == 1
    told = f"vdiff: {path}: it ends before its first frame; give a complete video file\n"
    assert capsys.readouterr() == ("", told)


def test_times_are_those_of_the_file(tmp_path: Path) -> None:
    pts = [0, 40, 50, 1000]
    base = Fraction(1, 1000)
    path = make(tmp_path / "vfr.mkv", codec="ffv1", frames=4, pts=pts, time_base=base)
    with serving(path, Settings.of()) as server:
        told = [json.loads(get(server, f"strings?n={n}")[1])["seconds"] for n in range(4)]
        assert told == [0, 0.04, 0.05, 1]
        assert get(server, "before?n=4")[0] == 404


def test_a_clip_that_vanishes_is_told_and_the_server_goes_on(clip: Path, tmp_path: Path) -> None:
    path, away = tmp_path / "clip.mkv", tmp_path / "away.mkv"
    path.write_bytes(clip.read_bytes())
    told = f"{path}: gone, or not what it was; start the preview again"
    with serving(path, Settings.of()) as server:
        assert get(server, "after?n=3")[0] == 200
        path.rename(away)
        for asked in ("before?n=3", "after?n=4", "change?n=1", "measured?n=2"):
            status, content = get(server, asked)
            assert (status, content.decode()) == (500, told)
        away.rename(path)
        assert get(server, "after?n=4")[0] == 200


def test_who_hangs_up_while_it_renders_does_not_stop_it(
    preview: PreviewServer, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = (
        f"GET /{preview.guard.token}/after?n=2&strength=0.%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"
    )
    with preview.turns.take("test"):  # they are all gone before the first one is answered
        for turn in range(6):
            before = preview.turns._newest["after"]
            with socket.create_connection(("127.0.0.1", preview.server_port), 30) as line:
                line.sendall((asked % (turn + 1, preview.server_port)).encode())
                while preview.turns._newest["after"] == before:
                    time.sleep(0.01)
                reset = struct.pack("ii", 1, 0)  # no farewell: what is written then fails
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    assert get(preview, "after?n=2&strength=0.9")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_it_ends_by_an_interrupt(clip: Path) -> None:
    words = [sys.executable, "-m", "vdiff_plugin", "preview", str(clip), "--no-open"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=clip.parent
    ) as program:
        assert program.stdout
        address = program.stdout.readline().strip()
        assert fetch(f"{address}before?n=1")[0] == 200
        program.send_signal(signal.SIGINT)
        try:
            rest, err = program.communicate(timeout=60)
        finally:
            program.kill()  # or the tests would wait for ever for one that does not end
    assert (program.returncode, rest) == (130, "")
    assert err.splitlines()[1:] == ["vdiff: interrupted"]
