"""PSNR, SSIM and VMAF against ffmpeg's own filters, and by hand."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from tests.vdiff_plugin.measure.oracle import read_stats, read_vmaf, store
from vdiff_plugin.builtin.planes import deepened
from vdiff_plugin.cli.scene import Scene
from vdiff_plugin.errors import UnknownNameError, UsageError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.measure import choose, measure_pairs, vmaf

SCENE = Scene(width=150, height=90, length=4)


def pairs(scene: Scene, clip: ClipInfo) -> Iterator[tuple[Frame, Frame]]:
    """The scene and a noisier version of it, in the depth of `clip`."""
    for n in range(scene.length):
        both = (scene.clean(n), scene.noisy(n, 12))
        clean, noisy = (deepened(one, scene.clip, clip) for one in both)
        yield clean, noisy


def clip_of(bits: int) -> ClipInfo:
    return replace(SCENE.clip, format=replace(SCENE.clip.format, bits=bits))


def stored(folder: Path, clip: ClipInfo) -> tuple[Path, Path]:
    reference = store(folder / "ref.mkv", (one for one, _ in pairs(SCENE, clip)), clip)
    return store(folder / "dist.mkv", (one for _, one in pairs(SCENE, clip)), clip), reference


@pytest.mark.ffmpeg
@pytest.mark.parametrize("bits", [8, 10])
def test_psnr_and_ssim_are_those_of_ffmpeg(tmp_path: Path, bits: int) -> None:
    clip = clip_of(bits)
    ours = measure_pairs(pairs(SCENE, clip), clip, ["psnr", "ssim"])
    files = stored(tmp_path, clip)
    for n, line in enumerate(read_stats("ffmpeg", "psnr", *files)):
        for plane in "yuv":
            assert ours[f"psnr_{plane}"][n] == pytest.approx(line[f"psnr_{plane}"], abs=0.0051)
    lines = read_stats("ffmpeg", "ssim", *files)
    assert len(lines) == SCENE.length
    for n, line in enumerate(lines):
        for plane in "yuv":
            assert ours[f"ssim_{plane}"][n] == pytest.approx(line[plane.upper()], abs=2e-6)
        assert ours["ssim"][n] == pytest.approx(line["All"], abs=2e-6)


@pytest.mark.parametrize("bits", [8, 10])
def test_vmaf_is_that_of_another_build_of_libvmaf(tmp_path: Path, bits: int) -> None:
    program = imageio_ffmpeg.get_ffmpeg_exe()
    listing = subprocess.run([program, "-filters"], capture_output=True, text=True, check=True)
    if "libvmaf" not in listing.stdout:
        pytest.skip("imageio-ffmpeg's program has no libvmaf")
    clip = clip_of(bits)
    ours = measure_pairs(pairs(SCENE, clip), clip, ["vmaf"])["vmaf"]
    theirs = read_vmaf(program, *stored(tmp_path, clip))
    assert ours == pytest.approx(theirs, abs=1e-3)
    assert 0 < ours.mean() < 99


def test_psnr_by_hand_weighs_planes_six_one_one() -> None:
    form = PixelFormat(family="yuv", log2_w=1, log2_h=1)
    clip = ClipInfo(width=8, height=8, format=form)
    zero = Frame((np.zeros((8, 8), np.uint8), *[np.zeros((4, 4), np.uint8)] * 2))
    steps = (5, 3, 1)
    other = Frame(tuple(map(np.add, zero.planes, np.array(steps, np.uint8))))
    found = {k: v[0] for k, v in measure_pairs([(zero, other)], clip, ["psnr"]).items()}
    y, u, v = (20 * np.log10(255 / step) for step in steps)
    assert found["psnr_y"] == pytest.approx(y)
    assert found["psnr_v"] == pytest.approx(v)
    assert found["psnr"] == pytest.approx((6 * y + u + v) / 8)


def test_psnr_of_rgb_is_of_the_common_error_and_equal_frames_have_a_ceiling() -> None:
    clip = ClipInfo(width=4, height=4, format=PixelFormat(family="rgb", bits=16))
    zero = np.zeros((4, 4), np.uint16)
    pair = (Frame((zero, zero, zero)), Frame((zero, zero, zero + np.uint16(300))))
    found = measure_pairs([pair, (pair[0], pair[0])], clip, ["psnr"])
    assert found["psnr"] == pytest.approx([10 * np.log10(65535**2 / (300**2 / 3)), 100])
    assert found["psnr_r"][0] == 100


@pytest.mark.parametrize("family", ["gray", "rgb"])
@pytest.mark.parametrize("bits", [8, 12, 16, 32])
def test_every_metric_takes_every_format(family: str, bits: int) -> None:
    form = PixelFormat(family=family, bits=bits)  # type: ignore[arg-type]
    clip = ClipInfo(width=64, height=48, format=form)
    rng = np.random.default_rng(3)
    base = rng.random((48, 64)) * 0.5 + 0.25

    def frame(sigma: float) -> Frame:
        planes = [base + rng.normal(0, sigma, base.shape) for _ in range(form.colour_planes)]
        return Frame(tuple((one * form.peak).astype(form.dtype) for one in planes))

    given = [(frame(0), frame(0.01)) for _ in range(2)]
    found = measure_pairs(given, clip, ["psnr", "ssim", "vmaf", "flicker", "sharpness"])
    assert found["psnr"] == pytest.approx(40, abs=0.5)
    assert (found["ssim"] > 0.9).all()
    assert found["flicker"][1] == pytest.approx(0.01 * 255 * 2**0.5, rel=0.6)
    assert np.isfinite(found["vmaf"]).all()


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vmaf, "filters_available", {"psnr"})
    with pytest.raises(UsageError, match="lacks; pip install av"):
        measure_pairs([], SCENE.clip, ["vmaf"])


def test_bad_names_and_sizes_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="no metric 'pnsr'; have flicker, psnr"):
        choose(["pnsr"])
    with pytest.raises(UsageError, match="no metric is named"):
        choose([])
    small = replace(SCENE.clip, width=8, height=8)
    with pytest.raises(UsageError, match="VMAF does not take pictures of 8x8"):
        measure_pairs([], small, ["vmaf"])
