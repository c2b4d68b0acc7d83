from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vdiff_plugin.builtin.change import AbsoluteChange
from vdiff_plugin.builtin.pixel_features import PixelFeatures
from vdiff_plugin.errors import FrameError, OutputError, SettingsError, UnknownNameError
from vdiff_plugin.method import detect_changes, diffuse, extract_features, train, write_video
from vdiff_plugin.pictures import clip_of, frame_of, picture_of


def moving(length: int, shape: tuple[int, ...] = (24, 32, 3), dtype: Any = np.uint8) -> Any:
    """Pictures of a gradient that moves."""
    x = np.arange(np.prod(shape)).reshape(shape)
    peak = 1.0 if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).max
    return [((x * 7 + n * 9) % 251 / 250 * peak).astype(dtype) for n in range(length)]


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3), (4, 6, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pictures_become_frames_and_come_back(shape: tuple[int, ...], dtype: Any) -> None:
    picture = moving(1, shape, dtype)[0]
    frame = frame_of(picture).require(clip_of(picture))
    assert all(np.shares_memory(plane, picture) for plane in frame.planes)
    np.testing.assert_array_equal(picture_of(frame), picture)


@pytest.mark.parametrize(
    "picture", [np.zeros((2, 2, 2), np.uint8), np.zeros(4, np.uint8), np.zeros((2, 2), np.int64)]
)
def test_what_is_no_picture_of_ours_is_refused(picture: NDArray[Any]) -> None:
    with pytest.raises(FrameError, match=r"a picture of shape .*; give \(H, W\) or"):
        extract_features(picture, "pixel")


def test_features_by_name_or_from_an_extractor_at_hand() -> None:
    picture = moving(1)[0]
    np.testing.assert_array_equal(extract_features(picture, "pixel"), picture)
    np.testing.assert_array_equal(extract_features(picture, PixelFeatures()), picture)
    with pytest.raises(UnknownNameError, match="no feature extractor 'resnet'; have .*vgg16"):
        extract_features(picture, "resnet")


def test_our_networks_features_are_a_quarter_of_the_size() -> None:
    features = extract_features(moving(1, (37, 50))[0])
    assert features.dtype == np.uint8
    assert features.shape[:2] == (10, 13)
    assert features.shape[2] >= 8


def test_changes_of_features_and_of_raw_pixels() -> None:
    before, after = moving(2)
    change = detect_changes(before, after)
    expected = np.abs(before.astype(int) - after.astype(int)).sum(axis=2)
    np.testing.assert_array_equal(change, expected)
    np.testing.assert_array_equal(detect_changes(before, after, AbsoluteChange()), expected)
    np.testing.assert_array_equal(
        detect_changes(before[..., 0], after[..., 0]),
        np.abs(before[..., 0].astype(int) - after[..., 0]),
    )
    with pytest.raises(UnknownNameError, match="no change detector 'squared'"):
        detect_changes(before, after, "squared")
    with pytest.raises(FrameError, match="cannot be compared"):
        detect_changes(before, after[1:])


def test_a_model_of_ones_own_adds_its_change_times_the_strength() -> None:
    video = [np.array([[0, 100, 250]], np.uint8)]
    (full,) = diffuse(video, lambda picture: picture / 10)
    (half,) = diffuse(video, lambda picture: picture / 10, strength=0.5)
    (less,) = diffuse(video, lambda picture: picture - 200)
    assert [full.tolist(), half.tolist()] == [[[0, 110, 255]], [[0, 105, 255]]]
    assert less.tolist() == [[0, 0, 255]]
    (exact,) = diffuse([np.array([[1, 2]], np.float32)], lambda picture: picture / 10)
    np.testing.assert_allclose(exact, [[1.1, 2.2]], rtol=1e-6)


def test_diffusion_at_strength_0_gives_the_video_back() -> None:
    video = moving(5)
    out = list(diffuse(iter(video), strength=0))
    assert len(out) == 5
    for one, other in zip(out, video, strict=True):
        np.testing.assert_array_equal(one, other)
    assert list(diffuse([])) == []


def test_diffusion_takes_noise_away() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:64, 0:96]
    clean = 60 + y + x / 2
    noisy = [
        np.clip(np.rint(clean + rng.normal(0, 15, clean.shape)), 0, 255).astype(np.uint8)
        for _ in range(5)
    ]
    out = list(diffuse(noisy, backend="numpy"))
    before, after = (float(np.std(each[2] - clean)) for each in (noisy, out))
    assert after < 0.5 * before
    assert all((one != two).any() for one, two in pairwise(out))


