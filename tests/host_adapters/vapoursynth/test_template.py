"""`python -m host_adapters.vapoursynth template`: its script and its pipe line really run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

vs = pytest.importorskip("vapoursynth")

from host_adapters.media import read_clip
from tests.host_adapters.media.clips import Recipe, make, make_film
from tests.host_adapters.vapoursynth.clips import environment, hashes_of, vspipe

pytestmark = pytest.mark.vapoursynth

TAGS: dict[str, int] = {
    "colorspace": 9,
    "color_primaries": 9,
    "color_trc": 16,
    "color_range": 1,
}


def _template(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "host_adapters.vapoursynth", "template", path.name],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def _written(path: Path) -> str:
    done = _template(path)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("vdiff: ") for line in done.stderr.splitlines())
    return done.stdout


def _command(script: str) -> str:
    """The pipe line that stands in the script's head."""
    found = re.search(r"^#     (vspipe (?:.*\\\n)*.*)$", script, re.M)
    assert found
    return re.sub(r"\\\n#", r"\\\n", found[1])


def _encode(path: Path) -> Path:
    """Follow the script's own advice."""
    script = _written(path)
    (path.parent / "job.vpy").write_text(script, encoding="utf-8")
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", _command(script)],
        cwd=path.parent,
        env=environment(path.parent),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return path.with_name(f"{path.stem}.restored.mkv")


def _video(path: Path) -> dict[str, Any]:
    words = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_streams", "-of", "json"]
    done = subprocess.run([*words, str(path)], capture_output=True, check=True)
    stream: dict[str, Any] = json.loads(done.stdout)["streams"][0]
    return stream


def test_the_script_is_one_that_vspipe_takes(tmp_path: Path) -> None:
    path = make(tmp_path / "it's a clip.mkv", codec="ffv1", frames=4)
    done = vspipe(tmp_path, _written(path), "--info")
    assert done.returncode == 0, done.stderr
    assert b"Frames: 4" in done.stdout


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("recipe", "kept"),
    [
        (
            Recipe(frames=6, tags=TAGS | {"sample_aspect_ratio": Fraction(4, 3)}),
            {"sample_aspect_ratio": "4:3", "codec_name": "h264"},
        ),
        (Recipe(codec="ffv1", pix_fmt="yuv422p10le", frames=6, tags=TAGS), {"codec_name": "ffv1"}),
        (
            Recipe(
                pix_fmt="yuv444p",
                time_base=Fraction(1, 1000),
                pts=(0, 40, 80, 200, 240, 480),
                tags=TAGS,
            ),
            {},
        ),
    ],
    ids=["8-bit", "10-bit", "variable rate"],
)
def test_the_pipe_line_passes_tags_times_and_sound_on(
    recipe: Recipe, kept: dict[str, str], tmp_path: Path
) -> None:
    path = make_film(tmp_path / "a film.mkv", video=recipe)
    out = _encode(path)
    before, after = _video(path), _video(out)
    for name in ("color_space", "color_primaries", "color_transfer", "color_range", "pix_fmt"):
        assert after[name] == before[name]
    assert {name: after[name] for name in kept} == kept
    clips = read_clip(path), read_clip(out)
    times = [[each.source.seconds(n) for n in range(6)] for each in clips]
    assert times[0] == times[1]
    assert len(clips[1]) == len(clips[0])


@pytest.mark.ffmpeg
def test_rgb_goes_without_loss(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", pix_fmt="gbrp10le", frames=4)
    out = read_clip(_encode(path))
    assert out.info.format == read_clip(path).info.format
    assert hashes_of(out.frames()) != hashes_of(read_clip(path).frames())


def test_what_the_file_does_not_say_is_said(tmp_path: Path) -> None:
    script = _written(make(tmp_path / "in.mkv", codec="ffv1", frames=3))
    assert "# Colours: matrix bt601, range limited, chroma left" in script
    assert "does not name its matrix and range, so this is a guess." in script
    assert "# clip = core.std.SetFrameProps(clip, _Matrix=vs.MATRIX_BT709" in script
    tagged = _written(make(tmp_path / "tagged.mkv", codec="ffv1", frames=3, tags=TAGS))
    assert "guess" not in tagged


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "no such file"),
        (lambda path: path.write_bytes(b"no video" * 40), "in.mkv"),
    ],
)
def test_a_file_that_cannot_be_used(
    spoil: Callable[[Path], object], words: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", frames=3)
    spoil(path)
    done = _template(path)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"vdiff: [^\n]+\n", done.stderr)
    assert words in done.stderr


def test_wrong_usage_is_told_apart() -> None:
    words = [sys.executable, "-m", "host_adapters.vapoursynth"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "COMMAND" in done.stderr
