"""Levels are those of the picture, not of the borders around it."""

from __future__ import annotations

import numpy as np
import pytest

from vdiff_plugin.builtin.borders import borders, keep_borders
from vdiff_plugin.builtin.levels import frame_levels, without_borders
from vdiff_plugin.contracts import Pixels
from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.settings import Settings

SIGMA = 10.0
BORDERS = {
    "letterbox": (32, 32, 0, 0),
    "pillarbox": (0, 0, 48, 48),
    "window": (32, 48, 16, 32),
    "not in whole blocks": (40, 24, 0, 0),
}


def picture(borders: tuple[int, int, int, int], scale: float = 1.0) -> Pixels:
    """A gradient under noise, 192x256, within black borders: top, bottom, left and right."""
    rng = np.random.default_rng(8)
    unit = 1 / scale
    kind = np.uint8 if scale == 1 else np.uint16
    luma = np.add.outer(np.arange(192) * 0.5, np.arange(256) * 0.2) + 50
    luma = np.rint(np.clip(luma + rng.normal(0, SIGMA, luma.shape), 0, 255) * unit).astype(kind)
    chroma = np.clip(rng.normal(128, SIGMA, (96, 128, 2)), 0, 255)
    chroma = np.rint(chroma * unit).astype(kind)
    top, bottom, left, right = borders
    inside = np.zeros(luma.shape, bool)
    inside[top : 192 - bottom, left : 256 - right] = True
    luma[~inside] = 16 * unit
    chroma[~inside[::2, ::2]] = 128 * unit
    return Pixels(luma, chroma, scale)


@pytest.mark.parametrize("scale", [1.0, 0.25])
@pytest.mark.parametrize("name", BORDERS)
def test_noise_is_measured_within_borders(name: str, scale: float) -> None:
    luma, chroma, _ = frame_levels(picture(BORDERS[name], scale))
    assert luma == pytest.approx(SIGMA, rel=0.1)
    assert chroma == pytest.approx(SIGMA, rel=0.1)


def test_only_borders_are_left_out() -> None:
    whole = picture((0, 0, 0, 0))
    assert without_borders(whole) is whole
    inside = without_borders(picture(BORDERS["window"]))
    assert inside.luma.shape == (192 - 80, 256 - 48)
    assert inside.chroma.shape == (96 - 40, 128 - 24, 2)
    np.testing.assert_array_equal(inside.luma, whole.luma[32:-48, 16:-32])
    np.testing.assert_array_equal(inside.chroma, whole.chroma[16:-24, 8:-16])


@pytest.mark.parametrize("grey", [0, 16, 90])
def test_pictures_of_one_colour_have_no_noise(grey: int) -> None:
    plain = Pixels(np.full((64, 96), grey, np.uint8), np.full((32, 48, 2), 128, np.uint8), 1.0)
    assert without_borders(plain) is plain
    assert frame_levels(plain)[:2] == (0.0, 0.0)


def test_letterboxed_footage_is_restored_as_well_as_any() -> None:
    clip = ClipInfo(
        width=256,
        height=192,
        length=5,
        format=PixelFormat(family="yuv", bits=8, log2_w=1, log2_h=1),
    )
    truth = np.add.outer(np.arange(192) * 0.5, np.arange(256) * 0.2) + 50
    errors = {}
    with Engine() as engine:
        for name, borders in (("none", (0, 0, 0, 0)), ("letterbox", BORDERS["letterbox"])):
            shown = picture(borders)
            chroma = [np.ascontiguousarray(shown.chroma[..., i]) for i in (0, 1)]
            with engine.open(clip, Settings.of()) as session:
                frame = Frame((shown.luma, *chroma))
                out = session.render(0, dict.fromkeys(session.needed(0), frame))
            part = np.s_[48:-48]
            border = np.s_[:20] if name == "letterbox" else np.s_[:0]
            np.testing.assert_array_equal(out.planes[0][border], 16)
            np.testing.assert_array_equal(out.planes[1][border][:10], 128)
            errors[name] = float(np.sqrt(np.square(out.planes[0][part] - truth[part]).mean()))
    assert errors["none"] < SIGMA / 3
    assert errors["letterbox"] < 1.1 * errors["none"]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_borders_come_out_as_they_were_in_any_samples(kind: type[np.generic]) -> None:
    rng = np.random.default_rng(2)
    source = (rng.random((40, 60)) * 200 + 20).astype(kind)
    source[:7], source[:, -5:] = 16, 16
    changed = source + 1
    keep_borders(changed, source, source)
    assert borders(source) == (7, 0, 0, 5)
    np.testing.assert_array_equal(changed[:7], 16)
    np.testing.assert_array_equal(changed[:, -5:], 16)
    np.testing.assert_array_equal(changed[7:, :-5], source[7:, :-5] + 1)