def test_settings_are_checked_before_the_first_picture() -> None:
    with pytest.raises(UnknownNameError, match="no setting 'strenth'"):
        diffuse([], strenth=1)
    with pytest.raises(SettingsError, match="strength: 2 is no good"):
        diffuse([], strength=2)


def test_a_picture_unlike_the_first_is_refused() -> None:
    video = [np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)]
    with pytest.raises(FrameError, match="do not fit the clip"):
        list(diffuse(video, stages="colour:gamma=1.2"))


def test_written_pictures_read_back_bit_for_bit(tmp_path: Path) -> None:
    from host_adapters.media import read_clip

    video = moving(4)
    write_video(iter(video), tmp_path / "out.mkv", codec="ffv1")
    reader = read_clip(tmp_path / "out.mkv")
    assert float(reader.source.rate) == 30
    for frame, picture in zip(reader.frames(), video, strict=True):
        np.testing.assert_array_equal(picture_of(frame)[..., :3], picture)


def test_the_methods_own_motion_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "out.avi"
    write_video(moving(3, (48, 64, 3)), path, codec="mjpeg", rate=30)
    assert path.read_bytes()[8:12] == b"AVI "
    with pytest.raises(OutputError, match="exists"):
        write_video(moving(3), path)
    with pytest.raises(FrameError, match="no pictures to write"):
        write_video([], tmp_path / "none.avi")
    assert not (tmp_path / "none.avi").exists()


@pytest.mark.parametrize("pix_fmt", [None, "yuv420p", "yuv422p", "yuv444p"])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_motion_jpeg_shows_the_colours_that_were_given(
    tmp_path: Path, kind: str, pix_fmt: str | None
) -> None:
    red, peak = np.array([200, 40, 0]), {"uint8": 1, "uint16": 257, "float32": 1 / 255}[kind]
    picture = np.broadcast_to(red * peak, (32, 48, 3)).astype(kind)
    write_video([picture] * 2, tmp_path / "o.avi", codec="mjpeg", pix_fmt=pix_fmt)
    shown = cv2.VideoCapture(str(tmp_path / "o.avi")).read()[1][..., ::-1]  # by another's eyes
    np.testing.assert_allclose(shown.reshape(-1, 3).mean(axis=0), red, atol=2)


def test_pictures_of_floats_are_rounded_and_never_nan(tmp_path: Path) -> None:
    from host_adapters.media import read_clip

    ramp = np.linspace(-0.1, 1.1, 48 * 32, dtype=np.float32).reshape(32, 48)
    write_video([ramp], tmp_path / "out.mkv")
    (frame,) = read_clip(tmp_path / "out.mkv").frames()
    np.testing.assert_array_equal(frame.planes[0], np.rint(np.clip(ramp, 0, 1) * 65535))
    ramp[3, 4] = np.nan
    with pytest.raises(FrameError, match="NaN or infinity; give numbers from 0 to 1"):
        write_video([ramp], tmp_path / "nan.mkv")
    assert not (tmp_path / "nan.mkv").exists()


@pytest.mark.ffmpeg
def test_a_file_is_enhanced_from_python(tmp_path: Path) -> None:
    import vdiff_plugin as vdiff

    noisy = tmp_path / "in.mkv"
    write_video(moving(6, (32, 48, 3)), noisy, rate=25, codec="ffv1")
    summary = vdiff.enhance(
        noisy, tmp_path / "out.mkv", stages="colour:saturation=0", end=3, codec="ffv1"
    )
    assert summary.frames == 4
    shown = subprocess.run(
        [shutil.which("ffprobe") or "ffprobe", "-v", "error", "-count_frames",
         "-show_entries", "stream=nb_read_frames,codec_name", "-of", "csv=p=0",
         tmp_path / "out.mkv"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout.strip() == "ffv1,4"


def test_training_refuses_a_bad_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("steps = 'many'")
    with pytest.raises(SettingsError, match="recipe.toml"):
        train(recipe, [tmp_path], tmp_path / "out.safetensors")
