from __future__ import annotations

import subprocess
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vdiff_plugin.chain import engine_with
from vdiff_plugin.builtin.colour import ColourOptions, ColourStage
from vdiff_plugin.builtin.matrix import from_rgb
from vdiff_plugin.errors import SettingsError
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat, Window
from vdiff_plugin.settings import Settings

YUV = [("yuv", log2_w, log2_h) for log2_w in range(3) for log2_h in range(3)]
LAYOUTS: list[Any] = [*YUV, ("rgb", 0, 0), ("gray", 0, 0)]
BITS = [8, 9, 10, 12, 14, 16, 32]
FORMATS = [
    PixelFormat(family=family, log2_w=w, log2_h=h, bits=bits, alpha=alpha)
    for family, w, h in LAYOUTS
    for bits in BITS
    for alpha in (False, True)
]
ALL = {"brightness": "0.05", "contrast": "1.2", "gamma": "1.3", "saturation": "0.8", "hue": "20"}


def clip_of(form: PixelFormat, **changes: Any) -> ClipInfo:
    return ClipInfo(width=7, height=5, format=form, **changes)


def random_frame(clip: ClipInfo, seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    planes = []
    for shape in clip.plane_shapes():
        if clip.format.is_float:
            planes.append(rng.random(shape, np.float32))
        else:
            codes = rng.integers(0, clip.format.peak + 1, shape)
            planes.append(codes.astype(clip.format.dtype))
    return Frame(tuple(planes))


def grade(clip: ClipInfo, frame: Frame, **options: Any) -> Frame:
    given = {name: str(value) for name, value in options.items()}
    stage = ColourStage(clip, ColourOptions.read("stage colour", given))
    return stage.render(Window(0, (frame,))).require(clip)


def gray(bits: int, *codes: float, full_range: bool = False) -> tuple[ClipInfo, Frame]:
    form = PixelFormat(family="gray", bits=bits)
    clip = ClipInfo(width=len(codes), height=1, format=form, full_range=full_range)
    return clip, Frame((plane_of([codes], form),))


def plane_of(rows: Any, form: PixelFormat) -> Any:
    return np.array(rows, form.dtype)


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_neutral_options_give_the_planes_back(form: PixelFormat) -> None:
    clip = clip_of(form)
    frame = random_frame(clip)
    assert grade(clip, frame) is frame
    neutral = {"brightness": 0, "contrast": 1, "gamma": 1, "saturation": 1, "hue": 0}
    assert grade(clip, frame, **neutral) is frame


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_every_format_is_graded_and_alpha_untouched(form: PixelFormat) -> None:
    clip = clip_of(form)
    frame = random_frame(clip)
    out = grade(clip, frame, **ALL)
    for index in range(form.colour_planes):
        assert not np.array_equal(out.planes[index], frame.planes[index])
    if form.alpha:
        assert out.planes[-1] is frame.planes[-1]


@pytest.mark.parametrize("form", FORMATS, ids=str)
def test_memory_layout_does_not_matter(form: PixelFormat) -> None:
    clip = clip_of(form)
    frame = random_frame(clip)
    strided = []
    for plane in frame.planes:
        wide = np.zeros((plane.shape[0], 2 * plane.shape[1] + 3), plane.dtype)
        wide[:, 1:-2:2] = plane
        strided.append(wide[:, 1:-2:2])
    packed, spread = grade(clip, frame, **ALL), grade(clip, Frame(tuple(strided)), **ALL)
    for one, other in zip(packed.planes, spread.planes, strict=True):
        np.testing.assert_array_equal(one, other)


def test_planes_that_the_options_leave_alone_are_the_same_objects() -> None:
    clip = clip_of(PixelFormat(family="yuv", log2_w=1, log2_h=1))
    frame = random_frame(clip)
    darker, duller = grade(clip, frame, brightness=-0.1), grade(clip, frame, saturation=0.5)
    assert darker.planes[1:] == frame.planes[1:]
    assert duller.planes[0] is frame.planes[0]


@pytest.mark.parametrize(
    ("options", "codes", "expected"),
    [
        ({"brightness": 0.1}, [16, 100, 235, 255], [38, 122, 255, 255]),  # + 0.1 * 219
        ({"brightness": -1}, [16, 100, 235, 255], [0, 0, 16, 36]),
        ({"contrast": 2}, [16, 125, 126, 235], [0, 124, 126, 255]),  # about (16 + 235) / 2
        ({"contrast": 0}, [0, 16, 235, 255], [126, 126, 126, 126]),  # 125.5 to even
        ({"gamma": 2}, [16, 71, 235], [16, 126, 235]),  # sqrt(55 / 219) * 219 + 16
        ({"gamma": 0.5}, [16, 126, 235], [16, 71, 235]),
        ({"gamma": 2}, [0], [0]),  # below black it mirrors, and stops at code 0
    ],
)
def test_luma_in_limited_range(
    options: dict[str, float], codes: list[int], expected: list[int]
) -> None:
    clip, frame = gray(8, *codes)
    assert grade(clip, frame, **options).planes[0].tolist() == [expected]


def test_luma_in_full_range_and_deeper() -> None:
    clip, frame = gray(8, 0, 100, 255, full_range=True)
    assert grade(clip, frame, brightness=0.2).planes[0].tolist() == [[51, 151, 255]]
    clip, frame = gray(10, 64, 400, 940)
    assert grade(clip, frame, brightness=0.1).planes[0].tolist() == [[152, 488, 1023]]
    clip, frame = gray(16, 16 << 8, 60160)
    assert grade(clip, frame, brightness=-0.1).planes[0].tolist() == [[0, 54554]]


def test_float_luma_keeps_what_is_brighter_than_white() -> None:
    clip, frame = gray(32, -0.25, 0.25, 1.5)
    brighter = grade(clip, frame, brightness=0.25).planes[0]
    assert brighter.tolist() == [[0.0, 0.5, 1.75]]
    np.testing.assert_allclose(grade(clip, frame, gamma=2).planes[0], [[-0.5, 0.5, 1.5**0.5]])


def chroma(bits: int, first: float, second: float) -> tuple[ClipInfo, Frame]:
    form = PixelFormat(family="yuv", bits=bits)
    clip = ClipInfo(width=1, height=1, format=form)
    return clip, Frame(tuple(plane_of([[code]], form) for code in (0, first, second)))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"saturation": 0}, (128, 128)),
        ({"saturation": 2}, (148, 88)),
        ({"hue": 180}, (118, 148)),
        ({"hue": 90}, (148, 138)),  # (10, -20) turned from U towards V
        ({"hue": -90}, (108, 118)),
        ({"saturation": 4, "hue": 180}, (88, 208)),
    ],
)
def test_chroma_is_turned_and_scaled(options: dict[str, float], expected: tuple[int, int]) -> None:
    clip, frame = chroma(8, 138, 108)
    out = grade(clip, frame, **options)
    assert tuple(int(plane[0, 0]) for plane in out.planes[1:]) == expected
    clip, frame = chroma(12, 138 << 4, 108 << 4)
    out = grade(clip, frame, **options)
    assert tuple(int(plane[0, 0]) for plane in out.planes[1:]) == tuple(c << 4 for c in expected)


