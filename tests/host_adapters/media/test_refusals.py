"""Requests that cannot be met are refused before any work, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_adapters.media import EncodeOptions, enhance, read_clip
from tests.host_adapters.media.clips import make
from vdiff_plugin.errors import MediaError, SettingsError, UnknownNameError
from vdiff_plugin.settings import Settings

NO_NETWORK = Settings.of(stages=("colour",))


@pytest.mark.parametrize(
    ("encode", "told"),
    [
        (EncodeOptions(codec="ffv1", crf=20), "ffv1 has no crf"),
        (EncodeOptions(codec="libx264", crf=9999), "crf 9999; give --crf 0"),
        (EncodeOptions(codec="libx264", pix_fmt="gray16le"), "libx264 cannot hold gray16le; have"),
        (EncodeOptions(codec="libx264", encoder_options={"sparkle": "1"}), "no option 'sparkle'"),
        (
            EncodeOptions(codec="libx265", encoder_options={"preset": "warp"}),
            "refuses .*preset=warp.*; its presets are ultrafast, .*placebo",
        ),
        (
            EncodeOptions(codec="libx264", encoder_options={"crf": "low"}),
            'crf=low .Unable to parse "crf" option value "low".; check',
        ),
        (
            EncodeOptions(codec="libx264", encoder_options={"x264-params": "sparkle=1"}),
            "cannot use all of x264-params .*sparkle.*take that part out",
        ),
        (
            EncodeOptions(codec="libx265", encoder_options={"x265-params": "sparkle=1"}),
            "cannot use all of x265-params .*sparkle.*take that part out",
        ),
        (EncodeOptions(codec="libvpx-vp9", pix_fmt="yuv420p10le"), "libvpx-vp9 cannot hold"),
        (EncodeOptions(pix_fmt="rgb565le"), "cannot be written"),
        (EncodeOptions(codec="prores"), "cannot hold 8-bit yuv 4:2:0; have --pix-fmt"),
    ],
)
def test_settings_that_do_not_fit(tmp_path: Path, encode: EncodeOptions, told: str) -> None:
    path = make(tmp_path / "in.mp4")
    with pytest.raises(SettingsError, match=told) as failed:
        enhance(path, tmp_path / "out.mkv", settings=NO_NETWORK, encode=encode)
    assert "\n" not in str(failed.value)
    assert [each.name for each in tmp_path.iterdir()] == ["in.mp4"]


def test_names_that_do_not_exist(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mp4")
    with pytest.raises(UnknownNameError, match="no video codec 'h266'; have .*libx264"):
        enhance(path, tmp_path / "o.mkv", encode=EncodeOptions(codec="h266"))
    with pytest.raises(UnknownNameError, match="no pixel format 'yuv9'; have .*yuv420p10le"):
        enhance(path, tmp_path / "o.mkv", encode=EncodeOptions(pix_fmt="yuv9"))
    with pytest.raises(SettingsError, match=r"mp4 files cannot hold ffvhuff; write to \.avi or"):
        enhance(
            path, tmp_path / "o.mp4", settings=NO_NETWORK, encode=EncodeOptions(codec="ffvhuff")
        )
    grey = make(tmp_path / "grey.mkv", codec="ffv1", pix_fmt="gray16le")
    with pytest.raises(SettingsError, match="mp4 keeps 16-bit gray"):
        enhance(grey, tmp_path / "o.mp4", settings=NO_NETWORK)


@pytest.mark.parametrize(
    ("start", "end", "told"),
    [
        (10, None, "no frame 10 in .*, it has 0 to 9; change --start"),
        (-1, 4, "no frame -1 in .*, it has 0 to 9; change --start"),
        (0, 10, "no frame 10 in .*, it has 0 to 9; change --end"),
        (3, 2, "no frames from 3 to 2; give an --end from 3 up"),
    ],
)
def test_stretches_outside_the_clip(tmp_path: Path, start: int, end: int | None, told: str) -> None:
    path = make(tmp_path / "in.mp4")
    with pytest.raises(SettingsError, match=told):
        enhance(path, tmp_path / "o.mkv", settings=NO_NETWORK, start=start, end=end)


def test_a_truncated_file_is_refused_unless_its_rest_is_asked_for(tmp_path: Path) -> None:
    path = make(tmp_path / "in.mkv", frames=40, codec="ffv1")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    length = len(read_clip(path))
    with pytest.raises(MediaError, match=f"or give --end {length - 1} to take what is there"):
        enhance(path, tmp_path / "out.mkv", settings=NO_NETWORK)
    done = enhance(path, tmp_path / "out.mkv", settings=NO_NETWORK, end=length - 1)
    assert done.frames == length
