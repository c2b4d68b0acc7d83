"""Task upscale2x in every host: pictures of twice the size, the same ones everywhere."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest

from host_adapters.farm.opened import OpenJob
from host_adapters.farm.plan import plan
from host_adapters.farm.run import finish, run, serial
from host_adapters.ffmpeg.main import run as run_ffmpeg
from host_adapters.filtergraph.node import VdiffNode
from host_adapters.filtergraph.tokens import Filter
from host_adapters.filtergraph.vdiff_options import read_node
from host_adapters.media import EncodeOptions, enhance, probe, read_clip
from host_adapters.media.hdr import Hdr
from host_adapters.pipes.y4m import Y4mReader
from tests.conftest import Vdiff
from tests.host_adapters.media.clips import make, make_film
from tests.host_adapters.media.test_ffprobe import hevc_hdr10
from tests.host_adapters.preview.conftest import serving
from tests.vdiff_plugin.networks import random_weights_file
from vdiff_plugin.engine import Engine
from vdiff_plugin.errors import UsageError
from vdiff_plugin.frame import Frame
from vdiff_plugin.settings import Settings

LOSSLESS = EncodeOptions(codec="ffv1")
SIZE, DOUBLE = (70, 50), (140, 100)
TAGS = {
    "sample_aspect_ratio": Fraction(4, 3), "colorspace": 1, "color_primaries": 1, "color_trc": 1,
    "color_range": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_weights_file(tmp_path_factory.mktemp("weights"), task="upscale2x")


@pytest.fixture(scope="module")
def settings(weights: Path) -> Settings:
    return Settings.of(task="upscale2x", weights=weights)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "in.mkv"
    return make(path, size=SIZE, frames=8, tags=TAGS, options={"crf": "12"})


@pytest.fixture(scope="module")
def doubled(clip: Path, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By the file host."""
    out = tmp_path_factory.mktemp("doubled") / "out.mkv"
    enhance(clip, out, settings=settings, encode=LOSSLESS)
    return out


def keys(path: Path) -> list[bytes]:
    return [frame.key for frame in read_clip(path).frames()]


def test_a_file_is_doubled_and_nothing_else_changes(
    clip: Path, doubled: Path, settings: Settings
) -> None:
    was, now = probe(clip), probe(doubled)
    assert (now.info.width, now.info.height) == DOUBLE
    assert (now.tags, now.rate, now.time_base) == (was.tags, was.rate, was.time_base)
    assert [p.pts for p in read_clip(doubled).pictures()] == [
        p.pts for p in read_clip(clip).pictures()
    ]
    reader = read_clip(clip)
    frames = dict(enumerate(reader.frames()))
    with Engine() as engine, engine.open(reader.info, settings) as session:
        assert [session.render(n, frames).key for n in frames] == keys(doubled)


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv444p", "gray12le", "gbrp10le", "yuva420p"])
def test_odd_sizes_of_every_format(tmp_path: Path, pix_fmt: str, settings: Settings) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, size=(45, 35), frames=3)
    done = enhance(path, tmp_path / "out.mkv", settings=settings, encode=LOSSLESS)
    assert (done.frames, done.pix_fmt) == (3, probe(path).layout.name)
    info = read_clip(tmp_path / "out.mkv").info
    assert (info.width, info.height) == (90, 70)


def test_pixels_keep_their_shape(clip: Path, tmp_path: Path) -> None:
    enhance(clip, tmp_path / "out.mkv", settings=Settings.of(task="upscale2x", strength=0))
    assert probe(tmp_path / "out.mkv").sar == probe(clip).sar == Fraction(4, 3)


