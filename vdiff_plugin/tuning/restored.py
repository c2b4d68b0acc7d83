"""Footage after the network, by the engine that every host uses."""

from __future__ import annotations

import numpy as np

from vdiff_plugin.engine import Engine
from vdiff_plugin.frame import ClipInfo, Frame, PixelFormat
from vdiff_plugin.settings import Settings
from vdiff_plugin.stream import render_clip
from vdiff_plugin.training.footage import Sequence420


def info_of(clip: Sequence420) -> ClipInfo:
    """Size and format of `clip`."""
    height, width = clip.luma.shape[1:]
    form = PixelFormat(family="yuv", log2_w=1, log2_h=1)
    return ClipInfo(width=width, height=height, format=form, length=len(clip))


def frames_of(clip: Sequence420) -> list[Frame]:
    """The frames of `clip` as the engine takes them."""
    return [
        Frame((luma, *np.ascontiguousarray(chroma.transpose(2, 0, 1))))
        for luma, chroma in zip(clip.luma, clip.chroma, strict=True)
    ]


def restored(engine: Engine, clip: Sequence420, settings: Settings) -> Sequence420:
    """`clip` as `vdiff enhance` gives it with `settings`."""
    with engine.open(info_of(clip), settings) as session:
        out = list(render_clip(session, frames_of(clip)))
    return Sequence420(
        np.stack([np.asarray(frame.planes[0]) for frame in out]),
        np.stack([np.stack(frame.planes[1:], axis=-1) for frame in out]),
    )
