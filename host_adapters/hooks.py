"""The hosts that we offer. Each factory imports its module when it is called, not before."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vdiff_plugin.contracts import HostAdapter
from vdiff_plugin.hookspecs import hookimpl


@hookimpl
def vdiff_hosts() -> Mapping[str, Callable[[], HostAdapter]]:
    """Video files, the ffmpeg program, editors and VapourSynth."""
    return {"media": _media, "ffmpeg": _ffmpeg, "frei0r": _frei0r, "vapoursynth": _vapoursynth}


def _ffmpeg() -> HostAdapter:
    from host_adapters.ffmpeg.host import FfmpegHost

    return FfmpegHost()


def _frei0r() -> HostAdapter:
    from host_adapters.frei0r.hosts import Frei0rHost

    return Frei0rHost()


def _media() -> HostAdapter:
    from host_adapters.media.host import MediaHost

    return MediaHost()


def _vapoursynth() -> HostAdapter:
    from host_adapters.vapoursynth.host import VapourSynthHost

    return VapourSynthHost()
