"""What encoders are told by us, and how their failures read."""

from __future__ import annotations

import errno
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest

from host_adapters.media import EncodeOptions, encoder, enhance, read_clip, write_video
from host_adapters.media.encoder import encode
from tests.clips import count_frames, write_clip
from vdiff_plugin.errors import MediaError, ResourceError
from vdiff_plugin.settings import Settings


def frames_before_the_first_packet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    given: list[int] = []
    numbers = count(1)

    def counted(context: Any, picture: Any) -> list[Any]:
        packets, n = encode(context, picture), next(numbers)
        given.extend([n] * len(packets))
        return packets

    monkeypatch.setattr("host_adapters.media.writer.encode", counted)
    clip = read_clip(write_clip(tmp_path / "in.mkv", 60, (64, 48)))
    options = EncodeOptions(codec="libx264")
    write_video(clip.frames(), tmp_path / "out.mkv", clip=clip.info, encode=options)
    return given[0]


def test_x264_looks_less_far_ahead_in_huge_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert frames_before_the_first_packet(tmp_path, monkeypatch) > 40
    monkeypatch.setattr(encoder, "_HUGE", 64 * 48 - 1)
    (tmp_path / "out.mkv").unlink()
    assert frames_before_the_first_packet(tmp_path, monkeypatch) < 20


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        (errno.ENOMEM, ResourceError, "not enough memory for ffv1 at 8x4; close other programs"),
        (errno.EINVAL, MediaError, "ffv1 failed"),
    ],
)
def test_lack_of_memory_is_told_from_other_failures(
    code: int, kind: type[Exception], said: str
) -> None:
    def fail(_: object) -> None:
        raise av.FFmpegError(code, "refused")

    context: Any = SimpleNamespace(name="ffv1", width=8, height=4, encode=fail)
    with pytest.raises(kind, match=said):
        encode(context, None)


@pytest.mark.parametrize("frames", [1, 2])
def test_clips_shorter_than_the_threads_of_x265(tmp_path: Path, frames: int) -> None:
    wide = write_clip(tmp_path / "in.mkv", frames, (7680, 64))
    plain = Settings.of(strength=0)
    enhance(wide, tmp_path / "out.mkv", settings=plain, encode=EncodeOptions(codec="hevc"))
    assert count_frames(tmp_path / "out.mkv") == frames


@pytest.mark.parametrize(("codec", "form"), [("libx264", "yuv420p"), ("libx264rgb", "rgb24")])
def test_x264_gives_the_same_bytes_again(codec: str, form: str, tmp_path: Path) -> None:
    """Macroblock trees come out in several ways with AVX-512."""
    source, contents = write_clip(tmp_path / "in.mkv", 48, (320, 192)), set()
    for turn in range(6):
        out = tmp_path / f"{turn}.mkv"
        options = EncodeOptions(codec=codec, crf=30.0, pix_fmt=form)
        enhance(source, out, settings=Settings.of(strength=0), encode=options)
        with av.open(str(out)) as container:
            contents.add(b"".join(map(bytes, container.demux(video=0))))
    assert len(contents) == 1
