"""Strength and mask clips: where chroma samples sit."""

from __future__ import annotations

import numpy as np
import pytest

vs = pytest.importorskip("vapoursynth")

from host_adapters.vapoursynth.maps import blended
from tests.host_adapters.vapoursynth.clips import info_of
from vdiff_plugin.frame import ClipInfo, Frame

pytestmark = pytest.mark.vapoursynth


def _blend(form: int, location: str, share: np.ndarray) -> np.ndarray:
    """The chroma share, read off a blend of 0 and 1 floats."""
    info = info_of(form, chroma_location=location)
    zeros, ones = (_flat(info, value) for value in (0, 1))
    return blended(zeros, ones, share, info).planes[1]


def _flat(info: ClipInfo, value: float) -> Frame:
    return Frame(tuple(np.full(shape, value, np.float32) for shape in info.plane_shapes()))


def _ramp(axis: int) -> np.ndarray:
    info = info_of()
    y, x = np.mgrid[1 : info.height + 1, 1 : info.width + 1]
    return ((y, x)[axis] / 64).astype(np.float32)


@pytest.mark.parametrize(
    ("form", "location", "down", "right"),
    [
        (vs.YUV420PS, "left", 0.5, 0.0),
        (vs.YUV420PS, "center", 0.5, 0.5),
        (vs.YUV420PS, "topleft", 0.0, 0.0),
        (vs.YUV420PS, "top", 0.0, 0.5),
        (vs.YUV420PS, "bottomleft", 1.0, 0.0),
        (vs.YUV420PS, "bottom", 1.0, 0.5),
        (vs.YUV422PS, "left", 0.0, 0.0),
        (vs.YUV422PS, "center", 0.0, 0.5),
    ],
)
def test_the_share_is_taken_where_a_chroma_sample_sits(
    form: int, location: str, down: float, right: float
) -> None:
    info = info_of(form)
    height, width = info.plane_shapes()[1]
    steps = info.height // height, info.width // width
    for axis, offset in ((0, down), (1, right)):
        got = _blend(form, location, _ramp(axis))
        places = np.arange((height, width)[axis]) * steps[axis] + offset + 1
        expected = (places / 64)[:, None] if axis == 0 else (places / 64)[None]
        inner = (slice(1, -1), slice(1, -1))  # at the borders there is no pixel beyond
        assert np.allclose(got[inner], np.broadcast_to(expected, got.shape)[inner], atol=1e-6)


def test_a_chroma_sample_that_colours_a_pixel_of_share_0_stays() -> None:
    share = np.ones((36, 44), np.float32)
    share[10, 20] = 0
    got = _blend(vs.YUV420PS, "left", share)
    assert got[5, 10] == 0
    assert (got == 0).sum() == 1
    assert got[20 // 2, 2] == 1


def test_integers_are_rounded_to_the_nearest_and_ends_are_exact() -> None:
    info = info_of(vs.GRAY16)
    shape = info.plane_shapes()[0]
    before, after = (
        Frame((np.full(shape, 7, np.uint16),)),
        Frame((np.full(shape, 65535, np.uint16),)),
    )
    share = np.zeros(shape, np.float32)
    share[0, :4] = [0, 0.25, 0.5, 1]
    plane = blended(before, after, share, info).planes[0]
    assert plane.dtype == np.uint16
    assert plane[0, :5].tolist() == [7, 16389, 32771, 65535, 7]
