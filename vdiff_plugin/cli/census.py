"""What this installation consists of, and what it lacks: for `vdiff info` and `doctor`."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from vdiff_plugin.contracts import WeightsFile
from vdiff_plugin.errors import VdiffError, WeightsError
from vdiff_plugin.model.gpus import has_gpu
from vdiff_plugin.model.weights import load_weights
from vdiff_plugin.plugins import Offers

_LIBRARIES = ("tensorflow", "keras", "numpy", "opencv-python-headless", "av", "safetensors")


@dataclass(frozen=True)
class Finding:
    """One part of the installation.

    Attributes:
        kind: what it is: backend, host, weights, library ...
        name: which one.
        state: version, devices, or what is known of it.
        missing: empty if it works, else what is missing and how to get it.
        needed: True if nothing works without it.
    """

    kind: str
    name: str
    state: str
    missing: str = ""
    needed: bool = False


def versions() -> Iterator[Finding]:
    """Vdiff, Python, and the libraries it stands on; nothing is imported."""
    yield Finding("vdiff", "vdiff-plugin", version("vdiff-plugin"))
    yield Finding("python", platform.python_implementation(), platform.python_version())
    for name in _LIBRARIES:
        try:
            yield Finding("library", name, version(name))
        except PackageNotFoundError:
            yield Finding("library", name, "", f"not installed; pip install {name}", needed=True)


def offers_by_kind(offers: Offers) -> Mapping[str, tuple[str, ...]]:
    """Names that settings and options can choose from."""
    return {
        "stages": tuple(offers.stages),
        "extractors": tuple(offers.extractors),
        "change detectors": tuple(offers.change_detectors),
        "aligners": tuple(offers.aligners),
        "encoders": encoders(),
    }


def backends(offers: Offers) -> Iterator[Finding]:
    """Each backend with the devices it could use.

    Where the machine has no GPU nobody is asked for one: libraries would be imported for
    it, which takes seconds.
    """
    gpu = has_gpu()
    for name in offers.backends:
        backend = offers.backends.find(name)()
        missing = backend.missing()
        devices = ("cpu",) if missing or not gpu else backend.devices()
        yield Finding("backend", name, "" if missing else ", ".join(devices), missing)


def hosts(offers: Offers) -> Iterator[Finding]:
    """Each host with its version."""
    for name in offers.hosts:
        host = offers.hosts.find(name)()
        missing = host.missing()
        yield Finding("host", name, "" if missing else host.version(), missing)


def weights(offers: Offers) -> Iterator[Finding]:
    """Each weights file: whether it holds what it is offered for, and how large it is."""
    for one in offers.weights:
        yield Finding("weights", f"{one.task}/{one.preset}", *_look_at(one))


def encoders() -> tuple[str, ...]:
    """The usual ones that are here; `--codec` takes any that the bundled FFmpeg has."""
    try:
        from host_adapters.media import known_codecs
    except ImportError:  # the file host says so, and how to get it
        return ()
    return known_codecs()


def _look_at(one: WeightsFile) -> tuple[str, str]:
    try:
        size = one.path.stat().st_size
    except OSError as error:
        return "", f"{one.path}: {error.strerror}; install its package again"
    try:
        found = load_weights(one.path).metadata
    except WeightsError as error:
        return "", str(error)
    if found["task"] != one.task or (found["preset"] != one.preset and not one.mirrored):
        holds = "/".join((found["task"], found["preset"]))
        return "", f"{one.path}: holds {holds}; install its package again"
    return f"{one.path.name}, {size / 1e6:.2f} MB", ""


def guarded(look: Callable[[Offers], Iterator[Finding]], offers: Offers) -> list[Finding]:
    """What `look` found; a part that fails to answer is a finding, not our end."""
    try:
        return list(look(offers))
    except VdiffError as error:
        return [Finding(look.__name__, "", "", str(error))]


def row(finding: Finding) -> tuple[Any, ...]:
    """A line of the table: kind, name, what is known or missing."""
    return finding.kind, finding.name, finding.state or f"missing: {finding.missing}"