def test_rgb_without_saturation_is_grey() -> None:
    clip = clip_of(PixelFormat(family="rgb"), full_range=True)
    red, green, blue = grade(clip, random_frame(clip), saturation=0).planes
    np.testing.assert_array_equal(red, green)
    np.testing.assert_array_equal(red, blue)


@pytest.mark.parametrize("matrix", ["bt709", "bt601", "bt2020", "smpte240m", "fcc", "ycgco"])
def test_rgb_and_yuv_get_the_same_picture(matrix: Any) -> None:
    rgb = clip_of(PixelFormat(family="rgb", bits=32), matrix=matrix)
    yuv = clip_of(PixelFormat(family="yuv", bits=32), matrix=matrix)
    frame = random_frame(rgb)
    turned = convert(matrix, frame)
    wanted = grade(yuv, turned, **ALL)
    given = convert(matrix, grade(rgb, frame, **ALL))
    for one, other in zip(given.planes, wanted.planes, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


def convert(matrix: Any, frame: Frame) -> Frame:
    planes = np.einsum("ij,jhw->ihw", from_rgb(matrix), np.stack(frame.planes[:3]))
    return Frame(tuple(planes.astype(np.float32)))


def test_limited_rgb_has_its_black_at_16() -> None:
    clip = ClipInfo(width=1, height=1, format=PixelFormat(family="rgb"), full_range=False)
    frame = Frame(tuple(np.array([[code]], np.uint8) for code in (16, 100, 200)))
    out = grade(clip, frame, brightness=0.1)
    assert [int(plane[0, 0]) for plane in out.planes] == [38, 122, 222]


@settings(max_examples=50, deadline=None)
@given(
    brightness=st.floats(-1, 1),
    contrast=st.floats(0, 4),
    gamma=st.floats(0.1, 10),
    full_range=st.booleans(),
)
def test_deeper_samples_are_graded_as_8_bit_ones_and_order_is_kept(
    brightness: float, contrast: float, gamma: float, full_range: bool
) -> None:
    options = {"brightness": brightness, "contrast": contrast, "gamma": gamma}
    codes = np.arange(256)
    clip, frame = gray(8, *codes, full_range=full_range)
    shallow = grade(clip, frame, **options).planes[0].astype(float)
    assert (np.diff(shallow) >= 0).all()
    scale = 65535 / 255 if full_range else 256
    clip, frame = gray(16, *(codes * scale), full_range=full_range)
    deep = grade(clip, frame, **options).planes[0] / scale
    assert np.abs(np.minimum(deep, 255) - shallow).max() <= 0.5 + 1 / 128


def test_codes_above_the_peak_do_no_harm() -> None:
    clip, frame = gray(10, 1023, 4000)
    assert grade(clip, frame, brightness=-0.1).planes[0].tolist() == [[935, 935]]


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ("colour:sharpness=1", "stage colour has no option 'sharpness'; have brightness, contrast"),
        ("colour:saturation=5", "saturation=5 is no good; give a number from 0 to 4"),
        ("colour:gamma=0", "stage colour: gamma=0 is no good"),
        ("colour:hue=red", "stage colour: hue=red is no good; give a number from -180 to 180"),
        ("colour:contrast=nan", "stage colour: contrast=nan is no good"),
        ("colour:gamma", "stage colour: 'gamma' has no value; write gamma=VALUE"),
    ],
)
def test_options_out_of_range_are_one_line(stage: str, message: str) -> None:
    clip = clip_of(PixelFormat(family="gray"))
    with engine_with() as engine, pytest.raises(SettingsError, match=message) as caught:
        engine.open(clip, Settings.of(stages=stage))
    assert "\n" not in str(caught.value)


