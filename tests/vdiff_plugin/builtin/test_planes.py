"""Native planes to network pixels, and changes back to native planes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vdiff_plugin.builtin.planes import apply_change, chroma_phases, deepened, to_pixels
from vdiff_plugin.contracts import Change
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat

YUV420 = PixelFormat(family="yuv", log2_w=1, log2_h=1)
FORMATS = {
    "420": YUV420,
    "420p10": replace(YUV420, bits=10),
    "420p16": replace(YUV420, bits=16),
    "422": PixelFormat(family="yuv", log2_w=1),
    "440": PixelFormat(family="yuv", log2_h=1),
    "444": PixelFormat(family="yuv"),
    "411": PixelFormat(family="yuv", log2_w=2),
    "410": PixelFormat(family="yuv", log2_w=2, log2_h=2),
    "gray": PixelFormat(family="gray"),
    "gray16": PixelFormat(family="gray", bits=16),
    "rgb": PixelFormat(family="rgb"),
    "rgba12": PixelFormat(family="rgb", bits=12, alpha=True),
    "yuva": replace(YUV420, alpha=True),
    "float": replace(YUV420, bits=32),
    "rgb float": PixelFormat(family="rgb", bits=32),
}
SIZES = [(64, 48), (37, 21), (2, 2), (1, 1), (3, 5)]


def _frame(clip: ClipInfo, seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    peak, dtype = clip.format.peak, clip.format.dtype
    if clip.format.is_float:
        return Frame(tuple(rng.random(s, np.float32) - 0.1 for s in clip.plane_shapes()))
    return Frame(tuple(rng.integers(0, peak + 1, s).astype(dtype) for s in clip.plane_shapes()))


def _changes(clip: ClipInfo, luma: float, chroma: float) -> list[Change]:
    height, width = (-(-size // 16) * 16 for size in (clip.height, clip.width))
    one = Change(
        luma=np.full((height, width), luma, np.float32),
        chroma=np.full((height // 2, width // 2, 2), chroma, np.float32),
    )
    return [one] * len(chroma_phases(clip))


def _squares(shape: tuple[int, int], value: int) -> np.ndarray:
    """Four samples of `value` and four of one more, in turns: no border is of one value."""
    rows, columns = np.indices(shape) // 4
    return np.asarray(value + (rows + columns) % 2, np.uint8 if value < 255 else np.uint16)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FORMATS)
def test_no_change_leaves_every_bit(name: str, size: tuple[int, int]) -> None:
    clip = ClipInfo(width=size[0], height=size[1], format=FORMATS[name])
    frame = _frame(clip)
    out = apply_change(frame, _changes(clip, 0, 0), clip=clip, out=clip, strength=1.0, dither=True)
    out.require(clip)
    for before, after in zip(frame.planes, out.planes, strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FORMATS)
def test_pixels_are_padded_exact_and_fine_enough(name: str, size: tuple[int, int]) -> None:
    clip = ClipInfo(width=size[0], height=size[1], format=FORMATS[name])
    phases = to_pixels(_frame(clip), clip, 16)
    assert len(phases) == len(chroma_phases(clip))
    for pixels in phases:
        height, width = pixels.luma.shape
        assert height % 16 == width % 16 == 0
        assert pixels.chroma.shape == (height // 2, width // 2, 2)
        assert pixels.luma.dtype == pixels.chroma.dtype in (np.uint8, np.uint16)
        assert pixels.scale >= 1 / 16
        assert pixels.luma.max() * pixels.scale < 256


def test_420_goes_in_as_it_is() -> None:
    clip = ClipInfo(width=32, height=16, format=YUV420)
    frame = _frame(clip)
    (pixels,) = to_pixels(frame, clip, 16)
    np.testing.assert_array_equal(pixels.luma, frame.planes[0])
    np.testing.assert_array_equal(pixels.chroma[..., 0], frame.planes[1])
    np.testing.assert_array_equal(pixels.chroma[..., 1], frame.planes[2])


@pytest.mark.parametrize("name", ["444", "422", "440"])
@pytest.mark.parametrize("size", [(64, 48), (37, 21)])
def test_phases_hold_every_chroma_sample_once(name: str, size: tuple[int, int]) -> None:
    """Adding to each phase what it holds doubles the plane: all samples, all in place."""
    clip = ClipInfo(width=size[0], height=size[1], format=FORMATS[name])
    frame = Frame(tuple(plane // 3 for plane in _frame(clip).planes))
    changes = [
        Change(np.zeros_like(each.luma, np.float32), each.chroma.astype(np.float32))
        for each in to_pixels(frame, clip, 16)
    ]
    out = apply_change(frame, changes, clip=clip, out=clip, strength=1.0, dither=False)
    for plane, doubled in zip(frame.planes[1:], out.planes[1:], strict=True):
        np.testing.assert_array_equal(doubled, plane * 2)


@pytest.mark.parametrize("name", ["rgb", "420p10"])
def test_frames_of_one_value_stay_as_they_are(name: str) -> None:
    clip = ClipInfo(width=32, height=16, format=FORMATS[name])
    frame = Frame(tuple(np.full(s, 77, clip.format.dtype) for s in clip.plane_shapes()))
    out = apply_change(frame, _changes(clip, 9, 5), clip=clip, out=clip, strength=1.0, dither=True)
    assert all((plane == 77).all() for plane in out.planes)


@pytest.mark.parametrize(("name", "phases"), [("444", 4), ("422", 2), ("420p10", 1)])
def test_luma_gets_the_mean_of_all_phases(name: str, phases: int) -> None:
    clip = ClipInfo(width=32, height=16, format=FORMATS[name])
    frame = Frame(tuple(_squares(s, 100) for s in clip.plane_shapes()))
    one = _changes(clip, 0, 0)[0]
    changes = [Change(one.luma + 4 * n, one.chroma) for n in range(phases)]
    out = apply_change(frame, changes, clip=clip, out=clip, strength=1.0, dither=False)
    unit = 4 if name == "420p10" else 1
    assert (out.planes[0] == frame.planes[0] + unit * 2 * (phases - 1)).all()
    assert (one.luma == 0).all()


def test_a_grey_change_of_rgb_moves_all_three_planes() -> None:
    clip = ClipInfo(width=32, height=16, format=FORMATS["rgb"], full_range=True)
    frame = Frame((_squares((16, 32), 100),) * 3)
    out = apply_change(
        frame, _changes(clip, 10, 0), clip=clip, out=clip, strength=0.5, dither=False
    )
    assert all((plane == frame.planes[0] + 5).all() for plane in out.planes)


def test_units_follow_the_depth() -> None:
    clip = ClipInfo(width=32, height=16, format=FORMATS["420p10"])
    frame = Frame(tuple(_squares(s, 400).astype(np.uint16) for s in clip.plane_shapes()))
    out = apply_change(
        frame, _changes(clip, 2.25, -1), clip=clip, out=clip, strength=1.0, dither=False
    )
    assert (out.planes[0] == frame.planes[0] + 9).all()
    assert (out.planes[1] == frame.planes[1] - 4).all()


@pytest.mark.parametrize("full", [False, True])
def test_deeper_output_keeps_what_was_gained(full: bool) -> None:
    clip = ClipInfo(width=32, height=16, format=YUV420, full_range=full)
    out = replace(clip, format=replace(YUV420, bits=10))
    frame = _frame(clip)
    deep = deepened(frame, clip, out)
    codes = frame.planes[0].astype(float)
    expected = np.rint(codes * 1023 / 255) if full else codes * 4
    np.testing.assert_array_equal(deep.planes[0], expected)
    grey = Frame(tuple(np.full_like(plane, 128) for plane in frame.planes))
    assert (deepened(grey, clip, out).planes[1] == 512).all()
    changed = apply_change(
        frame, _changes(clip, 0.25, 0), clip=clip, out=out, strength=1.0, dither=False
    )
    rise = changed.planes[0].astype(int) - deep.planes[0]
    assert (rise[deep.planes[0] < 1000] == 1).all()


def test_dither_spreads_rounding_evenly_and_always_alike() -> None:
    clip = ClipInfo(width=64, height=64, format=PixelFormat(family="gray"))
    frame = Frame((_squares((64, 64), 100),))
    runs = [
        apply_change(
            frame, _changes(clip, 0.25, 0), clip=clip, out=clip, strength=1.0, dither=True
        ).planes[0]
        for _ in range(2)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    added = runs[0].astype(int) - frame.planes[0]
    assert set(np.unique(added)) == {0, 1}
    assert abs(added.mean() - 0.25) < 0.02
