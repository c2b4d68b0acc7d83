"""Whole files, from Python: what the command line does, as functions.

Files are a host's business, so these only hand on to the adapter for media files, which
they find by name when they are called.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from vdiff_plugin.errors import FrameError
from vdiff_plugin.pictures import Picture, clip_of, frame_of
from vdiff_plugin.settings import Settings

_MEDIA = "host_adapters.media"
_FARM = "host_adapters.farm.resume"


def enhance(
    path_in: Path | str,
    path_out: Path | str,
    *,
    start: int = 0,
    end: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    codec: str | None = None,
    crf: float | None = None,
    pix_fmt: str | None = None,
    encoder_options: Mapping[str, str] | None = None,
    **settings: Any,
) -> Any:
    """Restore a video file; everything but its picture comes out as it went in.

    Args:
        path_in: the video file.
        path_out: the restored file; its suffix names the container.
        start: first frame, from 0.
        end: last frame, included; None is the clip's last.
        overwrite: replace `path_out` if it exists.
        resume: keep finished parts beside `path_out`, and go on from those that are there.
        codec: encoder, such as h264, hevc or ffv1; by default one that keeps the format.
        crf: quality; lower is better and larger.
        pix_fmt: pixel format to write; by default that of `path_in`.
        encoder_options: handed to the encoder as they are.
        **settings: as of `Settings`: strength, task, preset and so on.

    Returns:
        `host_adapters.media.Summary`: frames written, codec, damage found.

    Raises:
        VdiffError: `what; what to do`, on one line.
    """
    job = import_module(_FARM).enhance_resumably if resume else import_module(_MEDIA).enhance
    return job(
        path_in,
        path_out,
        settings=Settings.of(**settings),
        encode=_encoding(codec, crf, pix_fmt, encoder_options),
        start=start,
        end=end,
        overwrite=overwrite,
    )


def write_video(
    video: Iterable[Picture],
    path: Path | str,
    *,
    rate: Fraction | int = 30,
    overwrite: bool = False,
    codec: str | None = None,
    crf: float | None = None,
    pix_fmt: str | None = None,
    encoder_options: Mapping[str, str] | None = None,
) -> None:
    """Join pictures into a video file.

    Args:
        video: pictures of one size and type, in order: (H, W) or (H, W, 3). float32 is
            rounded to 16 bits, for video files hold no floating point.
        path: the file; its suffix names the container.
        rate: pictures a second.
        overwrite: replace `path` if it exists.
        codec: encoder, `mjpeg` for the method's own example; by default one that keeps
            the format.
        crf: quality; lower is better and larger.
        pix_fmt: pixel format to write; players like `yuv420p`.
        encoder_options: handed to the encoder as they are.

    Raises:
        FrameError: no pictures, pictures that are not alike, or NaN in one.
        OutputError: the file may not or cannot be written.
        SettingsError: options that do not fit.
    """
    pictures = map(_storable, video)
    first = next(pictures, None)
    if first is None:
        raise FrameError(f"{path}: no pictures to write; give at least one")
    import_module(_MEDIA).write_video(
        map(frame_of, chain((first,), pictures)),
        path,
        clip=clip_of(first),
        rate=rate,
        encode=_encoding(codec, crf, pix_fmt, encoder_options),
        overwrite=overwrite,
    )


def _storable(picture: Picture) -> Picture:
    if picture.dtype != np.float32:
        return picture
    if not np.isfinite(picture).all():
        raise FrameError("a picture holds NaN or infinity; give numbers from 0 to 1")
    return np.rint(np.clip(picture, 0, 1) * np.float32(65535)).astype(np.uint16)


def _encoding(
    codec: str | None, crf: float | None, pix_fmt: str | None, options: Mapping[str, str] | None
) -> Any:
    return import_module(_MEDIA).EncodeOptions(
        codec=codec, crf=crf, pix_fmt=pix_fmt, encoder_options=dict(options or {})
    )
