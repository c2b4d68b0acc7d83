"""Every format: the same pixels as a session's, in the format that came in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

vs = pytest.importorskip("vapoursynth")

from host_adapters.media import EncodeOptions, enhance, read_clip
from host_adapters.vapoursynth import vdiff
from tests.host_adapters.media.clips import make
from tests.host_adapters.vapoursynth.clips import (
    clip_of,
    core,
    hashes,
    hashes_of,
    info_of,
    noisy,
    restored,
)
from vdiff_plugin.frame import Frame
from vdiff_plugin.settings import Settings

pytestmark = pytest.mark.vapoursynth

GREY = ["GRAY8", "GRAY9", "GRAY10", "GRAY12", "GRAY14", "GRAY16", "GRAYH", "GRAYS"]
RGB = ["RGB24", "RGB27", "RGB30", "RGB36", "RGB42", "RGB48", "RGBH", "RGBS"]
YUV = [f"YUV{sub}P{bits}" for sub in (420, 422, 444) for bits in (8, 9, 10, 12, 14, 16, "H", "S")]
ODD = ["YUV440P8", "YUV411P8", "YUV410P16"]
FILES = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p12le", "yuv444p16le", "yuv440p",
         "gray", "gray10le", "gray16le", "bgr0", "gbrp10le", "gbrp16le"]  # fmt: skip


@pytest.mark.parametrize("name", [*GREY, *RGB, *YUV, *ODD])
def test_the_same_pixels_as_a_session(name: str, weights: Path) -> None:
    form = getattr(vs, name)
    half = name.endswith("H")
    info = info_of(form, length=5)
    frames = noisy(info, half=half)
    out = vdiff(clip_of(frames, form), weights=weights)
    assert (out.format.id, out.width, out.height, out.num_frames) == (form, 44, 36, 5)
    expected = restored(info, frames, weights=weights)
    changed = hashes_of(frames)
    if half:
        expected = [_halved(frame) for frame in expected]
        changed = hashes_of(map(_halved, frames))
    got = hashes(out.frames())
    assert got == hashes_of(expected)
    assert not set(got) & set(changed)


@pytest.mark.parametrize("name", ["GRAYH", "RGBH", "YUV420PH", "YUV444PS", "YUV420P10"])
def test_at_strength_0_every_bit_stays(name: str) -> None:
    form = getattr(vs, name)
    source = clip_of(noisy(info_of(form), half=name.endswith("H")), form)
    assert hashes(vdiff(source, strength=0).frames()) == hashes(source.frames())


def test_half_floats_that_nothing_touched_come_back_as_they_were(weights: Path) -> None:
    """Subnormals, both zeros and the largest of them go through single floats and back."""
    info = info_of(vs.GRAYH, length=3)
    bits = np.arange(info.width * info.height, dtype=np.uint16) * 41 % 0x7C00
    plane = bits.view(np.float16).reshape(info.height, info.width)
    frames = [Frame((plane.astype(np.float32) * sign,)) for sign in (1, -1, 1)]
    source = clip_of(frames, vs.GRAYH)
    mask = core.std.BlankClip(source, format=vs.GRAY8, color=0)
    half = core.std.StackHorizontal(
        [mask.std.CropAbs(22, 36), core.std.BlankClip(mask, width=22, color=255)]
    )
    out = vdiff(source, weights=weights, mask=half)
    for before, after in zip(source.frames(), out.frames(), strict=True):
        was, now = (np.asarray(f[0]).view(np.uint16) for f in (before, after))
        assert (was[:, :22] == now[:, :22]).all()


@pytest.mark.parametrize("pix_fmt", FILES)
def test_the_same_pixels_as_enhance(pix_fmt: str, tmp_path: Path) -> None:
    path = make(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, frames=5)
    enhance(
        path,
        tmp_path / "out.mkv",
        settings=Settings.of(),
        encode=EncodeOptions(codec="ffv1"),
    )
    out = vdiff(core.bs.VideoSource(str(path), cachemode=0))
    expected = hashes_of(read_clip(tmp_path / "out.mkv").frames())
    assert hashes(out.frames()) == expected
    assert expected != hashes_of(read_clip(path).frames())


def test_a_depth_that_a_stage_asks_for_comes_out(weights: Path) -> None:
    frames = noisy(info_of())
    out = vdiff(clip_of(frames), weights=weights, stages="vdiff:depth=10")
    assert out.format.id == vs.YUV420P10
    expected = restored(info_of(), frames, weights=weights, stages="vdiff:depth=10")
    assert hashes(out.frames()) == hashes_of(expected)


def _halved(frame: Frame) -> Frame:
    return Frame(tuple(plane.astype(np.float16) for plane in frame.planes))  # type: ignore[misc]
