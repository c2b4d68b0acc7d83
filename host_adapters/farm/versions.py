"""The versions that pixels and bits depend on."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import av

from vdiff_plugin.farm.manifest import ManifestError
from vdiff_plugin.plugins import Offers
from vdiff_plugin.settings import Settings, parse_stage

# The network computes in integers that every library gets right, flow and codecs do not.
_ALWAYS = ("vdiff-plugin", "numpy", "opencv-python-headless", "av")
_ROUNDING = ("tensorflow", "keras", "openvino")  # where precision is less than fp32


def versions(settings: Settings, offers: Offers) -> dict[str, str]:
    """Name to version of what must be the same on every machine of a job."""
    names = [*_ALWAYS, *(_ROUNDING if settings.precision in ("bf16", "fp16") else ())]
    found = {name: _version(name) for name in names}
    found["ffmpeg"] = str(av.ffmpeg_version_info)
    for text in settings.stages:
        name, _ = parse_stage(text)
        found[f"stage {name}"] = offers.stages.source(name)
    return found


def require_versions(planned: dict[str, str], here: dict[str, str]) -> None:
    """Refuse a machine whose pixels or bits could differ.

    Raises:
        ManifestError: naming what to install.
    """
    differing = [name for name in planned if planned[name] != here.get(name)]
    if differing:
        listed = ", ".join(f"{n} {planned[n]} (here {here.get(n, 'none')})" for n in differing)
        raise ManifestError(f"the job was planned with {listed}; install the same, or plan anew")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