def test_all_that_films_have_comes_along(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", subtitles={"eng": "subrip"}, chapters=True)
    enhance(film, tmp_path / "out.mkv", settings=Settings.of(task="upscale2x", strength=0))
    with av.open(str(film)) as before, av.open(str(tmp_path / "out.mkv")) as after:
        assert [each.type for each in after.streams] == [each.type for each in before.streams]
        assert len(after.chapters()) == len(before.chapters()) > 0
        was, now = before.streams.video[0], after.streams.video[0]
        assert (now.width, now.height) == (2 * was.width, 2 * was.height)


def test_more_bits_where_the_output_has_them(clip: Path, tmp_path: Path, weights: Path) -> None:
    settings = Settings.of(task="upscale2x", weights=weights)
    encode = EncodeOptions(codec="ffv1", pix_fmt="yuv420p10le")
    enhance(clip, tmp_path / "out.mkv", settings=settings, encode=encode)
    info = read_clip(tmp_path / "out.mkv").info
    assert (info.width, info.height, info.format.bits) == (*DOUBLE, 10)


def test_the_pipe_says_the_new_size(clip: Path, doubled: Path, weights: Path) -> None:
    frames = list(read_clip(clip).frames())
    data = b"YUV4MPEG2 W70 H50 F25:1 Ip A4:3 C420mpeg2 XCOLORRANGE=LIMITED\n" + b"".join(
        b"FRAME\n" + b"".join(plane.tobytes() for plane in frame.planes) for frame in frames
    )
    words = ["--task", "upscale2x", "--weights", str(weights), "--matrix", "bt709"]
    done = subprocess.run(
        [sys.executable, "-m", "vdiff_plugin", "pipe", *words],
        input=data, capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(b"YUV4MPEG2 W140 H100 F25:1 Ip A4:3 ")
    piped = [each.frame.key for each in Y4mReader(BytesIO(done.stdout)).frames()]
    assert piped == keys(doubled)


def _node(options: str, engine: Engine) -> VdiffNode:
    return VdiffNode(read_node(Filter("vdiff", args=f"task=upscale2x:{options}")), engine)


def _pictures(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


@pytest.mark.parametrize("strength", [0, 1])
def test_a_filter_node_gives_larger_pictures(
    clip: Path, weights: Path, tmp_path: Path, strength: float
) -> None:
    settings = Settings.of(task="upscale2x", weights=weights, strength=strength)
    enhance(clip, tmp_path / "out.mkv", settings=settings, encode=LOSSLESS)
    with (
        Engine() as engine,
        closing(_node(f"strength={strength}:weights={weights}", engine)) as node,
    ):
        made = [out for picture in _pictures(clip) for out in node.push(picture)]
        made += node.finish()
    assert [picture.pts for picture in made] == [picture.pts for picture in _pictures(clip)]
    assert {(each.width, each.height, each.colorspace) for each in made} == {(*DOUBLE, 1)}
    got = [Frame(_planes(picture)).key for picture in made]
    assert got == keys(tmp_path / "out.mkv")


def _planes(picture: av.VideoFrame) -> tuple[np.ndarray, ...]:
    return tuple(
        np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width].copy()
        for plane in picture.planes
    )


def test_a_node_that_doubles_is_always_on(clip: Path) -> None:
    with Engine() as engine, closing(_node("strength=0:enable='gt(n,3)'", engine)) as node:
        first = _pictures(clip)[0]
        with pytest.raises(UsageError, match="changes size or format is always on"):
            list(node.push(first))


@pytest.mark.ffmpeg
@pytest.mark.parametrize("program", ["none", ""])
def test_filters_go_on_with_the_doubled_picture(
    clip: Path, doubled: Path, weights: Path, tmp_path: Path, program: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if program:
        monkeypatch.setenv("VDIFF_FFMPEG", program)
    graph = f"vdiff=task=upscale2x:weights={weights},crop=100:60:10:20"
    out = tmp_path / "out.mkv"
    assert run_ffmpeg(["-i", str(clip), "-vf", graph, "-c:v", "ffv1", str(out)]) == 0
    whole = [frame.planes[0] for frame in read_clip(doubled).frames()]
    cut = [frame.planes[0] for frame in read_clip(out).frames()]
    assert len(cut) == len(whole)
    for large, small in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(small, large[20:80, 10:110])


@pytest.mark.parametrize("after", ["", ",hflip"])
def test_filters_leave_the_shape_of_pixels(clip: Path, tmp_path: Path, after: str) -> None:
    graph, out = f"vdiff=task=upscale2x:strength=0{after}", tmp_path / "out.mkv"
    assert run_ffmpeg(["-i", str(clip), "-vf", graph, "-c:v", "ffv1", str(out)]) == 0
    assert probe(out).sar == Fraction(4, 3)


def test_filters_leave_hdr10(tmp_path: Path) -> None:
    source, out = hevc_hdr10(tmp_path), tmp_path / "out.mkv"
    words = ["-vf", "vdiff=task=upscale2x:strength=0", "-c:v", "libx265", "-preset", "ultrafast"]
    assert run_ffmpeg(["-i", str(source), *words, str(out)]) == 0
    was, now = (Hdr.of(probe(path).side_data) for path in (source, out))
    assert was.mastering
    assert now == was


@pytest.fixture
def tall(tmp_path: Path) -> Path:
    """Of unnamed matrix, which its size says is BT.601; its double looks like BT.709."""
    return make(tmp_path / "tall.mkv", codec="ffv1", size=(32, 320), frames=3)


def test_the_matrix_is_named_where_the_new_size_would_say_another(
    tall: Path, clip: Path, tmp_path: Path
) -> None:
    settings = Settings.of(task="upscale2x", strength=0)
    enhance(tall, tmp_path / "file.mkv", settings=settings, encode=LOSSLESS)
    words = ["-i", str(tall), "-vf", "vdiff=task=upscale2x:strength=0", "-c:v", "ffv1"]
    assert run_ffmpeg([*words, str(tmp_path / "graph.mkv")]) == 0
    for name in ("file.mkv", "graph.mkv"):
        source = probe(tmp_path / name)
        assert (source.tags.known_matrix(), source.info.matrix) == ("bt601", "bt601")
    small = make(tmp_path / "small.mkv", codec="ffv1", size=(32, 32), frames=3)
    enhance(small, tmp_path / "same.mkv", settings=settings, encode=LOSSLESS)
    assert probe(tmp_path / "same.mkv").tags == probe(small).tags  # nothing was in doubt


def test_a_plan_refuses_what_the_encoder_refuses(clip: Path, vdiff: Vdiff, tmp_path: Path) -> None:
    wide = make(tmp_path / "wide.mkv", codec="ffv1", size=(8320, 16), frames=1)
    words = ("--task", "upscale2x", "--strength", "0", "--codec", "h264", "--job", "job")
    done = vdiff("farm", "plan", wide, "out.mkv", *words)
    assert done.returncode == 2
    assert "libx264 refuses 16640x32" in done.stderr
    assert done.stderr.endswith("it may be too large; take --codec ffv1 and write to .mkv\n")
    assert not (tmp_path / "job").exists()


def test_chunks_of_a_farm_join_into_the_whole(
    clip: Path, doubled: Path, settings: Settings, tmp_path: Path
) -> None:
    with Engine() as engine:
        folder = plan(
            clip, tmp_path / "out.mkv", tmp_path / "job", chunk_frames=3, settings=settings,
            encode=LOSSLESS, engine=engine,
        )  # fmt: skip
        with OpenJob(folder, engine=engine) as job, folder.lock():
            finish(job, run(job, serial(job)))
    assert keys(tmp_path / "out.mkv") == keys(doubled)


def test_the_preview_shows_both_sizes(clip: Path, tmp_path: Path) -> None:
    from tests.host_adapters.preview.test_server import picture

    with serving(clip, Settings.of(task="upscale2x", strength=0)) as server:
        assert picture(server, "before?n=1").shape[:2] == SIZE[::-1]
        after = picture(server, "after?n=1&task=upscale2x&strength=0")
        assert after.shape[:2] == DOUBLE[::-1]


def test_a_report_is_refused_before_the_work(clip: Path, vdiff: Vdiff, tmp_path: Path) -> None:
    words = ("--task", "upscale2x", "--strength", "0", "--report", "r.html")
    done = vdiff("enhance", clip, "o.mkv", *words)
    assert done.returncode == 2
    assert done.stderr == (
        "vdiff: o.mkv: 140x100 pixels, but IN has 70x50; leave --report out, or keep size and "
        "format\n"
    )
    assert not list(tmp_path.glob("o.mkv*"))


@pytest.mark.vapoursynth
def test_vapoursynth_returns_the_doubled_clip(clip: Path, doubled: Path, weights: Path) -> None:
    vs = pytest.importorskip("vapoursynth")
    from host_adapters.vapoursynth import vdiff
    from tests.host_adapters.vapoursynth.clips import clip_of, hashes, hashes_of

    source = clip_of(
        list(read_clip(clip).frames()), _Matrix=1, _SARNum=4, _SARDen=3, _ChromaLocation=0, _Range=0
    )
    out = vdiff(source, task="upscale2x", weights=weights)
    assert (out.width, out.height, out.num_frames) == (*DOUBLE, 8)
    assert out.format.id == vs.YUV420P8
    assert hashes(out.frames()) == hashes_of(read_clip(doubled).frames())
    props = out.get_frame(5).props
    assert (props["_SARNum"], props["_SARDen"], props["_ChromaLocation"]) == (4, 3, 0)


@pytest.mark.vapoursynth
def test_vapoursynth_doubles_alpha_and_names_the_matrix(tall: Path) -> None:
    vs = pytest.importorskip("vapoursynth")
    from host_adapters.vapoursynth import vdiff
    from tests.host_adapters.vapoursynth.clips import clip_of

    source = clip_of(list(read_clip(tall).frames()))
    alpha = vs.core.std.BlankClip(source, format=vs.GRAY8, color=77)
    out = vdiff(source.std.ClipToProp(alpha, prop="_Alpha"), task="upscale2x", strength=0)
    props = out.get_frame(1).props
    assert (props["_Alpha"].width, props["_Alpha"].height) == (64, 640)
    assert np.unique(np.asarray(props["_Alpha"][0])).tolist() == [77]
    assert props["_Matrix"] == 6
    mask = vs.core.std.BlankClip(source, format=vs.GRAY8)
    for chosen in (mask, vs.core.std.BlankClip(mask, width=64, height=640)):
        with pytest.raises(vs.Error, match="changes size or format; leave out planes, mask"):
            vdiff(source, task="upscale2x", mask=chosen)