def test_the_fingerprint_tells_options_apart() -> None:
    clip = clip_of(PixelFormat(family="gray"))
    prints = {
        ColourStage(clip, ColourOptions.read("colour", {name: value})).fingerprint
        for name, value in [*ALL.items(), ("gamma", "1.0"), ("hue", "0")]
    }
    assert len(prints) == len(ALL) + 1  # the two neutral ones are equal


def filtered(frame: Frame, filters: str) -> Any:
    """What ffmpeg makes of an 8-bit 4:4:4 frame, (3, H, W); it takes codes as full range."""
    height, width = frame.planes[0].shape
    raw = f"-f rawvideo -pix_fmt yuv444p -s {width}x{height}".split()
    done = subprocess.run(
        ["ffmpeg", "-v", "error", *raw, "-i", "-", "-vf", filters, *raw, "-"],
        input=b"".join(plane.tobytes() for plane in frame.planes),
        capture_output=True,
        check=True,
        timeout=60,
    )
    return np.frombuffer(done.stdout, np.uint8).reshape(3, height, width)


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("filters", "options"),
    [
        ("hue=h=35:s=1.3", {"hue": 35, "saturation": 1.3}),
        ("hue=h=-120:s=0.5", {"hue": -120, "saturation": 0.5}),
        ("eq=brightness=0.07:contrast=1.3", {"brightness": 0.07, "contrast": 1.3}),
        ("eq=gamma=1.7", {"gamma": 1.7}),
        ("eq=saturation=1.4", {"saturation": 1.4}),
    ],
)
def test_ffmpegs_own_filters_agree(filters: str, options: dict[str, float]) -> None:
    clip = ClipInfo(width=64, height=48, format=PixelFormat(family="yuv"), full_range=True)
    frame = random_frame(clip)
    out = grade(clip, frame, **options)
    for ours, theirs in zip(out.planes, filtered(frame, filters), strict=True):
        assert np.abs(ours.astype(int) - theirs.astype(int)).max() <= 2  # theirs truncate
